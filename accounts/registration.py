"""How customers come in: an account is a user with an open wallet."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import translation

from accounts import sessions
from accounts.errors import EmailTaken, UsernameTaken
from accounts.models import User
from accounts.profiles import USERNAME_CONSTRAINTS
from panel.errors import violated_constraint
from wallet import wallets

logger = logging.getLogger(__name__)

_held: ContextVar[list[EmailMessage] | None] = ContextVar("mails held back", default=None)


def register_customer(*, username: str, email: str, password: str | None, currency: str | None = None) -> User:
    """Create a customer with an empty wallet; for programs and staff, without the sign-up form.

    :param password: None lets in nobody before it is set by the mail of a password reset.
    :raises EmailTaken, UsernameTaken: be it in other capitals; nothing is created.
    """
    with _naming_what_is_taken(), transaction.atomic():
        user = User.objects.create_user(username=username, email=email, password=password)
        wallets.open_wallet(user_id=user.pk, currency=currency or settings.BASE_CURRENCY)
    return user


class AccountAdapter(DefaultAccountAdapter):
    """Open the wallet in the transaction that creates the user, so that no customer is without one."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Save the user of a sign-up form together with an empty wallet in the base currency.

        :raises EmailTaken: by a sign-up that was faster, after the form had looked.
        :raises UsernameTaken: likewise.
        """
        # Mails have no browser to ask: they speak the language in which somebody signed up.
        spoken = translation.get_language() or settings.LANGUAGE_CODE
        user.language = spoken if spoken in dict(settings.LANGUAGES) and spoken != settings.LANGUAGE_CODE else ""
        with _naming_what_is_taken(), transaction.atomic():
            user = super().save_user(request, user, form, commit=commit)
            if commit:
                wallets.open_wallet(user_id=user.pk, currency=settings.BASE_CURRENCY)
        return user

    def login(self, request: HttpRequest, user: Any) -> None:
        """Log a user in; the row of the new session says when and from where."""
        super().login(request, user)
        sessions.remember(request.session.session_key or "", self.get_client_ip(request))

    def set_password(self, user: Any, password: str) -> None:
        """Give a user another password, which ends all sessions but the one it was asked for in."""
        user.set_password(password)
        user.save(update_fields=["password"])  # allauth writes all columns, and somebody may be suspending the user
        sessions.end_other_sessions(user_id=user.pk, kept_key=self.request.session.session_key)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail about an account; without a mail server the page still answers, for its deed is done."""
        request = allauth_context.request
        mail = self.render_mail(
            template_prefix,
            email,
            {"request": request, "email": email, "current_site": get_current_site(request), **context},
        )
        held = _held.get()
        if held is None:
            _send(mail)
        else:
            held.append(mail)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Offer only the second factor to whoever has one: a password alone must not be able to turn it off."""
        methods = super().get_reauthentication_methods(user)
        return [method for method in methods if method["id"] == "mfa_reauthenticate"] or methods


@contextmanager
def mails_held_back() -> Iterator[None]:
    """Send the mails of this block at its end, when its transaction is over; none if it fails."""
    held: list[EmailMessage] = []
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)
    for mail in held:
        _send(mail)


@contextmanager
def _naming_what_is_taken() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        rule = violated_constraint(error)
        if rule == "user_email_unique":
            raise EmailTaken from error
        if rule in USERNAME_CONSTRAINTS:
            raise UsernameTaken from error
        raise


def _send(mail: EmailMessage) -> None:
    try:
        mail.send()
    except OSError as error:  # every failure of smtplib is one
        logger.error("the mail “%s” could not be sent: %s", mail.subject, error)
