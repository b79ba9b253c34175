"""Keep a queued run back until staff have looked at it: it would lose money, or nobody sells it any more."""

import logging

from django.db import transaction
from django.db.models.functions import Now

from orders import dripfeed, nudge, routing, settlement
from orders.errors import RunNotHeld
from orders.models import Order, OrderEvent, Run
from panel import checkpoints

BECAUSE_MAX_CHARACTERS = 200
RECHECKED_MAX = 1000  # in one go, those held longest first

logger = logging.getLogger(__name__)


def hold_run(run: Run, *, because: str) -> None:
    """Keep a locked, queued run back, in the caller's transaction."""
    checkpoints.reached("holding")
    run.held_at, run.held_because = Now(), because[:BECAUSE_MAX_CHARACTERS]
    run.save(update_fields=["held_at", "held_because"])
    settlement.record_event(run.order_id, OrderEvent.Kind.HELD, run_id=run.pk)


def recheck_held() -> int:
    """Let go what was held and may be sent again as things are now, without a loss; return how many."""
    released = 0
    for run_id in list(
        Run.objects.exclude(held_at=None).order_by("held_at").values_list("pk", flat=True)[:RECHECKED_MAX]
    ):
        with transaction.atomic(durable=True):
            order = settlement.lock_order("run", run_id)
            run = settlement.lock_run(run_id)
            try:
                may_go = run.held_at is not None and routing.choose_route(order, run).route is not None
            except Exception:
                # What cannot be prepared stays held, and keeps no other run so.
                logger.exception("held run %s cannot be looked at", run_id)
                continue
            if may_go:
                run.held_at, run.held_because, run.due_at = None, "", dripfeed.next_turn(order, run)
                run.save(update_fields=["held_at", "held_because", "due_at"])
                settlement.record_event(order.pk, OrderEvent.Kind.RELEASED, run_id=run_id)
                released += 1
    if released:
        nudge.wake_submitters()
    return released


def release_run(*, run_id: int, reason: str, actor_id: int | None) -> None:
    """Let a held run go now and at any cost; without a route that may be used it is held again.

    :raises ReasonMissing:
    :raises RunNotHeld: it is on its way, canceled, or was never held.
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        try:
            order = settlement.lock_order("run", run_id)
        except Order.DoesNotExist:
            raise RunNotHeld from None
        run = settlement.lock_run(run_id)
        if run.held_at is None:
            raise RunNotHeld
        run.held_at, run.held_because, run.loss_accepted, run.due_at = None, "", True, Now()
        run.save(update_fields=["held_at", "held_because", "loss_accepted", "due_at"])
        settlement.record_event(order.pk, OrderEvent.Kind.RELEASED, run_id=run_id, actor_id=actor_id, reason=reason)
        nudge.wake_submitters()
