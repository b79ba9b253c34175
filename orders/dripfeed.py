"""Keep the interval between the runs of a drip-feed, however late the first of them was sent.

A run may be sent when it is due, so `due_at` says all. Whoever records that a run was sent, or may have been, puts off
those of its order that would follow sooner than an interval later. What was not sent puts nothing off: a run that is
refused, or whose provider is not reached, keeps no other waiting. Between the claim and that record nobody knows, and
nothing else of the order is sent.

Orders with one run, nearly all there are, are asked for their `run_count` and no more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Value
from django.db.models.functions import Greatest, Now

from orders.models import Attempt, Order, Run

ASK_AGAIN = timedelta(seconds=15)  # while another run is on its way; most calls are over by then
LOOK_AGAIN = timedelta(seconds=1)  # while somebody else has the order's lock
SENT = (Attempt.State.IN_FLIGHT, Attempt.State.ACCEPTED, Attempt.State.UNKNOWN)  # or it may have been

# Each waiting run at the earliest an interval after the one before it, the first an interval after what was sent. Those
# that can go by then have their turn by number; one that was put off for longer does not hold up those after it.
# A run is sent a moment after it was due, and so are all that follow it. For moments only the next one is written anew,
# or each of a thousand runs would be for each of them; the others are when half an interval has come together, as after
# an outage. Held runs have no turn; they get one when they are let go.
_PUT_OFF = """
UPDATE orders_run r SET due_at = plan.at, alarm = '', alarm_at = NULL
FROM (
    SELECT id, place * %(interval)s::interval
        + greatest(%(sent_at)s, max(due_at - place * %(interval)s::interval) OVER (ORDER BY place)) AS at
    FROM (
        SELECT id, due_at,
            row_number() OVER (ORDER BY greatest(due_at, %(sent_at)s + %(interval)s::interval), number) AS place
        FROM orders_run WHERE order_id = %(order)s AND state = 'queued' AND held_at IS NULL
    ) waiting
) plan
WHERE r.id = plan.id AND r.state = 'queued' AND r.due_at < plan.at
    AND (r.due_at < %(sent_at)s + %(interval)s::interval OR plan.at - r.due_at > %(interval)s::interval / 2)
"""

# Without waiting for those that other claims look at: their runs may wait for ours.
_PUT_OFF_DUE = """
UPDATE orders_run SET due_at = statement_timestamp() + %(for)s
WHERE id = ANY(ARRAY(
    SELECT id FROM orders_run
    WHERE order_id = %(order)s AND state = 'queued' AND held_at IS NULL AND due_at <= statement_timestamp()
    FOR UPDATE SKIP LOCKED
))
"""

# What was sent longer ago than an interval keeps nothing back, also if its end is never recorded.
_ON_THEIR_WAY = """
SELECT DISTINCT r.order_id FROM orders_attempt a
JOIN orders_run r ON r.id = a.run_id JOIN orders_order o ON o.id = r.order_id
WHERE a.state = 'in_flight' AND o.id = ANY(%(orders)s) AND o.run_count > 1
    AND a.started_at > statement_timestamp() - make_interval(mins => o.interval_minutes)
"""


def may_claim(run: Run) -> bool:
    """Say whether a locked, due run may be claimed now; if so, no other of its order is before this transaction ends.

    If not, it is put off for a moment, with all of its order that are due: one of them is on its way, or somebody
    decides about the order.
    """
    order = run.order
    if order.run_count == 1:
        return True
    # Orders are locked before their runs everywhere else, so this must not wait. What is on its way is asked in a
    # statement of its own, which sees all that was committed before the lock.
    locked = Order.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=order.pk).values_list("pk")
    is_locked = locked.first() is not None
    if is_locked and not list_on_their_way([order.pk]):
        return True
    parameters: dict[str, Any] = {"order": order.pk, "for": ASK_AGAIN if is_locked else LOOK_AGAIN}
    with connection.cursor() as cursor:
        cursor.execute(_PUT_OFF_DUE, parameters)
    return False


def list_on_their_way(order_ids: Sequence[int]) -> frozenset[int]:
    """Return those of some orders of which a run is being sent, and the next one must wait for the outcome."""
    with connection.cursor() as cursor:
        cursor.execute(_ON_THEIR_WAY, {"orders": list(order_ids)})
        return frozenset(order_id for (order_id,) in cursor.fetchall())


def keep_interval(order: Order, *, sent_at: datetime) -> None:
    """Put off the runs of a locked order that would follow too soon on one that was sent, or may have been."""
    if order.run_count == 1:
        return
    parameters: dict[str, Any] = {"order": order.pk, "sent_at": sent_at, "interval": _interval_of(order)}
    with connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, parameters)


def free_at(order: Order, *, but: Run | None = None) -> datetime | None:
    """Return when the interval after the run that was sent last is over; None if none was.

    :param but: a run that is to be sent again, as it turned out not to have been.
    """
    if order.run_count == 1:
        return None
    sent = Attempt.objects.filter(run__order=order, state__in=SENT)
    if but is not None:
        sent = sent.exclude(run=but)
    last: datetime | None = sent.aggregate(last=Max("started_at"))["last"]
    return None if last is None else last + _interval_of(order)


def next_turn(order: Order, run: Run) -> Any:
    """Return, as an expression, when a run of a locked order that waits again is due: now, or after the interval."""
    moment = free_at(order, but=run)
    return Now() if moment is None else Greatest(Now(), Value(moment))


def _interval_of(order: Order) -> timedelta:
    return timedelta(minutes=order.interval_minutes or 0)
