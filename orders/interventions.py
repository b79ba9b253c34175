"""What staff do to an order by hand, each with a reason that its story keeps.

To cancel and to have canceled is in `cancellations.py`, to let a single held run go in `holds.py`, and what nobody
knows the outcome of in `reviews.py`. Everything here refuses while a run of the order is in doubt, where it matters.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from orders import dripfeed, nudge, pricing, routing, settlement
from orders.cancellations import IN_DOUBT
from orders.errors import (
    LinkUnusable,
    NothingToChange,
    OrderHasEnded,
    RemainsImpossible,
    RouteLosesMoney,
    RouteNotOffered,
    RunAtProvider,
    RunInFlight,
    RunNotSent,
    StartCountImpossible,
)
from orders.models import LINK_MAX_CHARACTERS, Order, OrderEvent, Run
from orders.tracking import START_COUNT_MAX
from orders.transitions import FINAL_RUN_STATES, FINAL_STATUSES, TRACKED_RUN_STATES, RunState

Kind = OrderEvent.Kind


def change_link(*, order_id: int, link: str, reason: str, actor_id: int | None) -> list[int]:
    """Correct the link for the runs that have not left us; return their numbers. The others keep the one they had.

    :raises ReasonMissing:
    :raises LinkUnusable:
    :raises OrderNotFound:
    :raises NothingToChange: it is the same link.
    :raises OrderHasEnded, RunInFlight, RunAtProvider: no run is left to be sent.
    """
    reason = settlement.require_reason(reason)
    link = link.strip()
    if not link or len(link) > LINK_MAX_CHARACTERS or not link.isprintable():
        raise LinkUnusable
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        numbers = [run.number for run in list_queued(runs)]
        if order.link == link:
            raise NothingToChange
        _record(order, "link_changed", reason, actor_id, old=order.link, new=link, runs=numbers)
        order.link = link
        order.save(update_fields=["link"])
    return numbers


def set_start_count(*, order_id: int, start_count: int, reason: str, actor_id: int | None) -> None:
    """Say what the counter was before delivery; what the provider reports of it no longer counts.

    :raises ReasonMissing:
    :raises StartCountImpossible:
    :raises OrderNotFound:
    :raises NothingToChange:
    """
    reason = settlement.require_reason(reason)
    if not 0 <= start_count <= START_COUNT_MAX:
        raise StartCountImpossible
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        first = runs[0]  # the order shows the count of its first run that has one
        if first.start_count == start_count and first.start_count_by_staff:
            raise NothingToChange
        _record(order, "start_count_set", reason, actor_id, old=order.start_count, new=start_count)
        first.start_count, first.start_count_by_staff = start_count, True
        first.save(update_fields=["start_count", "start_count_by_staff"])
        settlement.settle(order, runs=runs)


def set_partial(*, order_id: int, remains: int, reason: str, actor_id: int | None) -> Decimal:
    """End an order with so much of it undelivered, and give back what is owed for that; return what was given back.

    After the end only in the customer's favour: no less may remain than what was refunded says.

    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderHasEnded: nothing of it was delivered.
    :raises RunInFlight: a run is being sent or waits for review; its fate must be known first.
    :raises RunNotSent: nothing of it has left us.
    :raises RemainsImpossible:
    :raises NothingToChange:
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        if any(run.state in IN_DOUBT for run in runs):
            raise RunInFlight
        undelivered = _undelivered_at_least(runs)
        least, most = max(sum(undelivered.values()), 1), order.quantity - 1
        if least > most:
            raise OrderHasEnded if order.status in FINAL_STATUSES else RunNotSent
        if not least <= remains <= most:
            raise RemainsImpossible(least=least, most=most)
        if order.status in FINAL_STATUSES and remains == order.remains:
            raise NothingToChange
        _record(order, "partial_set", reason, actor_id, remains=remains)
        _spread(remains - sum(undelivered.values()), runs=runs, undelivered=undelivered)
        for run in runs:
            _end_run(run, remains=undelivered[run.number])
        refunded = order.refunded
        settlement.settle(order, runs=runs)
    return order.refunded - refunded


