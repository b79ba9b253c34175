"""What moved in a wallet, day by day in UTC, cheap however many entries there are.

Entries are folded into one row a day, in the order of `seq`, and a reader adds those that came since. Seqs of a wallet
have no gaps and become visible in order, because each movement locks the wallet until it is committed. So "up to this
seq" says exactly what a day contains, and any number of folders may start, wait or die. Ordering pays nothing for it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from panel.money import ZERO, round_down

BATCH_ENTRIES = 10_000  # added up in one transaction: a fraction of a second
# Fewer are left to the readers: most customers would otherwise cost a write a minute for nothing.
FOLD_FROM_ENTRIES = 100
# A reader adds up no more than this itself. Only wallets that nobody has folded for long have more.
TAIL_ENTRIES_MAX = 20_000
WALLETS_MAX = 1000  # looked for at once

PACE_DAYS = 7
LOW_AT_DAYS = 3

# Entries e of a wallet, by day. The other side of each is a house account, whose kind says what it was for.
_SUMS = """
    (e.created_at AT TIME ZONE 'UTC')::date AS day,
    coalesce(sum(e.amount) FILTER (WHERE house.kind = 'sales' AND e.debit_id = e.wallet_id), 0) AS charged,
    coalesce(sum(e.amount) FILTER (WHERE house.kind = 'sales' AND e.credit_id = e.wallet_id), 0) AS refunded,
    coalesce(sum(e.balance_after - e.balance_before) FILTER (WHERE house.kind = 'cash'), 0) AS deposited,
    coalesce(sum(e.balance_after - e.balance_before) FILTER (WHERE house.kind NOT IN ('sales', 'cash')), 0) AS other,
    count(*) FILTER (WHERE house.kind = 'sales' AND e.debit_id = e.wallet_id) AS charge_count
"""
_HOUSE = """
    JOIN wallet_account house
        ON house.id = CASE WHEN e.debit_id = e.wallet_id THEN e.credit_id ELSE e.debit_id END
"""

_READ = f"""
WITH position AS MATERIALIZED (
    SELECT w.account_id AS wallet_id, w.seq AS newest, coalesce(f.seq, 0) AS folded
    FROM wallet_wallet w LEFT JOIN wallet_dayfold f ON f.wallet_id = w.account_id
    WHERE w.account_id = %(wallet)s::bigint
),
parts AS (
    SELECT d.day, d.charged, d.refunded, d.deposited, d.other, d.charge_count
    FROM wallet_walletday d WHERE d.wallet_id = %(wallet)s::bigint AND d.day >= %(since)s::date
    UNION ALL
    SELECT {_SUMS}
    FROM position
    JOIN wallet_ledgerentry e
        ON e.wallet_id = position.wallet_id AND e.seq > position.folded AND e.seq <= position.folded + %(tail)s::int
    {_HOUSE}
    WHERE e.created_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1
)
SELECT position.newest - position.folded > %(tail)s::int,
    parts.day, sum(charged), sum(refunded), sum(deposited), sum(other), sum(charge_count)::int
