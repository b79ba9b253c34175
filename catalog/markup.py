"""From what a provider takes to what we ask. Pure: no queries, no settings.

Exact fractions to the end: with 28 digits a price could come out below what it must cover.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from panel.money import MAX_AMOUNT, PLACES, ZERO

PER_CENT = 100


@dataclass(frozen=True, slots=True)
class Markup:
    """What is added to a cost; `fixed` and `step` are in the base currency, per what the rate is per."""

    percent: Decimal
    fixed: Decimal
    step: Decimal

    def __post_init__(self) -> None:
        if self.percent < ZERO or self.fixed < ZERO or self.step < PLACES:
            raise ValueError("a markup adds something, and rounds to no less than five decimals")


def price_for(cost: Decimal, *, currency_rate: Decimal, markup: Markup) -> Decimal:
    """Return the rate that covers a cost and its markup, rounded up to the next step.

    :param cost: in the provider's currency.
    :param currency_rate: units of the provider's currency per unit of the base currency.
    :raises ValueError: it is more than the database can hold
    """
    base = Fraction(cost) / Fraction(currency_rate)
    price = base * (PER_CENT + Fraction(markup.percent)) / PER_CENT + Fraction(markup.fixed)
    return round_up(price, markup.step)


def round_up(amount: Decimal | Fraction, step: Decimal = PLACES) -> Decimal:
    """Round up to a multiple of `step`, so that nothing is ever sold below its price.

    :raises ValueError: it is more than the database can hold
    """
    steps = math.ceil(Fraction(amount) / Fraction(step))
    if steps * Fraction(step) > Fraction(MAX_AMOUNT):
        raise ValueError("an amount that does not fit")
    return (steps * step).quantize(PLACES)


def loses(*, cost: Decimal, rate: Decimal, currency_rate: Decimal) -> bool:
    """Say whether something costs more than it brings; `cost` is in the provider's currency."""
    return Fraction(cost) > Fraction(rate) * Fraction(currency_rate)
