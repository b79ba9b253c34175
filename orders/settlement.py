"""Bring an order in line with its runs: public status, remains, and the refund that is owed.

A building block of every operation that changes a run; the refund is posted in the same transaction as the
change that caused it.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import orjson
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from catalog.models import Service
from orders import pricing
from orders.errors import OrderNotFound
from orders.models import Cancellation, Order, OrderEvent, Run
from orders.transitions import DELIVERED_RUN_STATES, FINAL_RUN_STATES, FINAL_STATUSES, RunState, derive_status
from panel.columns import Columns
from panel.money import ZERO, format_amount
from wallet import ledger
from wallet.errors import ReasonMissing
from wallet.models import Account

RECHECK_FIRST = timedelta(hours=1)  # the rest is in rechecking.py
ID_MAX = 2**31 - 1  # the column's; a larger number would be compared without the index

WHOLE_ORDER = Columns(Order)
WHOLE_RUN = Columns(Run)
TERMS = Columns(Service, "id, allow_loss, refill, refill_days, cancel")  # what orders are decided by
# What a request is decided and an order settled by; the tables have twice as many.
_ORDER = Columns(
    Order,
    "id, customer_id, service_id, quantity, charge, refunded, refund_count, status, start_count, remains, finished_at",
)
_RUN = Columns(
    Run,
    "id, order_id, number, quantity, state, provider_id, provider_order, start_count, remains, recheck_at, finished_at,"
    " held_at, alarm",
)

_LOCK_OF = f"""
SELECT {_ORDER.of("o")}, {TERMS.of("s")}
FROM orders_order o JOIN catalog_service s ON s.id = o.service_id
WHERE o.id = %(order)s AND o.customer_id = %(customer)s AND o.archived_at IS NULL
FOR NO KEY UPDATE OF o
"""

# Nothing of an order ever becomes another's, so it can be looked up before the lock is there.
_ORDER_OF = {
    "order": "%(id)s",
    "run": "(SELECT order_id FROM orders_run WHERE id = %(id)s)",
    "attempt": "(SELECT r.order_id FROM orders_attempt a JOIN orders_run r ON r.id = a.run_id WHERE a.id = %(id)s)",
    "review": "(SELECT r.order_id FROM orders_reviewitem i JOIN orders_attempt a ON a.id = i.attempt_id"
    " JOIN orders_run r ON r.id = a.run_id WHERE i.id = %(id)s)",
    "refill": "(SELECT order_id FROM orders_refill WHERE id = %(id)s)",
}
_LOCKS = {
    what: f"""
    SELECT {WHOLE_ORDER.of("o")}, {TERMS.of("s")}
    FROM orders_order o JOIN catalog_service s ON s.id = o.service_id
    WHERE o.id = {order_id}
    FOR NO KEY UPDATE OF o
    """
    for what, order_id in _ORDER_OF.items()
}
_LOCK_RUN = f"SELECT {WHOLE_RUN.of('r')} FROM orders_run r WHERE r.id = %(run)s FOR UPDATE"

_RUNS = f"SELECT {_RUN.of('r')} FROM orders_run r WHERE r.order_id = %(order)s ORDER BY r.number"
_LOCK_RUNS = f"{_RUNS} FOR UPDATE"

# The wallet is only looked up: its row is locked by the movement that comes after.
_STORE = """
WITH stored AS (
    UPDATE orders_order SET
        status = %(status)s, remains = %(remains)s, start_count = %(start_count)s, finished_at = %(finished_at)s,
        refunded = %(refunded)s, refund_count = %(refund_count)s
    WHERE id = %(order)s
    RETURNING customer_id
),
told AS (
    INSERT INTO orders_orderevent (order_id, kind, data)
    SELECT %(order)s, step.kind, step.data FROM jsonb_to_recordset(%(steps)s::jsonb) AS step (kind text, data jsonb)
)
SELECT (SELECT w.account_id FROM wallet_wallet w WHERE w.user_id = stored.customer_id) FROM stored
"""


def lock_order(what: Literal["order", "run", "attempt", "review", "refill"], key: int) -> Order:
    """Lock an order for the caller's transaction: always before its runs, which come before the wallet.

    Without its key: an event that somebody writes while holding a run of it must not wait for this lock.

    :param what: what `key` is the id of: the order, or something of it.
    :raises Order.DoesNotExist:
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCKS[what], {"id": key})
        found = cursor.fetchone()
    if found is None:
        raise Order.DoesNotExist
    values = list(found)
    order = WHOLE_ORDER.take(values)
    order.service = TERMS.take(values)
    return order


