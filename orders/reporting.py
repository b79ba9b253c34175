"""Record what whoever delivers by hand says of it: the way a provider's report goes, but said by a member of the staff.

What is said of an order is said of one run of it: the one that is out, else the last one that was taken. Unlike a
provider's, a report that cannot be is refused, not left out, because somebody reads the answer.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import Count

from orders import pricing, settlement, tracking
from orders.errors import NothingToChange, ReportImpossible, RunNotTaken
from orders.models import Order, Run
from orders.transitions import FINAL_RUN_STATES, TRACKED_RUN_STATES, RunState
from panel.money import ZERO
from providers.adapter import Report, ReportedStatus
from providers.models import Provider

STATUS_OF_STATE = {state: status for status, state in tracking.STATE_OF_REPORT.items()}


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report came to."""

    run: Run
    run_count: int  # of the order
    given_back: Decimal


def report_by_hand(
    *,
    order_id: int,
    reason: str,
    actor_id: int | None,
    number: int | None = None,
    status: str | None = None,
    remains: int | None = None,
    start_count: int | None = None,
) -> Reported:
    """Store how a run that was taken stands, and give back what is owed in the same transaction.

    :param number: of the run; None for the one that is out, else the last one taken.
    :param status: a word of the protocol; None where it is as it was.
    :param remains: of the run, not of the order.
    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises RunNotTaken: nothing of it was, or not that run.
    :raises ReportImpossible:
    :raises NothingToChange: all of it is known.
    """
    settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        taken = find_taken([order_id]) if number is None else {}
        wanted = taken[order_id].number if order_id in taken else number
        run = next((one for one in runs if one.number == wanted and _is_taken(one)), None)
        if run is None:
            raise RunNotTaken
        news = tracking.read_news(run, _as_report(run, status=status, remains=remains, start_count=start_count))
        if news is None:
            raise NothingToChange
        before = order.refunded
        tracking.take_over(order, run, news)
    return Reported(run, order.run_count, order.refunded - before)


def find_taken(order_ids: Collection[int]) -> dict[int, Run]:
    """Return of each order the run that reports are about; orders of which nothing was taken are left out."""
    found: dict[int, Run] = {}
    taken = Run.objects.filter(
        order__in=order_ids, provider__kind=Provider.Kind.MANUAL, submitted_at__isnull=False
    ).order_by("submitted_at", "pk")
    for run in taken:
        if run.order_id not in found or found[run.order_id].state not in TRACKED_RUN_STATES:
            found[run.order_id] = run
    return found


def find_taken_in_parts(order_ids: Collection[int]) -> set[int]:
    """Return the orders of which more than one run was taken."""
    taken = Run.objects.filter(
        order__in=order_ids, provider__kind=Provider.Kind.MANUAL, submitted_at__isnull=False
    ).order_by()
    counts = taken.values("order").annotate(parts=Count("pk")).filter(parts__gt=1)
    return set(counts.values_list("order", flat=True))


def weigh_report(
    order: Order, *, number: int | None = None, status: str | None = None, remains: int | None = None
) -> Decimal:
    """Return what a report would give back, in the money of the order."""
    runs = list(order.runs.order_by("number"))
    taken = find_taken([order.pk])
    wanted = number if number is not None else taken[order.pk].number if order.pk in taken else None
    undelivered = 0
    for run in runs:
        if run.number == wanted and status is not None:
            state = tracking.STATE_OF_REPORT[ReportedStatus(status)]
            left = {RunState.CANCELED: run.quantity, RunState.PARTIAL: min(remains or 0, run.quantity)}
            undelivered += left.get(state, 0)
        elif run.state in FINAL_RUN_STATES:
            undelivered += run.remains
    if not undelivered:
        return ZERO
    return pricing.refund_due(
        charge=order.charge, quantity=order.quantity, undelivered=undelivered, refunded=order.refunded
    )


def _is_taken(run: Run) -> bool:
    return run.submitted_at is not None and run.provider is not None and run.provider.is_manual


def _as_report(run: Run, *, status: str | None, remains: int | None, start_count: int | None) -> Report:
    """Put what is said into the form of a provider's report.

    :raises ReportImpossible: no status, and something else remains of a run that has ended.
    """
    if status is not None:
        return Report(ReportedStatus(status), start_count=start_count, remains=remains)
    state = RunState(run.state)
    if state in FINAL_RUN_STATES and remains not in (None, run.remains):
        raise ReportImpossible(f"run {run.pk} has ended as {state}")
    if state not in STATUS_OF_STATE:
        raise ReportImpossible(f"run {run.pk} is {state}")
    return Report(STATUS_OF_STATE[state], start_count=start_count, remains=run.remains if remains is None else remains)
