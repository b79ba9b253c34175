"""Ways to add funds, so that the demo's customer finds the page as a real one would."""

from decimal import Decimal

from payments.models import BonusRule, GatewaySettings

CURRENCY = "USD"
BANK = """Pay to: Demo Bank
IBAN: DE00 0000 0000 0000 0000 00
Write: payment {payment}

This is a demo: nobody looks for the money. Log in as staff and approve the payment in the admin."""
ROWS = (
    {
        "kind": "manual",
        "code": "bank",
        "label": "Bank transfer",
        "description": "One to three working days",
        "instructions": BANK,
        "minimum": Decimal(10),
        "maximum": Decimal(50_000),
    },
    {
        "kind": "manual",
        "code": "usdt-trc20",
        "label": "USDT (TRC-20)",
        "description": "Credited after 20 confirmations",
        "instructions": "Network: TRON (TRC-20)\nAddress: none, this is a demo\nThen give us the transaction hash.",
        "minimum": Decimal(5),
        "maximum": Decimal(50_000),
        "fee_fixed": Decimal(1),
    },
    # Offered as soon as Stripe's two secrets are in the environment.
    {
        "kind": "stripe",
        "code": "stripe",
        "label": "Card",
        "description": "Visa, Mastercard, Apple Pay, Google Pay; credited at once",
        "minimum": Decimal(5),
        "maximum": Decimal(5000),
        "fee_percent": Decimal("2.9"),
        "fee_fixed": Decimal("0.30"),
    },
)


def ensure_gateways() -> int:
    """Make the demo's ways to pay and a bonus rule, and return how many; none when there are any already."""
    if GatewaySettings.objects.exists():
        return 0
    for position, row in enumerate(ROWS, start=1):
        GatewaySettings.objects.create(currency=CURRENCY, position=position, **row)
    BonusRule.objects.create(currency=CURRENCY, from_amount=Decimal(500), percent=Decimal(3))
    return len(ROWS)
