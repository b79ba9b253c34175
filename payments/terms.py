"""What a payment of some amount comes to: fee, bonus, credit. Pure.

The customer pays an amount; the fee is taken from it, and the bonus is given on it. So everything follows from what
arrives, also when that is not what was asked for.
"""

from dataclasses import dataclass
from decimal import Decimal

from panel.money import ZERO, round_down, round_half_up

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Terms:
    """By which rules a payment is credited."""

    fee_percent: Decimal
    fee_fixed: Decimal
    bonus_percent: Decimal = ZERO
    bonus_from: Decimal = ZERO
    coupon_percent: Decimal = ZERO
    coupon_fixed: Decimal = ZERO
    coupon_from: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Quote:
    """The arithmetic of one payment: paid − fee + bonus + coupon = credit."""

    paid: Decimal
    fee: Decimal
    bonus: Decimal
    coupon: Decimal = ZERO

    @property
    def deposited(self) -> Decimal:
        """Return what is booked as the deposit; not above zero where the fee takes all."""
        return self.paid - self.fee

    @property
    def credit(self) -> Decimal:
        """Return what the wallet gets in all."""
        return self.deposited + self.bonus + self.coupon


def work_out(paid: Decimal, terms: Terms) -> Quote:
    """Apply the terms to an amount: the fee rounds as charges do, bonus and coupon as what is given
    does."""
    fee = round_half_up(paid * terms.fee_percent / HUNDRED + terms.fee_fixed)
    bonus = round_down(paid * terms.bonus_percent / HUNDRED) if paid >= terms.bonus_from else ZERO
    coupon = round_down(paid * terms.coupon_percent / HUNDRED + terms.coupon_fixed)
    return Quote(paid=paid, fee=fee, bonus=bonus, coupon=coupon if paid >= terms.coupon_from else ZERO)
