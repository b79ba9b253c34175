"""Money of any currency in the one that thresholds are written in."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from catalog.models import Currency
from panel.money import ZERO, round_half_up
from wallet.models import Wallet


def in_base(amounts: Iterable[tuple[Decimal, str]]) -> Decimal:
    """Add up amounts with their currencies in the base currency."""
    totals: dict[str, Decimal] = {}
    for amount, currency in amounts:
        totals[currency] = totals.get(currency, ZERO) + amount
    rates = dict(Currency.objects.filter(pk__in=totals).values_list("pk", "rate"))
    return sum((round_half_up(total / rates[code]) for code, total in totals.items() if code in rates), ZERO) + sum(
        (total for code, total in totals.items() if code not in rates and code == settings.BASE_CURRENCY), ZERO
    )


def sum_movements(movements: Sequence[tuple[int, Decimal]]) -> Decimal:
    """Add up what moved in wallets, named by their ids, in the base currency."""
    if not movements:
        return ZERO
    currencies = dict(Wallet.objects.filter(pk__in={wallet for wallet, _ in movements}).values_list("pk", "currency"))
    return in_base((amount, currencies[wallet]) for wallet, amount in movements)


def moves_money_of(movements: Sequence[tuple[int, Decimal]], *, users: Iterable[Any]) -> bool:
    """Say whether one of the wallets that something moved in belongs to one of some users; None is nobody."""
    owners = [user.pk for user in users if user is not None]
    moved = {wallet for wallet, _ in movements}
    return bool(moved) and Wallet.objects.filter(pk__in=moved, user__in=owners).exists()
