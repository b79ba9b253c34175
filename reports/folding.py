"""Add up what the business brought, day by day, in the order of ids; exact whatever happens in between.

Ordering pays nothing for it. A fold is one transaction that adds a range of ids and moves the cursor, so any number of
folders may start, wait or die. What was posted since is added by whoever reads: see `figures.py`.
"""

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from reports import months, past
from reports.models import DayFigure
from reports.sources import ACCOUNT_SUMS, ENTRIES, FIGURES, SOURCES, Source, sum_up, sum_up_paces

BATCH_IDS = 20_000  # added up in one transaction: a fraction of a second
# Between an id taken from its sequence and its transaction's number lies less than a statement's first step.
SEEN_BEFORE = timedelta(seconds=3)
_LOCK_NUMBER = 7_251_001  # of the advisory lock that all folders share: they write to the same rows

_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%(lock)s)"
_BEGIN = "INSERT INTO reports_foldcursor (source, folded) VALUES (%(source)s, 0) ON CONFLICT (source) DO NOTHING"

# One step of the way that FoldCursor tells of. Values on the right are those before the update.
_SETTLE = """
UPDATE reports_foldcursor SET
    candidate = CASE WHEN candidate IS NULL OR is_settled THEN new_candidate ELSE candidate END,
    candidate_transaction = CASE
        WHEN candidate IS NOT NULL AND NOT is_settled THEN candidate_transaction
        WHEN new_candidate IS NOT NULL THEN pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    END,
    seen = CASE WHEN seen IS NULL OR new_candidate IS NOT NULL THEN newest ELSE seen END,
    seen_at = CASE WHEN seen IS NULL OR new_candidate IS NOT NULL THEN clock_timestamp() ELSE seen_at END
FROM (
    SELECT source AS which,
        coalesce(candidate_transaction <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint, false) AS is_settled,
        CASE WHEN seen_at <= clock_timestamp() - %(seen_before)s::interval THEN seen END AS new_candidate,
        candidate AS old_candidate,
        coalesce((SELECT max(id) FROM {table}), 0) AS newest
    FROM reports_foldcursor WHERE source = %(source)s
) now
WHERE source = now.which
RETURNING folded, CASE WHEN now.is_settled THEN now.old_candidate END
"""

_FIGURES = f"""
WITH parts AS MATERIALIZED ({{parts}}), sums AS ({{sums}})
INSERT INTO reports_dayfigure AS old (kind, subject_id, day, {", ".join(FIGURES)})
SELECT kind, subject_id, day, {", ".join(FIGURES)} FROM sums
ON CONFLICT (kind, subject_id, day) DO UPDATE SET
    {", ".join(f"{column} = old.{column} + excluded.{column}" for column in FIGURES)}
"""
_PACES = """
WITH parts AS MATERIALIZED ({parts}), sums AS ({sums})
INSERT INTO reports_daypace AS old (kind, subject_id, day, measure, step, orders)
SELECT kind, subject_id, day, measure, step, orders FROM sums
ON CONFLICT (kind, measure, subject_id, day, step) DO UPDATE SET orders = old.orders + excluded.orders
"""
_ACCOUNTS = f"""
INSERT INTO reports_accountday AS old (account_id, day, debited, credited) {ACCOUNT_SUMS}
ON CONFLICT (account_id, day) DO UPDATE SET
    debited = old.debited + excluded.debited, credited = old.credited + excluded.credited
"""
_MOVE = "UPDATE reports_foldcursor SET folded = %(upto)s WHERE source = %(source)s"


def fold_all(*, seconds: float) -> None:
    """Add up what has settled since the last time, of every source, then what is left of the past and of months.

    After `seconds` it stops at the end of a turn; the next call goes on there.
    """
    ends_at = time.monotonic() + seconds
    for source in SOURCES:
        upto = settle(source)
        while upto is not None and fold_next(source, upto=upto):
            if time.monotonic() >= ends_at:
                return
    while past.note_next() or complete_next_month():
        if time.monotonic() >= ends_at:
            return


def settle(source: Source) -> int | None:
    """Note the newest id, and return the one up to which nothing can be missing; None while that is not known."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if not _take_turn(cursor, source):
            return None
        parameters: dict[str, Any] = {"source": source.name, "seen_before": SEEN_BEFORE}
        cursor.execute(_SETTLE.format(table=source.table), parameters)
        folded, settled = cursor.fetchone()
    return None if settled is None or settled <= folded else settled


def fold_next(source: Source, *, upto: int) -> bool:
    """Add the next ids of a source, as far as `upto`; say whether some of them are left."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if not _take_turn(cursor, source):
            return False
        cursor.execute("SELECT folded FROM reports_foldcursor WHERE source = %(source)s", {"source": source.name})
        (after,) = cursor.fetchone()
        if after >= upto:
            return False
        parameters: dict[str, Any] = {
            "after": after,
            "upto": min(upto, after + BATCH_IDS),
            "base": settings.BASE_CURRENCY,
            "source": source.name,
        }
        cursor.execute(_statement(source), parameters)
        if source is ENTRIES:
            cursor.execute(_ACCOUNTS, parameters)
        cursor.execute(_MOVE, parameters)
        return parameters["upto"] < upto


def complete_next_month() -> bool:
    """Add up a month whose days are there and its rows are not; say whether there was one."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        return _is_alone(cursor) and months.add_up_next(cursor)


def _take_turn(cursor: Any, source: Source) -> bool:
    """Keep others from folding until the transaction ends; False when somebody does already."""
    if not _is_alone(cursor):
        return False
    cursor.execute(_BEGIN, {"source": source.name})
    return True


def _is_alone(cursor: Any) -> bool:
    cursor.execute(_TRY_LOCK, {"lock": _LOCK_NUMBER})
    return bool(cursor.fetchone()[0])


def _statement(source: Source) -> str:
    if source.is_pace:
        sums = " UNION ALL ".join(sum_up_paces("parts", kind) for kind in ("service", "provider"))
        return _PACES.format(parts=source.parts, sums=sums)
    sums = " UNION ALL ".join(sum_up("parts", kind) for kind in DayFigure.Kind.values)
    return _FIGURES.format(parts=source.parts, sums=sums)
