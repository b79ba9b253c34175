"""A wallet's statement: a stretch of its entries, and the arithmetic that holds it together.

Entries of a wallet are numbered without gaps, and every one starts where the last ended. So a statement is a stretch of
numbers: opening balance, lines, closing balance. A period of time is turned into such a stretch first; a page that
shows only one kind of lines says what the others came to. Each page costs the same however long the stretch is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.db import connection
from django.db.models import QuerySet

from panel.money import ZERO
from wallet.models import LedgerEntry, Wallet

PAGE_LINES = 50
LINES_AT_ONCE = 1000  # when all lines of a stretch are read
SCANNED_ENTRIES_MAX = 5000  # a page looks no further for charges: they are most entries and have no index of their own


class Kind(StrEnum):
    """What an entry was for: the first word of its key."""

    CHARGE = "charge"
    REFUND = "refund"
    DEPOSIT = "deposit"
    BONUS = "bonus"
    ADJUSTMENT = "adjustment"


# Written out and not as parameters: only so does the database see that a partial index has them all.
_CONDITIONS = {
    Kind.CHARGE: "key LIKE 'charge:%%'",
    Kind.REFUND: "key LIKE 'refund:%%'",
} | {
    kind: f"key LIKE '{kind}:%%' AND NOT key LIKE 'refund:%%' AND NOT key LIKE 'charge:%%'"
    for kind in (Kind.DEPOSIT, Kind.BONUS, Kind.ADJUSTMENT)
}

# Halve the stretch until one number is left: about twenty look-ups among a million entries, and no index on time,
# which every order would pay for. Numbers are given in the order of commits and times when transactions begin, so two
# neighbours may be some milliseconds out of order; a stretch found so is still without a gap.
_FIRST_SINCE = """
WITH RECURSIVE search (low, high) AS (
    SELECT 1::bigint, %(end)s::bigint
    UNION ALL
    SELECT
        CASE WHEN step.is_before THEN step.middle + 1 ELSE step.low END,
        CASE WHEN step.is_before THEN step.high ELSE step.middle END
    FROM (
        SELECT s.low, s.high, (s.low + s.high) / 2 AS middle, (
            SELECT e.created_at < %(moment)s::timestamptz FROM wallet_ledgerentry e
            WHERE e.wallet_id = %(wallet)s::bigint AND e.seq = (s.low + s.high) / 2
        ) AS is_before
        FROM search s WHERE s.low < s.high
    ) step
)
SELECT low FROM search WHERE low = high
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries by number, from `first` up to but not with `end`."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    """Opening balance + lines + others = closing balance; newest line first."""

    lines: Sequence[LedgerEntry]
    opening_balance: Decimal
    closing_balance: Decimal
    others: Decimal  # what lines of other kinds came to, between the two balances
    next_before: int | None

    @property
    def shown(self) -> Decimal:
        """Return what the lines of this page come to."""
        return sum((line.balance_after - line.balance_before for line in self.lines), ZERO)


def find_stretch(wallet: Wallet, *, since: datetime | None = None, until: datetime | None = None) -> Stretch:
    """Return the entries from one moment up to another, the second not included."""
    end = _first_since(wallet, until) if until else wallet.seq + 1
    first = _first_since(wallet, since) if since else 1
    return Stretch(min(first, end), end)


def read_page(
    wallet: Wallet,
    stretch: Stretch,
    *,
    kind: Kind | None = None,
    before: int | None = None,
    limit: int = PAGE_LINES,
) -> Page:
    """Return the newest lines of a stretch, or those before a number; of one kind, or all."""
    end = max(min(before or stretch.end, stretch.end), stretch.first)
    first = max(stretch.first, end - SCANNED_ENTRIES_MAX) if kind == Kind.CHARGE else stretch.first
    found = list(_entries(wallet, kind, first, end)[: limit + 1])
    lines = found[:limit]
    if len(found) > limit:
        first = lines[-1].seq
    if kind is None and lines:
        opening, closing = lines[-1].balance_before, lines[0].balance_after
    else:
        opening, closing = _balance_after(wallet, first - 1), _balance_after(wallet, end - 1)
    shown = sum((line.balance_after - line.balance_before for line in lines), ZERO)
    return Page(
        lines=lines,
        opening_balance=opening,
        closing_balance=closing,
        others=closing - opening - shown,
        next_before=first if first > stretch.first else None,
    )


def read_all(wallet: Wallet, stretch: Stretch, *, kind: Kind | None = None) -> Iterator[LedgerEntry]:
    """Return every line of a stretch, newest first, a part at a time."""
    before: int | None = stretch.end
    while before is not None:
        page = read_page(wallet, stretch, kind=kind, before=before, limit=LINES_AT_ONCE)
        yield from page.lines
        before = page.next_before


def _entries(wallet: Wallet, kind: Kind | None, first: int, end: int) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.filter(wallet=wallet, seq__gte=first, seq__lt=end).order_by("-seq")
    return entries.extra(where=[_CONDITIONS[kind]]) if kind else entries  # noqa: S610 - constants of ours


def _balance_after(wallet: Wallet, seq: int) -> Decimal:
    if seq < 1:
        return ZERO
    return LedgerEntry.objects.values_list("balance_after", flat=True).get(wallet=wallet, seq=seq)


def _first_since(wallet: Wallet, moment: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_SINCE, {"wallet": wallet.pk, "end": wallet.seq + 1, "moment": moment})
        row = cursor.fetchone()
    assert row is not None
    return row[0]