def complete(*, order_id: int, reason: str, actor_id: int | None) -> None:
    """Take all that a provider has of an order as delivered. Nothing is given back for it.

    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderHasEnded:
    :raises RunInFlight: a run is being sent or waits for review; its fate must be known first.
    :raises RunNotSent: a run has not left us, and the customer would pay for nothing.
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        if order.status in FINAL_STATUSES:
            raise OrderHasEnded
        if any(run.state in IN_DOUBT for run in runs):
            raise RunInFlight
        if any(run.state == RunState.QUEUED for run in runs):
            raise RunNotSent
        _record(order, "completed", reason, actor_id)
        for run in runs:
            if run.state in TRACKED_RUN_STATES:
                settlement.move_run(run, RunState.COMPLETED, remains=0)
        settlement.settle(order, runs=runs)


def resend(*, order_id: int, reason: str, actor_id: int | None) -> list[int]:
    """Send now what is held or was put off, at any cost what was held; return the numbers of those runs.

    Only what has not left us: what a provider has or may have is never sent again by this. Drip-feed's later runs
    wait for their time. Of those whose time was before an outage one goes at once, however short ago another was sent;
    the rest follow it an interval apart.

    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderHasEnded: it is refunded; nothing is sent for it any more.
    :raises RunInFlight: a run is being sent or waits for review.
    :raises RunAtProvider:
    :raises NothingToChange: what is left of it waits for its time.
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        queued = [run for run in list_queued(runs) if run.held_at is not None or _is_time_for(run, order)]
        if not queued:
            raise NothingToChange
        _record(order, "resent", reason, actor_id, runs=[run.number for run in queued])
        for run in queued:
            changes: dict[str, Any] = {"loss_accepted": True} if run.held_at is not None else {}
            route = routing.choose_route(order, run).route
            if route is not None:
                changes |= {"provider": route.provider, "route": route}
            _send_soon(run, **changes)
        nudge.wake_submitters()
    return [run.number for run in queued]


def move_to_provider(
    *, order_id: int, provider_id: int, reason: str, actor_id: int | None, accept_loss: bool = False
) -> list[int]:
    """Have the runs that have not left us sent to another provider of the service; return their numbers.

    Its route comes before all others. Should it refuse them, they go by the other routes as always. A drip-feed keeps
    its interval.

    :param accept_loss: also when it costs more than the customer pays.
    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderHasEnded, RunInFlight, RunAtProvider: no run is left to be sent.
    :raises RouteNotOffered: the provider has no route of the service that takes each of them.
    :raises RouteLosesMoney:
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        queued = list_queued(runs)
        free_at = dripfeed.free_at(order)
        is_free = free_at is None or free_at <= timezone.now()
        _record(order, "moved", reason, actor_id, provider=provider_id, runs=[run.number for run in queued])
        for run in queued:
            choice = routing.choose_route_at(provider_id, order, run)
            if choice.route is None:
                raise RouteNotOffered
            if choice.why_not and not accept_loss:
                raise RouteLosesMoney(why=choice.why_not)
            changes: dict[str, Any] = {
                "wanted_route": choice.route,
                "route": choice.route,
                "provider": choice.route.provider,
            }
            if accept_loss:
                changes["loss_accepted"] = True
            if is_free and _is_time_for(run, order):
                _send_soon(run, **changes)
            else:
                settlement.move_run(run, RunState.QUEUED, **changes)
        nudge.wake_submitters()
    return [run.number for run in queued]


def _record(order: Order, what: str, reason: str, actor_id: int | None, **data: Any) -> None:
    settlement.record_event(order.pk, Kind.STAFF, actor_id=actor_id, what=what, reason=reason, **data)


def list_queued(runs: Sequence[Run]) -> list[Run]:
    """Return the runs of an order that have not left us.

    :raises OrderHasEnded, RunInFlight, RunAtProvider: there is none, and why.
    """
    queued = [run for run in runs if run.state == RunState.QUEUED]
    if not queued:
        states = {RunState(run.state) for run in runs}
        if states & IN_DOUBT:
            raise RunInFlight
        raise OrderHasEnded if states <= FINAL_RUN_STATES else RunAtProvider
    return queued


def _is_time_for(run: Run, order: Order) -> bool:
    """Say whether a queued run would have been sent by now, had nothing put it or one before it off."""
    scheduled_at = order.created_at + timedelta(minutes=order.interval_minutes or 0) * (run.number - 1)
    return scheduled_at <= timezone.now()


def _send_soon(run: Run, **changes: object) -> None:
    """Make a queued run due, without losing its place in the queue if it is; one that was held is held no more."""
    if run.due_at > timezone.now():
        changes["due_at"] = Now()
    settlement.move_run(run, RunState.QUEUED, **changes)


def _undelivered_at_least(runs: Sequence[Run]) -> dict[int, int]:
    """Return by number what of each run cannot have been delivered, or was given back."""
    given_back = FINAL_RUN_STATES | {RunState.QUEUED}
    return {run.number: run.remains if run.state in given_back else 0 for run in runs}


def _spread(units: int, *, runs: Sequence[Run], undelivered: dict[int, int]) -> None:
    """Add undelivered units to the runs, the last ones first: what was sent first was delivered first."""
    for run in reversed(runs):
        added = min(units, run.quantity - undelivered[run.number])
        undelivered[run.number] += added
        units -= added


def _end_run(run: Run, *, remains: int) -> None:
    """End a run with so much undelivered; one that has ended so stays as it is."""
    if run.state in FINAL_RUN_STATES and run.remains == remains:
        return
    state = RunState.PARTIAL
    if remains == run.quantity:
        state = RunState.CANCELED
    elif remains == 0:
        state = RunState.COMPLETED
    settlement.move_run(run, state, remains=remains)


def weigh_partial(order: Order, *, remains: int) -> Decimal:
    """Return what `set_partial` would give back, in the money of the order."""
    return pricing.refund_due(
        charge=order.charge, quantity=order.quantity, undelivered=remains, refunded=order.refunded
    )
