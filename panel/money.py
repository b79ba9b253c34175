"""Money arithmetic: the only place that rounds.

Every amount is a `Decimal` with at most five places, because the protocol prints five and the
database keeps `numeric(20,5)`.
"""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

PLACES = Decimal("0.00001")
ZERO = Decimal(0)
MAX_DIGITS = 20  # numeric(20,5): 15 digits before the point
DECIMAL_PLACES = 5
MAX_AMOUNT = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES) - PLACES


def round_half_up(amount: Decimal) -> Decimal:
    """Round to five places, halves away from zero: what a customer is charged."""
    return amount.quantize(PLACES, rounding=ROUND_HALF_UP)


def round_down(amount: Decimal) -> Decimal:
    """Round to five places towards zero: what a customer gets back for a part."""
    return amount.quantize(PLACES, rounding=ROUND_DOWN)


def format_amount(amount: Decimal) -> str:
    """Print an amount with exactly five decimals: no exponent, no thousands separator."""
    return f"{amount:.5f}"


def format_rate(rate: Decimal) -> str:
    """Print a rate with at least two decimals and as many as needed up to five: `0.85`, `0.00125`."""
    whole, _, decimals = f"{rate:.5f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def print_amount(amount: Decimal) -> str:
    """Print an amount for people: cents from one unit on, all that is there below: `1,234.50`, `0.00125`."""
    if abs(amount) >= 1 or not amount:
        return f"{amount:,.2f}"
    return format_rate(amount)
