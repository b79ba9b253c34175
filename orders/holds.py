"""Keep a queued run back until staff have looked at it: it would lose money, or nobody sells it any more."""

import logging

from django.db import transaction
from django.db.models.functions import Now

from orders import dripfeed, nudge, rounds, routing, settlement, walks
from orders.errors import RunNotHeld
from orders.models import Order, OrderEvent, Run, Walk
from panel import checkpoints
from panel.errors import is_outage

BECAUSE_MAX_CHARACTERS = 200

logger = logging.getLogger(__name__)


def hold_run(run: Run, *, because: str) -> None:
    """Keep a locked, queued run back, in the caller's transaction."""
    checkpoints.reached("holding")
    run.held_at, run.held_because = Now(), because[:BECAUSE_MAX_CHARACTERS]
    run.save(update_fields=["held_at", "held_because"])
    settlement.record_event(run.order_id, OrderEvent.Kind.HELD, run_id=run.pk)


_NEXT_HELD = """
SELECT id, held_at FROM orders_run
WHERE (held_at, id) > (%(after_at)s::timestamptz, %(after_id)s) AND held_at <= %(until)s::timestamptz
ORDER BY held_at, id LIMIT %(page)s
"""


def recheck_held(*, seconds: float = rounds.SECONDS) -> int:
    """Let go what was held and may be sent again as things are now, without a loss; return how many.

    Those held longest come first, and where there is no time for all the next call goes on behind them.
    """
    released = 0
    for run_ids in walks.take_pages(Walk.Over.HELD, _NEXT_HELD, seconds=seconds):
        for run_id in run_ids:
            try:
                released += _recheck(run_id)
            except Exception as error:
                if is_outage(error):
                    raise
                # What cannot be prepared stays held, and keeps no other run so.
                logger.exception("held run %s cannot be looked at", run_id)
    if released:
        nudge.wake_submitters()
    return released


@transaction.atomic(durable=True)
def _recheck(run_id: int) -> bool:
    """Let a run go if it is held and may be sent again; say whether it was."""
    order = settlement.lock_order("run", run_id)
    run = settlement.lock_run(run_id)
    if run.held_at is None or routing.choose_route(order, run).route is None:
        return False
    run.held_at, run.held_because, run.due_at = None, "", dripfeed.next_turn(order, run)
    run.save(update_fields=["held_at", "held_because", "due_at"])
    settlement.record_event(order.pk, OrderEvent.Kind.RELEASED, run_id=run_id)
    return True


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
