"""The people of the demo: two members of the staff, and a customer with money and an API key."""

import secrets
from contextlib import suppress
from decimal import Decimal

from django.contrib.auth.models import Group

from accounts import api_keys, registration
from accounts.models import ApiKey, User
from wallet import deposits
from wallet.errors import AlreadyPosted
from wallet.models import Wallet

STAFF_USERNAME = "admin"
SECOND_USERNAME = "finance"  # approves what the first one asks for
SECOND_ROLE = "Finance"
CUSTOMER_USERNAME = "demo"
CUSTOMER_EMAIL = "demo@example.com"
KEY_NAME = "Demo"
PASSWORD_BYTES = 12  # 96 random bits: 16 characters that can still be typed
OPENING_BALANCE = Decimal(1000)
DEPOSIT_REFERENCE = "demo"


def ensure_staff(*, known_password: str | None) -> str:
    """Return the password of the demo's superuser, who is created when missing.

    :param known_password: what `demo.json` says; without it the user gets a new password.
    """
    password = known_password or secrets.token_urlsafe(PASSWORD_BYTES)
    staff = User.objects.filter(username=STAFF_USERNAME).first()
    if staff is None:
        User.objects.create_superuser(username=STAFF_USERNAME, password=password)
    elif known_password is None:
        _set_password(staff, password)
    return password


def ensure_second_person(*, known_password: str | None) -> str:
    """Return the password of the demo's second member of the staff, who is created when missing; as `ensure_staff`."""
    password = known_password or secrets.token_urlsafe(PASSWORD_BYTES)
    second = User.objects.filter(username=SECOND_USERNAME).first()
    if second is None:
        second = User.objects.create_user(username=SECOND_USERNAME, password=password, is_staff=True)
        second.groups.add(Group.objects.get(name=SECOND_ROLE))
    elif known_password is None:
        _set_password(second, password)
    return password


def ensure_customer(*, known_password: str | None) -> str:
    """Return the password of the demo's customer, who is created with money when missing; as `ensure_staff`."""
    password = known_password or secrets.token_urlsafe(PASSWORD_BYTES)
    customer = User.objects.filter(username=CUSTOMER_USERNAME).first()
    if customer is None:
        customer = registration.register_customer(
            username=CUSTOMER_USERNAME, email=CUSTOMER_EMAIL, password=password, currency="USD"
        )
    elif known_password is None:
        _set_password(customer, password)
    _ensure_opening_balance(customer.wallet)
    return password


def ensure_api_key(*, known_key: str | None) -> str:
    """Return the text of a live key of the demo's customer; a key nobody knows any more is revoked."""
    customer = User.objects.get(username=CUSTOMER_USERNAME)
    live = ApiKey.objects.filter(user=customer, revoked_at=None)
    if known_key and live.filter(digest=api_keys.digest_key(known_key)).exists():
        return known_key
    for key in live.filter(name=KEY_NAME):
        api_keys.revoke_api_key(user=customer, key_id=key.pk)
    return api_keys.issue_api_key(user=customer, name=KEY_NAME)


def _set_password(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])


def _ensure_opening_balance(wallet: Wallet) -> None:
    with suppress(AlreadyPosted):  # on an earlier run
        deposits.record_deposit(
            wallet=wallet, amount=OPENING_BALANCE, gateway=deposits.MANUAL_GATEWAY, external_id=DEPOSIT_REFERENCE
        )