FROM position LEFT JOIN parts ON true
GROUP BY 1, 2 ORDER BY 2
"""

_BEHIND = """
SELECT w.account_id FROM wallet_wallet w LEFT JOIN wallet_dayfold f ON f.wallet_id = w.account_id
WHERE w.seq - coalesce(f.seq, 0) >= %(from)s::int
ORDER BY w.seq - coalesce(f.seq, 0) LIMIT %(limit)s::int
"""

_BEGIN = "INSERT INTO wallet_dayfold (wallet_id, seq) VALUES (%(wallet)s, 0) ON CONFLICT (wallet_id) DO NOTHING"
_LOCK = "SELECT seq FROM wallet_dayfold WHERE wallet_id = %(wallet)s FOR UPDATE"
# Which entries were added and up to where come from one snapshot, or an entry that commits in between would be lost.
_FOLD = f"""
WITH taken AS MATERIALIZED (
    SELECT * FROM wallet_ledgerentry
    WHERE wallet_id = %(wallet)s::bigint AND seq > %(folded)s::int AND seq <= %(folded)s::int + %(batch)s::int
),
added AS (
    INSERT INTO wallet_walletday AS old (
        wallet_id, day, charged, refunded, deposited, other, charge_count
    )
    SELECT %(wallet)s::bigint, {_SUMS} FROM taken e {_HOUSE} GROUP BY day
    ON CONFLICT (wallet_id, day) DO UPDATE SET
        charged = old.charged + excluded.charged,
        refunded = old.refunded + excluded.refunded,
        deposited = old.deposited + excluded.deposited,
        other = old.other + excluded.other,
        charge_count = old.charge_count + excluded.charge_count
),
moved AS (
    UPDATE wallet_dayfold SET seq = newest.seq FROM (SELECT max(seq) AS seq FROM taken) newest
    WHERE wallet_id = %(wallet)s::bigint AND newest.seq IS NOT NULL
)
SELECT count(*) FROM taken
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What moved on one day; `other` is bonuses and adjustments."""

    day: date
    charged: Decimal = ZERO
    refunded: Decimal = ZERO
    deposited: Decimal = ZERO
    other: Decimal = ZERO
    charge_count: int = 0

    @property
    def spent(self) -> Decimal:
        """Return what the day cost; below zero when more was refunded than charged."""
        return self.charged - self.refunded


@dataclass(frozen=True, slots=True)
class Days:
    """Days without a gap, oldest first; `is_behind` when the newest movements are not in them yet."""

    days: Sequence[Day]
    is_behind: bool

    @property
    def charged(self) -> Decimal:
        """Return what all days were charged."""
        return sum((day.charged for day in self.days), ZERO)

    @property
    def refunded(self) -> Decimal:
        """Return what was given back on all days."""
        return sum((day.refunded for day in self.days), ZERO)

    @property
    def spent(self) -> Decimal:
        """Return what all days cost."""
        return self.charged - self.refunded

    @property
    def charge_count(self) -> int:
        """Count the charges of all days."""
        return sum(day.charge_count for day in self.days)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a wallet is spent, and how long its balance lasts at that."""

    a_day: Decimal
    days_left: int


def list_days(*, wallet_id: int, count: int, today: date | None = None) -> Days:
    """Return the last `count` days in UTC with today, from one statement and so from one moment.

    :param today: the newest day, where it is not the present one.
    """
    newest = today or datetime.now(UTC).date()
    since = newest - timedelta(days=count - 1)
    parameters: dict[str, Any] = {"wallet": wallet_id, "since": since, "tail": TAIL_ENTRIES_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_READ, parameters)
        rows = cursor.fetchall()
    known = {day: Day(day, *sums) for _, day, *sums in rows if day is not None}
    wanted = (since + timedelta(days=number) for number in range(count))
    return Days([known.get(day) or Day(day) for day in wanted], is_behind=any(row[0] for row in rows))


def measure_low_balance(*, balance: Decimal, days: Days) -> Pace | None:
    """Say how long a balance lasts when it is low: below what `LOW_AT_DAYS` days cost at the pace of the last week.

    None when it lasts longer, or nothing was spent.
    """
    spent = sum((day.spent for day in days.days[-PACE_DAYS:]), ZERO)
    a_day = round_down(spent / PACE_DAYS)
    if a_day <= ZERO or balance >= a_day * LOW_AT_DAYS:
        return None
    return Pace(a_day, int(balance / a_day))


def fold_wallets(*, seconds: float) -> None:
    """Fold wallets in which `FOLD_FROM_ENTRIES` entries or more wait, those with the fewest first."""
    started = time.monotonic()
    for wallet_id in _list_behind():
        while fold_wallet(wallet_id) == BATCH_ENTRIES and time.monotonic() - started < seconds:
            pass
        if time.monotonic() - started >= seconds:
            return


def fold_wallet(wallet_id: int) -> int:
    """Add the next entries of a wallet to its days, and return how many there were."""
    parameters: dict[str, Any] = {"wallet": wallet_id, "batch": BATCH_ENTRIES}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_BEGIN, parameters)
        # Another folder of this wallet is waited for, and the statement below sees what it did.
        cursor.execute(_LOCK, parameters)
        (folded,) = cursor.fetchone()
        cursor.execute(_FOLD, {**parameters, "folded": folded})
        return cursor.fetchone()[0]


def _list_behind() -> list[int]:
    parameters: dict[str, Any] = {"from": FOLD_FROM_ENTRIES, "limit": WALLETS_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, parameters)
        return [wallet_id for (wallet_id,) in cursor.fetchall()]
