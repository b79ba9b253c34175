"""The mails that customers get: when each is sent, and what its text may name.

The words are in `texts/LANGUAGE/mails/KIND.txt` until staff save their own. Account mails are named as allauth names
their templates.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.formats import date_format, localize
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from content.mail_lists import ORDER_TIME_FORMAT, EndedOrder, list_ended_orders

SAMPLE_ORIGIN = "https://panel.example"  # where the panel does not know its own address
SAMPLE_TIME = datetime(2026, 7, 2, 0, 30)  # noqa: DTZ001 - it is only ever printed


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A word in braces that stands for a fact.

    Addresses and lists have no place in a subject: log files and locked screens show it.
    """

    name: str
    meaning: str
    sample: str | Callable[[], str]  # of an address: its path
    is_address: bool = False
    is_list: bool = False  # has several lines
    # What stands instead of the paragraph with an address where the panel does not know its own; empty: nothing.
    instead: str | Promise = ""

    def make_sample(self) -> str:
        """Return a fact as in a mail, in the language that is spoken."""
        sample = self.sample() if callable(self.sample) else self.sample
        return f"{settings.BASE_URL or SAMPLE_ORIGIN}{sample}" if self.is_address else sample


@dataclass(frozen=True, slots=True)
class Kind:
    """A mail that customers get."""

    name: str
    title: str
    when: str
    placeholders: tuple[Placeholder, ...]
    required: frozenset[str] = field(default_factory=frozenset)  # names without which the mail is of no use

    def get(self, name: str) -> Placeholder | None:
        """Return a placeholder by its name; None where this mail has none of it."""
        return next((placeholder for placeholder in self.placeholders if placeholder.name == name), None)


def _sample_host() -> str:
    return urlsplit(settings.BASE_URL or SAMPLE_ORIGIN).netloc


def _sample_orders(count: int) -> str:
    origin = settings.BASE_URL or SAMPLE_ORIGIN
    ended_at = date_format(SAMPLE_TIME, ORDER_TIME_FORMAT)
    orders = [
        EndedOrder(1042, ended_at, "Madrid", "Followers", "600", "1,000", f"{origin}/orders/1042/"),
        EndedOrder(1057, ended_at, "Madrid", "Likes", "", "500", f"{origin}/orders/1057/"),
    ]
    return list_ended_orders(orders[:count], more=count - len(orders[:count]))


_SITE_NAME = Placeholder("site_name", "the panel's name", lambda: settings.SITE_NAME)
_NAME = Placeholder("name", "the customer's first name, else the user name", "Alex")
_USERNAME = Placeholder("username", "the customer's user name", "alex42")
_SITE = (_SITE_NAME, Placeholder("site_domain", "the panel's host, like panel.example.com", _sample_host))
_EMAIL = Placeholder("email", "the address that the mail goes to", "alex@example.com")
_RESET_PATH = "/account/password/reset/"

_ACCOUNT = (*_SITE, _USERNAME, _NAME, _EMAIL)
_SECURITY = (
    *_ACCOUNT,
    Placeholder("ip", "the network address from which it was done", "203.0.113.7"),
    Placeholder("browser", "the browser in which it was done, as it names itself", "Mozilla/5.0 (X11; Linux x86_64)"),
    Placeholder("time", "when it was done", lambda: localize(SAMPLE_TIME)),
)
_CONFIRM = (
    *_ACCOUNT,
    Placeholder("confirm_url", "the link that confirms it", "/account/confirm-email/SAMPLE/", is_address=True),
)


def _notice(*placeholders: Placeholder) -> tuple[Placeholder, ...]:
    return (
        _SITE_NAME,
        _NAME,
        _USERNAME,
        *placeholders,
        Placeholder(
            "stop_url",
            "the link that turns these mails off",
            "/account/notifications/stop/SAMPLE/",
            is_address=True,
            instead=gettext_lazy("You can turn these mails off in your account, under Notifications."),
        ),
    )


def _ended(sample_count: int) -> tuple[Placeholder, ...]:
    return _notice(
        Placeholder("number", "how many orders ended", str(sample_count)),
        Placeholder(
            "orders",
            "the orders, some lines for each: number, time, service, what was delivered, link",
            lambda: _sample_orders(sample_count),
            is_list=True,
        ),
        Placeholder("orders_url", "the list of all orders", "/orders/", is_address=True),
    )


