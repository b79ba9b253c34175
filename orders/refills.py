"""Have delivered again what dropped off after completion."""

import logging
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from orders import nudge, settlement
from orders.errors import OrderNotEligibleForRefill, RefillNotAvailable
from orders.models import OrderEvent, Refill
from orders.transitions import RunState, Status
from panel.errors import violated_constraint
from providers import adapter
from providers.adapter import ReportedRefillStatus
from providers.errors import NotSent, ProviderError, Refused, RefusedForNow

BATCH = 50
RETRY_AFTER = timedelta(seconds=30)
POLL_AFTER = timedelta(seconds=3)
DELIVERED_RUN_STATES = (RunState.COMPLETED, RunState.PARTIAL)

logger = logging.getLogger(__name__)


def request_refill(*, user_id: int, order_id: int) -> int:
    """Open a refill and return its id; the provider is asked afterwards.

    :raises OrderNotFound:
    :raises RefillNotAvailable: the service has no refill, or its window is over.
    :raises OrderNotEligibleForRefill: not completed or partial, or a refill is open.
    """
    try:
        with transaction.atomic(durable=True):
            order = settlement.lock_order_of(user_id=user_id, order_id=order_id)
            if not order.service.refill:
                raise RefillNotAvailable
            if order.status not in (Status.COMPLETED, Status.PARTIAL) or order.finished_at is None:
                raise OrderNotEligibleForRefill
            if timezone.now() > order.finished_at + timedelta(days=order.service.refill_days):
                raise RefillNotAvailable
            refill = Refill.objects.create(order=order)
            settlement.record_event(order.pk, OrderEvent.Kind.REFILL_REQUESTED, refill=refill.pk)
            nudge.wake("orders.process_refills")
            return refill.pk
    except IntegrityError as error:
        if violated_constraint(error) == "refill_one_open_per_order":
            raise OrderNotEligibleForRefill from error
        raise


def process_refills() -> int:
    """Send the refills that were not sent yet and ask about the others; return how many were due."""
    with transaction.atomic(durable=True):
        due = list(
            Refill.objects.select_for_update(skip_locked=True)
            .filter(status__in=Refill.OPEN, poll_at__lte=Now())
            .order_by("poll_at")[:BATCH]
        )
        to_send = [refill.pk for refill in due if refill.sent_at is None]
        Refill.objects.filter(pk__in=[refill.pk for refill in due]).update(poll_at=Now() + RETRY_AFTER)
        # Claimed for good before a byte leaves: a second refill request is at best refused.
        Refill.objects.filter(pk__in=to_send).update(sent_at=Now())
    for refill in due:
        if refill.pk in to_send:
            _send(refill)
        elif refill.provider_refills:
            _ask(refill)
    return len(due)


def record_refill_status(refill_id: int, status: Refill.Status, *, actor_id: int | None = None) -> None:
    """Store how a refill stands; a finished one stays as it is."""
    with transaction.atomic(durable=True):
        refill = Refill.objects.select_for_update().get(pk=refill_id)
        if refill.status not in Refill.OPEN:
            return
        refill.status = status
        finished = status not in Refill.OPEN
        refill.finished_at = Now() if finished else None
        refill.poll_at = Now() + POLL_AFTER
        refill.save(update_fields=["status", "finished_at", "poll_at"])
        if finished:
            settlement.record_event(
                refill.order_id,
                OrderEvent.Kind.REFILL_FINISHED,
                actor_id=actor_id,
                refill=refill.pk,
                status=status.value,
            )


def _send(refill: Refill) -> None:
    """Ask each provider that delivered a part of the order for a refill of it."""
    runs = list(refill.order.runs.filter(state__in=DELIVERED_RUN_STATES).exclude(provider_order=""))
    taken: list[str] = []
    for run in runs:
        assert run.provider is not None  # it has an id there
        try:
            taken.append(adapter.connect(run.provider).refill(run.provider_order))
        except (NotSent, RefusedForNow):
            if not taken:
                Refill.objects.filter(pk=refill.pk).update(sent_at=None)
                return
        except Refused:
            continue
        except ProviderError as error:
            logger.error("refill %s: nobody knows whether the provider took it: %s", refill.pk, error.evidence)
            return
    if not taken:
        record_refill_status(refill.pk, Refill.Status.REJECTED)
        return
    Refill.objects.filter(pk=refill.pk).update(provider_refills=taken, poll_at=Now() + POLL_AFTER)


def _ask(refill: Refill) -> None:
    run = refill.order.runs.exclude(provider=None).order_by("number").first()
    if run is None or run.provider is None:
        return
    try:
        reports = adapter.connect(run.provider).refill_statuses(refill.provider_refills)
    except ProviderError as error:
        logger.warning("provider %s did not report on refills: %s", run.provider, error.evidence)
        return
    record_refill_status(refill.pk, combine_refill_statuses(list(reports.values())))


def combine_refill_statuses(reports: list[ReportedRefillStatus]) -> Refill.Status:
    """Return one status for the refills of an order's runs."""
    states = set(reports)
    if not states or states == {ReportedRefillStatus.PENDING}:
        return Refill.Status.PENDING
    if states & {ReportedRefillStatus.PENDING, ReportedRefillStatus.IN_PROGRESS}:
        return Refill.Status.IN_PROGRESS
    return Refill.Status.COMPLETED if ReportedRefillStatus.COMPLETED in states else Refill.Status.REJECTED
