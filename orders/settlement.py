"""Bring an order in line with its runs: public status, remains, and the refund that is owed.

A building block of every operation that changes a run; the refund is posted in the same transaction as the
change that caused it.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from orders import pricing
from orders.errors import OrderNotFound
from orders.models import Cancellation, Order, OrderEvent, Run
from orders.transitions import DELIVERED_RUN_STATES, FINAL_RUN_STATES, FINAL_STATUSES, RunState, derive_status
from panel.money import ZERO, format_amount
from wallet import ledger
from wallet.errors import ReasonMissing
from wallet.models import Account, Wallet

RECHECK_FIRST = timedelta(hours=1)  # the rest is in rechecking.py


def lock_order(**of: int) -> Order:
    """Lock an order for the caller's transaction: always before its runs, which come before the wallet.

    Without its key: an event that somebody writes while holding a run of it must not wait for this lock.

    :param of: what names one order: `pk`, or something of it, like `runs` or `refills`.
    :raises Order.DoesNotExist:
    """
    return Order.objects.select_for_update(of=("self",), no_key=True).select_related("service__pace").get(**of)


def lock_order_of(*, user_id: int, order_id: int) -> Order:
    """Lock a customer's order.

    :raises OrderNotFound: not there, not theirs, or archived; nobody can tell which.
    """
    try:
        return (
            Order.objects.select_for_update(of=("self",), no_key=True)
            .select_related("service")
            .get(pk=order_id, customer_id=user_id, archived_at=None)
        )
    except Order.DoesNotExist:
        raise OrderNotFound from None


def lock_order_and_runs(order_id: int) -> tuple[Order, list[Run]]:
    """Lock an order and all its runs, which come by number, for a decision of the staff.

    A worker that is claiming a run holds its row: this waits for it and then finds the run submitting.

    :raises OrderNotFound:
    """
    try:
        order = lock_order(pk=order_id)
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
        runs = list(order.runs.order_by("number"))
    before = order.status
    order.status = derive_status([(RunState(run.state), run.quantity, run.remains) for run in runs])
    order.remains = sum(run.remains for run in runs)
    order.start_count = next((run.start_count for run in runs if run.start_count is not None), None)
    if order.status in FINAL_STATUSES and order.finished_at is None:
        order.finished_at = timezone.now()
    refund = pricing.refund_due(
        charge=order.charge, quantity=order.quantity, undelivered=_undelivered(runs), refunded=order.refunded
    )
    if refund > ZERO:
        order.refunded += refund
        order.refund_count += 1
    order.save(update_fields=["status", "remains", "start_count", "finished_at", "refunded", "refund_count"])
    if order.status != before:
        kind = OrderEvent.Kind.FINISHED if order.status in FINAL_STATUSES else OrderEvent.Kind.PROGRESS
        record_event(order.pk, kind, status=order.status, remains=order.remains)
    if refund > ZERO:
        _refund(order, runs=runs, amount=refund)


def _undelivered(runs: Iterable[Run]) -> int:
    """Count the units that will not come any more."""
    return sum(run.remains for run in runs if run.state in FINAL_RUN_STATES)


def _refund(order: Order, *, runs: Sequence[Run], amount: Decimal) -> None:
    record_event(
        order.pk,
        OrderEvent.Kind.REFUNDED,
        amount=format_amount(amount),
        charge=format_amount(order.charge),
        undelivered=_undelivered(runs),
        quantity=order.quantity,
        refunded=format_amount(order.refunded),
    )
    ledger.credit(
        wallet_id=Wallet.objects.values_list("pk", flat=True).get(user_id=order.customer_id),
        amount=amount,
        key=f"refund:order:{order.pk}:{order.refund_count}",
        source=Account.Kind.SALES,
    )
