"""Ledger entries in the customer's words. Pure: no queries, no clock."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wallet.models import LedgerEntry

# The keys of `wallet.ledger`: they name the business event.
_CHARGE = re.compile(r"charge:order:(\d+)")
_REFUND = re.compile(r"refund:order:(\d+):\d+")
_BONUS = re.compile(r"bonus:(?:payment|coupon):(\d+)")
# As `payments.crediting` writes it: the code is nowhere else in the entry.
_COUPON = re.compile(r"Coupon (.+) on payment (\d+)")
_TITLES = {"deposit": gettext_lazy("Deposit"), "bonus": gettext_lazy("Bonus"), "adjustment": gettext_lazy("Adjustment")}
_OTHER = gettext_lazy("Movement")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement; `change` has the sign of what happened to the wallet."""

    title: str
    note: str
    order_id: int | None
    change: Decimal
    balance: Decimal
    at: datetime

    @property
    def sign(self) -> str:
        """Return what is printed before the amount; a minus sign as wide as the plus."""
        return "+" if self.change > 0 else "−"

    @property
    def size(self) -> Decimal:
        """Return the amount without its sign."""
        return abs(self.change)


def describe_entry(entry: LedgerEntry) -> Line:
    """Tell what one movement was for."""
    title, note, order_id = _meaning(entry)
    return Line(
        title=title,
        note=note,
        order_id=order_id,
        change=entry.balance_after - entry.balance_before,
        balance=entry.balance_after,
        at=entry.created_at,
    )


def describe_note(entry: LedgerEntry) -> str:
    """Tell in one text what a line of a file has no columns for: it stands there without its title."""
    if entry.key.startswith("bonus:coupon:") and (coupon := _COUPON.fullmatch(entry.reason)):
        return _("Coupon %(code)s on payment %(number)s") % {"code": coupon[1], "number": coupon[2]}
    title, note, _order_id = _meaning(entry)
    speaks_for_itself = entry.key.startswith("adjustment:")  # a reason that somebody wrote
    return note if speaks_for_itself or not note else f"{title} {note}"


def _meaning(entry: LedgerEntry) -> tuple[str, str, int | None]:
    if charge := _CHARGE.fullmatch(entry.key):
        return _("Charge"), "", int(charge[1])
    if refund := _REFUND.fullmatch(entry.key):
        return _("Refund"), "", int(refund[1])
    if bonus := _BONUS.fullmatch(entry.key):
        title = _("Coupon") if entry.key.startswith("bonus:coupon:") else _("Bonus")
        return title, _("on payment %(number)s") % {"number": bonus[1]}, None
    kind = entry.key.partition(":")[0]
    title = str(_TITLES.get(kind, _OTHER))
    # A deposit's reason repeats the word, in English, before its reference.
    return title, entry.reason.removeprefix(kind.capitalize()).strip(), None