# In the order in which staff read them.
GROUPS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    (
        "Signing up and logging in",
        (
            Kind(
                "email_confirmation_signup",
                "Confirm the address: new customer",
                "Somebody signed up.",
                _CONFIRM,
                frozenset({"confirm_url"}),
            ),
            Kind(
                "email_confirmation",
                "Confirm the address: another one",
                "A customer added an address, or asked for the mail again.",
                _CONFIRM,
                frozenset({"confirm_url"}),
            ),
            Kind(
                "account_already_exists",
                "The address has an account",
                "Somebody signed up with a customer's address, and addresses must be confirmed (EMAIL_VERIFICATION).",
                (
                    *_SITE,
                    _EMAIL,
                    Placeholder("reset_url", "where a password is reset", _RESET_PATH, is_address=True),
                ),
            ),
            Kind(
                "password_reset_key",
                "Reset the password",
                "Somebody asked for it on the page for forgotten passwords.",
                (
                    *_ACCOUNT,
                    Placeholder(
                        "reset_url", "the link that sets a new password", f"{_RESET_PATH}key/SAMPLE/", is_address=True
                    ),
                ),
                frozenset({"reset_url"}),
            ),
            Kind(
                "unknown_account",
                "The address has no account",
                "Somebody asked to reset the password of an address that no customer has.",
                (*_SITE, _EMAIL, Placeholder("signup_url", "where one signs up", "/account/signup/", is_address=True)),
            ),
        ),
    ),
    (
        "Security",
        (
            Kind("password_reset", "Password was reset", "A password was reset with the link of a mail.", _SECURITY),
            Kind("password_changed", "Password was changed", "A customer changed the password.", _SECURITY),
            Kind("password_set", "Password was set", "A customer who had no password set one.", _SECURITY),
            Kind(
                "email_changed",
                "Address was changed",
                "A customer made another address the primary one. It goes to the old address.",
                (
                    *_SECURITY,
                    Placeholder("old_email", "the address so far", "alex@example.com"),
                    Placeholder("new_email", "the new address", "alex@example.org"),
                ),
            ),
            Kind(
                "email_deleted",
                "Address was removed",
                "A customer removed an address.",
                (*_SECURITY, Placeholder("deleted_email", "the address that was removed", "alex@example.org")),
            ),
            Kind("totp_activated", "Second factor was turned on", "A customer turned it on.", _SECURITY),
            Kind("totp_deactivated", "Second factor was turned off", "A customer turned it off.", _SECURITY),
            Kind("recovery_codes_generated", "New recovery codes", "A customer made new recovery codes.", _SECURITY),
        ),
    ),
    (
        "Orders and balance",
        (
            Kind(
                "low_balance",
                "Low balance",
                "The balance fell below what the customer chose.",
                _notice(
                    Placeholder("balance", "the balance with its currency", "1.25 USD"),
                    Placeholder("below", "the amount that the customer chose", "2.50 USD"),
                    Placeholder("wallet_url", "where funds are added", "/wallet/", is_address=True),
                ),
                frozenset({"stop_url"}),
            ),
            Kind(
                "ended_order",
                "One order was not delivered in full",
                "One order ended Partial or Canceled.",
                _ended(1),
                frozenset({"orders", "stop_url"}),
            ),
            Kind(
                "ended_orders",
                "Several orders were not delivered in full",
                "Several orders ended Partial or Canceled within a quarter of an hour.",
                _ended(3),
                frozenset({"orders", "stop_url"}),
            ),
        ),
    ),
    (
        "Support",
        (
            Kind(
                "ticket_answer",
                "Support has answered",
                "Staff answered a ticket. What they wrote is never in a mail.",
                (
                    _SITE_NAME,
                    _NAME,
                    _USERNAME,
                    Placeholder("ticket", "the ticket's number", "317"),
                    Placeholder("title", "the ticket's title", "Where is my order?"),
                    Placeholder(
                        "ticket_url",
                        "the ticket's page",
                        "/support/317/",
                        is_address=True,
                        instead=gettext_lazy("Log in and open Support to read it and reply."),
                    ),
                ),
            ),
        ),
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for _title, kinds in GROUPS for kind in kinds}
