"""What an order costs and what is given back. Pure: no queries, no settings."""

from decimal import Decimal

from panel.money import PLACES, ZERO, round_down, round_half_up

PER = Decimal(1000)  # rates are per 1,000 units


def charge_for(*, rate: Decimal, quantity: int, flat_rate: bool) -> Decimal:
    """Return what an order costs: rate per 1000, or the rate once for packages.

    At least 0.00001 when the rate is above zero: a sale is never free by rounding.
    """
    if rate == ZERO:
        return ZERO
    amount = round_half_up(rate if flat_rate else rate * quantity / PER)
    return max(amount, PLACES)


def refund_due(*, charge: Decimal, quantity: int, undelivered: int, refunded: Decimal) -> Decimal:
    """Return what is still owed for the undelivered part, never below zero.

    Cumulative: what is due for all that is undelivered, less what was given back before. So the order of
    reports, the number of runs and repetition do not matter.
    """
    due = charge if undelivered == quantity else round_down(charge * undelivered / quantity)
    return max(due - refunded, ZERO)


def split_runs(*, quantity: int, runs: int) -> list[int]:
    """Split a total into runs that differ by at most one and add up exactly."""
    return [quantity * i // runs - quantity * (i - 1) // runs for i in range(1, runs + 1)]
