"""Hand out runs that are delivered by hand: to a program that pulls them, or to whoever of the staff takes one.

A run that waits at a manual provider is sent by no worker. Taking it is what sending is elsewhere: the profit guard is
asked, an attempt with its cost is written, and the run goes on to in progress, all in one transaction under the locks
of its order and itself. So it is handed out once at most, whoever else pulls, takes, moves or cancels at the same
moment; what was taken is in the list of orders, where a program finds it whose answer got lost.

An order is one task at a time: the next run of a drip-feed is handed out when the one before has ended, and an interval
after that one was taken at the earliest. So whatever is said of an order afterwards is said of the one run that is out;
see `reporting.py`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from orders import dripfeed, holds, interventions, nudge, routing, settlement, watching
from orders.errors import NotToTakeNow, RunNotByHand
from orders.models import Attempt, Order, OrderEvent, Run
from orders.routing import Choice
from orders.transitions import TRACKED_RUN_STATES, RunState
from panel.errors import is_outage
from providers.models import Provider

TAKEN_MAX = 100  # at once, however many are asked for: their orders are locked together, for a fraction of a second

logger = logging.getLogger(__name__)

# The orders that are due longest, each by the first of its runs that waits. One that somebody else has locked is being
# taken, canceled or moved: it is passed over.
_LOCK_DUE = """
SELECT r.id FROM orders_run r JOIN orders_order o ON o.id = r.order_id
WHERE r.provider_id = ANY(%(open)s::bigint[]) AND r.state = 'queued' AND r.held_at IS NULL
    AND r.due_at <= statement_timestamp()
    AND (%(services)s::int[] IS NULL OR o.service_id = ANY(%(services)s::int[]))
    AND NOT EXISTS (
        SELECT 1 FROM orders_run other WHERE other.order_id = r.order_id AND (
            (other.provider_id = ANY(%(manual)s::bigint[]) AND other.state = ANY(%(out)s))
            OR (
                other.provider_id = ANY(%(open)s::bigint[]) AND other.state = 'queued' AND other.held_at IS NULL
                AND other.number < r.number
            )
        )
    )
ORDER BY r.due_at, r.id LIMIT %(limit)s FOR NO KEY UPDATE OF o SKIP LOCKED
"""


def take_due(
    *, limit: int, reason: str, actor_id: int | None, service_ids: Sequence[int] | None = None
) -> Sequence[Run]:
    """Take the runs that are due longest, in the caller's transaction; return those that are now out.

    What would lose money is held, and what goes by another route now is put there, as when a worker looks at it.

    :param limit: at most; never more than `TAKEN_MAX`.
    :param service_ids: only orders of these services.
    :raises ReasonMissing:
    """
    reason = settlement.require_reason(reason)
    taken = []
    for run in _lock_due(min(limit, TAKEN_MAX), service_ids):
        try:
            with transaction.atomic():
                is_taken = _take_or_put_off(run, reason=reason, actor_id=actor_id)
        except Exception as error:
            if is_outage(error):
                raise  # that is not the run's fault
            # It would be the first to be looked at for ever, and nothing would be handed out any more.
            logger.exception("run %s cannot be handed out", run.pk)
            run.refresh_from_db()
            holds.hold_run(run, because=f"it cannot be handed out: {type(error).__name__}: {error}")
            continue
        if is_taken:
            taken.append(run)
    return taken


def take_order(*, order_id: int, reason: str, actor_id: int | None) -> Run:
    """Take the run of an order that waits to be delivered by hand, and return it, also where another route comes first.

    Whoever takes this very order has chosen who delivers it; a run that nobody takes goes by the order of routes.

    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderHasEnded, RunInFlight, RunAtProvider: no run of it has not left us.
    :raises RunNotByHand: what is left of it is sent by the workers.
    :raises NotToTakeNow:
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        is_open = _list_manual()
        run = next((one for one in interventions.list_queued(runs) if one.provider_id in is_open), None)
        if run is None:
            raise RunNotByHand
        run.order = order
        if why := _why_not_now(run, runs, is_open):
            raise NotToTakeNow(why=why)
        assert run.provider_id is not None  # it waits there
        choice = routing.choose_route_at(run.provider_id, order, run)
        if choice.route is None or (choice.why_not and not routing.may_lose(order, run)):
            raise NotToTakeNow(why=choice.why_not)
        _hand_out(run, choice, reason=reason, actor_id=actor_id)
    return run


