"""Ways to pay, and a Stripe of our own."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from payments import requesting
from payments.gateways.base import Addresses
from payments.models import GatewaySettings, Payment
from tests.payments.fake_stripe import SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from wallet.models import Wallet

ADDRESSES = Addresses(paid="https://panel.example/paid", not_paid="https://panel.example/not-paid")


@pytest.fixture
def bank(db: None) -> GatewaySettings:
    """A bank account: no fee, from 5 to 1,000 USD."""
    return GatewaySettings.objects.create(
        kind="manual",
        code="bank",
        currency="USD",
        label="Bank transfer",
        instructions="IBAN DE00 1234. Write: payment {payment}",
        minimum=5,
        maximum=1000,
    )


@pytest.fixture
def stripe_api(settings: Any) -> Iterator[FakeStripe]:
    """Stripe on the loopback, with keys that fit."""
    fake = FakeStripe()
    fake.start()
    settings.STRIPE_SECRET_KEY = SECRET_KEY
    settings.STRIPE_WEBHOOK_SECRET = WEBHOOK_SECRET
    settings.STRIPE_API_BASE = fake.url
    yield fake
    fake.stop()


@pytest.fixture
def card(db: None, stripe_api: FakeStripe) -> GatewaySettings:
    """Cards through Stripe: 2.9 % and 0.30 USD."""
    return GatewaySettings.objects.create(
        kind="stripe",
        code="stripe",
        currency="USD",
        label="Card",
        minimum=5,
        maximum=1000,
        fee_percent=Decimal("2.9"),
        fee_fixed=Decimal("0.3"),
    )


def wallet_of(user: User) -> Wallet:
    return Wallet.objects.get(user=user)


def request(user: User, gateway: GatewaySettings, amount: str = "50", **options: Any) -> Payment:
    """Ask to add funds."""
    options.setdefault("request_id", uuid4())
    return requesting.request_payment(wallet=wallet_of(user), gateway_id=gateway.pk, amount=Decimal(amount), **options)


def start(user: User, payment: Payment) -> str:
    """Go and pay."""
    return requesting.start_payment(user_id=user.pk, payment_id=payment.pk, addresses=ADDRESSES)
