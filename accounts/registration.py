"""How customers come in: an account is a user with an open wallet."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from wallet import wallets


def register_customer(*, username: str, email: str, password: str, currency: str | None = None) -> User:
    """Create a customer with an empty wallet; for programs and staff, without the sign-up form."""
    with transaction.atomic(durable=True):
        user = User.objects.create_user(username=username, email=email, password=password)
        wallets.open_wallet(user_id=user.pk, currency=currency or settings.BASE_CURRENCY)
    return user


class AccountAdapter(DefaultAccountAdapter):
    """Open the wallet in the transaction that creates the user, so that no customer is without one."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Save the user of a sign-up form together with an empty wallet in the base currency."""
        with transaction.atomic():
            user = super().save_user(request, user, form, commit=commit)
            if commit:
                wallets.open_wallet(user_id=user.pk, currency=settings.BASE_CURRENCY)
        return user

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Offer only the second factor to whoever has one: a password alone must not be able to turn it off."""
        methods = super().get_reauthentication_methods(user)
        return [method for method in methods if method["id"] == "mfa_reauthenticate"] or methods