def waits_by_hand(order_id: int) -> bool:
    """Say whether a run of an order waits to be taken, now or later."""
    return Run.objects.filter(order=order_id, state=RunState.QUEUED, provider__kind=Provider.Kind.MANUAL).exists()


def _list_manual() -> Mapping[int, bool]:
    """List the manual providers, and whether anything is handed out of each: it is not while it is paused."""
    return dict(Provider.objects.filter(kind=Provider.Kind.MANUAL).values_list("pk", "is_active"))


def _lock_due(limit: int, service_ids: Sequence[int] | None) -> Sequence[Run]:
    """Lock the orders that are due longest, then the run of each that is to be handed out; no order twice."""
    is_open = _list_manual()
    parameters: dict[str, Any] = {
        "manual": list(is_open),
        "open": [provider_id for provider_id, is_active in is_open.items() if is_active],
        "services": None if service_ids is None else list(service_ids),
        "out": sorted(TRACKED_RUN_STATES),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_DUE, parameters)
        run_ids = [run_id for (run_id,) in cursor.fetchall()]
    # As they are now: somebody may have been done with an order between the look and the lock.
    runs = list(
        Run.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("order__service__pace")
        .filter(pk__in=run_ids, state=RunState.QUEUED, held_at=None, provider__in=parameters["open"], due_at__lte=Now())
        .order_by("due_at", "pk")
    )
    busy = set(
        Run.objects.filter(
            order__in=[run.order_id for run in runs], provider__in=parameters["manual"], state__in=parameters["out"]
        ).values_list("order", flat=True)
    )
    busy |= dripfeed.list_on_their_way([run.order_id for run in runs])
    return [run for run in runs if run.order_id not in busy]


def _take_or_put_off(run: Run, *, reason: str, actor_id: int | None) -> bool:
    """Take a locked run, or hold it or put it elsewhere, as the choice of its route says."""
    choice = routing.choose_route(run.order, run)
    if choice.route is None:
        holds.hold_run(run, because=choice.why_not)
        return False
    if choice.route.provider_id != run.provider_id:
        run.provider, run.route = choice.route.provider, choice.route
        run.save(update_fields=["provider", "route"])
        nudge.wake_submitters()
        return False
    _hand_out(run, choice, reason=reason, actor_id=actor_id)
    return True


def _why_not_now(run: Run, runs: Sequence[Run], is_open: Mapping[int, bool]) -> str:
    """Say why a run that waits by hand is not to be handed out as things are; empty when it is."""
    assert run.provider_id is not None  # it waits there
    if not is_open[run.provider_id]:
        return "its provider is paused"
    if run.held_at is not None:
        return "it is held"
    if run.due_at > timezone.now():
        return "its time has not come"
    if any(one.provider_id in is_open and one.state in TRACKED_RUN_STATES for one in runs):
        return "another part of it is out"
    if dripfeed.list_on_their_way([run.order_id]):
        return "another part of it is being sent"
    return ""


def _hand_out(run: Run, choice: Choice, *, reason: str, actor_id: int | None) -> None:
    """Write that a locked run has left us, by the steps that every run takes, and settle its locked order."""
    order: Order = run.order
    assert choice.route is not None  # it was chosen for this
    settlement.move_run(run, RunState.SUBMITTING, route=choice.route)
    attempt = Attempt.objects.create(
        run=run, provider=choice.route.provider, route=choice.route, cost=choice.cost, lease_until=Now()
    )
    attempt.state, attempt.evidence, attempt.finished_at = Attempt.State.ACCEPTED, "taken by hand", Now()
    attempt.save(update_fields=["state", "evidence", "finished_at"])
    settlement.move_run(
        run,
        RunState.SUBMITTED,
        submitted_at=Now(),
        expected_at=Now() + watching.expected_duration(order.service_id),
    )
    settlement.move_run(run, RunState.IN_PROGRESS)
    dripfeed.keep_interval(order, sent_at=attempt.started_at)
    settlement.record_event(
        order.pk, OrderEvent.Kind.SUBMITTED, run_id=run.pk, actor_id=actor_id, run=run.number, reason=reason
    )
    settlement.settle(order)