def lock_run(run_id: int) -> Run:
    """Lock a run of a locked order.

    :raises Run.DoesNotExist:
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_RUN, {"run": run_id})
        found = cursor.fetchone()
    if found is None:
        raise Run.DoesNotExist
    return WHOLE_RUN.row(found)


def lock_order_of(*, user_id: int, order_id: int) -> Order:
    """Lock a customer's order and read of it, and of its service, what the customer's requests are decided by.

    :raises OrderNotFound: not there, not theirs, or archived; nobody can tell which.
    """
    if order_id > ID_MAX:
        raise OrderNotFound
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_OF, {"order": order_id, "customer": user_id})
        found = cursor.fetchone()
    if found is None:
        raise OrderNotFound
    values = list(found)
    order = _ORDER.take(values)
    order.service = TERMS.take(values)
    return order


def lock_runs(order: Order) -> list[Run]:
    """Lock all runs of a locked order, which come by number.

    A worker that is claiming a run holds its row: this waits for it and then finds the run submitting.
    """
    return _list_runs(_LOCK_RUNS, order)


def _list_runs(statement: str, order: Order) -> list[Run]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"order": order.pk})
        return [_RUN.row(values) for values in cursor.fetchall()]


def lock_order_and_runs(order_id: int) -> tuple[Order, list[Run]]:
    """Lock an order and all its runs, which come by number, for a decision of the staff.

    A worker that is claiming a run holds its row: this waits for it and then finds the run submitting.

    :raises OrderNotFound:
    """
    try:
        order = lock_order("order", order_id)
    except Order.DoesNotExist:
        raise OrderNotFound from None
    return order, list(order.runs.select_for_update(of=("self",)).order_by("number"))


def require_reason(reason: str) -> str:
    """Return why staff do something, without the blanks around it.

    :raises ReasonMissing:
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing
    return reason


def record_event(
    order_id: int, kind: OrderEvent.Kind, *, run_id: int | None = None, actor_id: int | None = None, **data: object
) -> None:
    """Append one step to the order's story, in the caller's transaction."""
    OrderEvent.objects.create(order_id=order_id, run_id=run_id, kind=kind, data=data, actor_id=actor_id)


def move_run(run: Run, target: RunState, **changes: object) -> None:
    """Write a run's next state; the database refuses one that may not follow."""
    run.state = target
    if target in FINAL_RUN_STATES and run.finished_at is None:
        changes["finished_at"] = Now()
        changes["poll_at"] = None
        if run.provider_order and target in DELIVERED_RUN_STATES:
            changes["recheck_at"] = Now() + RECHECK_FIRST
    if run.recheck_at is not None and target not in DELIVERED_RUN_STATES:
        changes["recheck_at"] = None  # everything is given back
    has_left = run.alarm == Run.Alarm.WAITING and target not in (RunState.QUEUED, RunState.SUBMITTING)
    if run.alarm and (target in FINAL_RUN_STATES or has_left):
        changes |= {"alarm": "", "alarm_at": None}
    if run.held_at is not None:
        changes |= {"held_at": None, "held_because": ""}
    for name, value in changes.items():
        setattr(run, name, value)
    run.save(update_fields=["state", *changes])


def requeue_run(order: Order, run: Run, *, due_at: Any, **changes: object) -> None:
    """Queue a run of a locked order again; one whose cancellation was asked for meanwhile is canceled and refunded.

    The customer's request found it on its way and could not stop it: now that it is known not to have left, it is.
    """
    move_run(run, RunState.QUEUED, due_at=due_at, **changes)
    if Cancellation.objects.filter(order=order).exists():
        move_run(run, RunState.CANCELED, remains=run.quantity)
        settle(order)


def settle(order: Order, *, runs: Sequence[Run] | None = None) -> None:
    """Derive a locked order's status from its runs and post what is owed back.

    The wallet is touched last, so that its row is locked for one statement and the commit.

    :param runs: all of the order's, by number, when the caller has them as they are now.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("settling joins the transaction that changed the runs")
    if runs is None:
        runs = _list_runs(_RUNS, order)
    before = order.status
    order.status = derive_status([(RunState(run.state), run.quantity, run.remains) for run in runs])
    order.remains = sum(run.remains for run in runs)
    order.start_count = next((run.start_count for run in runs if run.start_count is not None), None)
    if order.status in FINAL_STATUSES and order.finished_at is None:
        order.finished_at = timezone.now()
    undelivered = _undelivered(runs)
    refund = pricing.refund_due(
        charge=order.charge, quantity=order.quantity, undelivered=undelivered, refunded=order.refunded
    )
    steps: list[dict[str, Any]] = []
    if order.status != before:
        kind = OrderEvent.Kind.FINISHED if order.status in FINAL_STATUSES else OrderEvent.Kind.PROGRESS
        steps.append({"kind": kind, "data": {"status": order.status, "remains": order.remains}})
    if refund > ZERO:
        order.refunded += refund
        order.refund_count += 1
        steps.append({"kind": OrderEvent.Kind.REFUNDED, "data": _explain_refund(order, refund, undelivered)})
    wallet_id = _store(order, steps)
    if refund > ZERO:
        ledger.credit(
            wallet_id=wallet_id,
            amount=refund,
            key=f"refund:order:{order.pk}:{order.refund_count}",
            source=Account.Kind.SALES,
        )


def _undelivered(runs: Iterable[Run]) -> int:
    """Count the units that will not come any more."""
    return sum(run.remains for run in runs if run.state in FINAL_RUN_STATES)


def _explain_refund(order: Order, amount: Decimal, undelivered: int) -> dict[str, Any]:
    return {
        "amount": format_amount(amount),
        "charge": format_amount(order.charge),
        "undelivered": undelivered,
        "quantity": order.quantity,
        "refunded": format_amount(order.refunded),
    }


def _store(order: Order, steps: Sequence[dict[str, Any]]) -> int:
    """Write what was settled and append the steps to the order's story; return the customer's wallet."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "order": order.pk,
                "status": str(order.status),
                "remains": order.remains,
                "start_count": order.start_count,
                "finished_at": order.finished_at,
                "refunded": order.refunded,
                "refund_count": order.refund_count,
                "steps": orjson.dumps(steps).decode(),
            },
        )
        (wallet_id,) = cursor.fetchone()
    return wallet_id
