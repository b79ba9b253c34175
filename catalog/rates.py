"""What a customer pays per 1000. Pure: no queries, no settings."""

from decimal import Decimal

from panel.money import PLACES, ZERO, round_half_up

HUNDRED = Decimal(100)


def customer_rate(
    *, rate: Decimal, custom_rate: Decimal | None, discount_percent: Decimal, currency_rate: Decimal
) -> Decimal:
    """Return the rate of a service in the wallet's currency, with five decimals.

    A custom rate is final: no discount on top. A rate above zero never rounds to nothing.

    :param rate: the service's rate in the base currency.
    :param currency_rate: units of the wallet's currency per unit of the base currency.
    """
    base = custom_rate if custom_rate is not None else rate * (HUNDRED - discount_percent) / HUNDRED
    if base == ZERO:
        return ZERO
    return max(round_half_up(base * currency_rate), PLACES)
