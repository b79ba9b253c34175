"""Costs of what was sent before costs were kept as movements: written down in turns, while the panel runs.

Since `migrations/0002_costs.py` triggers write what each attempt costs and what comes back. Of attempts before that,
up to the one that `migrations/0004_months.py` noted, the same is written here, by when it happened.
"""

from typing import Any

from django.db import connection, transaction

from reports.models import FoldCursor

SOURCE = "past"
BATCH_ATTEMPTS = 5_000  # a fraction of a second

# Once this is committed, the trigger on runs finds these costs, and notes what comes back of them from then on.
_TAKEN = """
INSERT INTO reports_costentry (attempt_id, run_id, provider_id, units, amount, at)
SELECT a.id, a.run_id, a.provider_id, r.quantity, coalesce(a.cost, 0), coalesce(a.finished_at, a.started_at)
FROM orders_attempt a JOIN orders_run r ON r.id = a.run_id
WHERE a.id > %(after)s AND a.id <= %(upto)s AND a.state = 'accepted'
ORDER BY a.id
ON CONFLICT (attempt_id) WHERE units > 0 DO NOTHING
"""
# Whoever changes one of these runs now either waits for us, and then finds what we wrote, or we wait for them.
_LOCK_RUNS = """
SELECT r.id FROM orders_run r
WHERE r.id IN (SELECT run_id FROM orders_attempt WHERE id > %(after)s AND id <= %(upto)s AND state = 'accepted')
ORDER BY r.id FOR NO KEY UPDATE
"""
# What came back before that: the rule is the trigger's.
_RETURNED = """
INSERT INTO reports_costentry (attempt_id, run_id, provider_id, units, amount, at)
SELECT taken.attempt_id, r.id, taken.provider_id, -(r.remains - back.units),
    -greatest(trunc(taken.amount * r.remains / r.quantity, 5) - back.amount, 0), coalesce(r.finished_at, taken.at)
FROM orders_attempt a
JOIN reports_costentry taken ON taken.attempt_id = a.id AND taken.units > 0
JOIN orders_run r ON r.id = a.run_id
CROSS JOIN LATERAL (
    SELECT coalesce(-sum(m.units), 0) AS units, coalesce(-sum(m.amount), 0) AS amount
    FROM reports_costentry m WHERE m.attempt_id = a.id AND m.units < 0
) back
WHERE a.id > %(after)s AND a.id <= %(upto)s AND a.state = 'accepted'
    AND r.state IN ('completed', 'partial', 'canceled') AND r.remains > back.units
ORDER BY a.id
"""


def note_next() -> bool:
    """Write down what the next attempts cost and what came back of it; say whether some attempts are left.

    In two transactions: whoever dies between them has only written what is not written a second time.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        found = _take_turn()
        if found is None:
            return False
        after, last = found
        ids = {"after": after, "upto": min(last, after + BATCH_ATTEMPTS)}
        cursor.execute(_TAKEN, ids)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if _take_turn() != found:
            return False  # somebody else went on meanwhile
        cursor.execute(_LOCK_RUNS, ids)
        cursor.execute(_RETURNED, ids)
        FoldCursor.objects.filter(source=SOURCE).update(folded=ids["upto"])
    return ids["upto"] < last


def _take_turn() -> tuple[int, int] | None:
    """Return the last attempt that is done and the last to do, kept from others; None when nothing is left for us."""
    cursors: Any = FoldCursor.objects.select_for_update(skip_locked=True).filter(source=SOURCE)
    found = cursors.values_list("folded", "candidate").first()
    return None if found is None or found[1] is None or found[0] >= found[1] else found
