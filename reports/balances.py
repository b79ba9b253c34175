"""The trial balance: what stands on the accounts of the house, and that customers have just what they do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from panel.money import ZERO
from reports.figures import TAIL_IDS_MAX
from reports.gaps import find_gap
from reports.sources import ACCOUNT_SUMS, ENTRIES

WALLETS = "customers' wallets"

_FOLDED = "SELECT coalesce((SELECT folded FROM reports_foldcursor WHERE source = 'entry'), 0)"
# Balances of wallets and movements of accounts from one moment: they must add up to nothing.
_READ = f"""
WITH moved AS (
    SELECT account_id, day, debited, credited FROM reports_accountday
    UNION ALL
    SELECT account_id, day, debited, credited FROM ({ACCOUNT_SUMS}) tail
)
SELECT ({_FOLDED}), (SELECT coalesce(max(id), 0) FROM wallet_ledgerentry), a.currency,
    a.kind || CASE WHEN a.gateway = '' THEN '' ELSE ': ' || a.gateway END AS name,
    coalesce(sum(m.debited) FILTER (WHERE m.day BETWEEN %(since)s::date AND %(until)s::date), 0),
    coalesce(sum(m.credited) FILTER (WHERE m.day BETWEEN %(since)s::date AND %(until)s::date), 0),
    coalesce(sum(m.credited - m.debited), 0)
FROM wallet_account a LEFT JOIN moved m ON m.account_id = a.id
WHERE a.kind <> 'wallet' GROUP BY a.id
UNION ALL
SELECT 0, 0, currency, '', NULL, NULL, sum(balance) FROM wallet_wallet GROUP BY currency
ORDER BY 3, 4 DESC
"""


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One line: what moved in the period, and what stands there now. Of wallets only the latter is kept."""

    name: str
    debited: Decimal | None
    credited: Decimal | None
    balance: Decimal


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The accounts of one currency."""

    currency: str
    lines: Sequence[AccountBalance]

    @property
    def difference(self) -> Decimal:
        """Return what cannot be explained: nothing, or somebody wrote past the ledger."""
        return sum((line.balance for line in self.lines), ZERO)


@dataclass(frozen=True, slots=True)
class TrialBalances:
    """All currencies; what was posted from `gap_at` on is not all in it yet, and it cannot add up."""

    balances: Sequence[TrialBalance]
    gap_at: datetime | None


def read_trial_balances(*, since: date, until: date) -> TrialBalances:
    """Add up the accounts of the house; the period is that of what moved, not of what stands there."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_FOLDED)
            (after,) = cursor.fetchone()
            period: dict[str, Any] = {"since": since, "until": until, "after": after, "upto": after + TAIL_IDS_MAX}
            cursor.execute(_READ, period)
            rows = cursor.fetchall()
            newest = max((row[1] for row in rows), default=0)
            if all(row[0] in (after, 0) for row in rows):
                break
    by_currency: dict[str, list[AccountBalance]] = {}
    for _, _, currency, name, debited, credited, balance in rows:
        by_currency.setdefault(currency, []).append(AccountBalance(name or WALLETS, debited, credited, balance))
    return TrialBalances(
        [TrialBalance(currency, lines) for currency, lines in by_currency.items()],
        gap_at=find_gap({ENTRIES: after + TAIL_IDS_MAX}) if newest - after > TAIL_IDS_MAX else None,
    )
