"""Have delivered again what dropped off after completion."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from orders import nudge, settlement
from orders.errors import OrderNotEligibleForRefill, RefillNotAvailable
from orders.models import OrderEvent, Refill, RefillPart
from orders.transitions import DELIVERED_RUN_STATES, Status
from panel import checkpoints
from panel.errors import violated_constraint
from providers import adapter, health
from providers.adapter import STATUS_IDS_MAX, batched
from providers.errors import LinkBusy, NotSent, ProviderError, Refused, RefusedForNow
from providers.models import Provider

BATCH = 50
RETRY_AFTER = timedelta(seconds=30)
POLL_AFTER = timedelta(seconds=3)

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
            delivered = order.runs.filter(state__in=sorted(DELIVERED_RUN_STATES)).exclude(provider_order="")
            RefillPart.objects.bulk_create([RefillPart(refill=refill, run=run) for run in delivered])
            settlement.record_event(order.pk, OrderEvent.Kind.REFILL_REQUESTED, refill=refill.pk)
            nudge.wake("orders.process_refills")
            return refill.pk
    except IntegrityError as error:
        if violated_constraint(error) == "refill_one_open_per_order":
            raise OrderNotEligibleForRefill from error
        raise


def process_refills() -> int:
    """Send the parts that were not sent yet and ask about the others; return how many refills were due."""
    count = 0
    while count < BATCH and (refill := _claim_next()) is not None:
        count += 1
        try:
            _send_parts(refill)
            _ask_about_parts(refill)
            reports = [Refill.Status(status) for status in refill.parts.values_list("status", flat=True)]
            record_refill_status(refill.pk, combine_statuses(reports))
        except Exception:
            # One refill that cannot be worked on must not keep the others waiting.
            logger.exception("working on refill %s failed", refill.pk)
    return count


def record_refill_status(refill_id: int, status: Refill.Status, *, actor_id: int | None = None) -> None:
    """Store how a refill stands; a finished one stays as it is."""
    with transaction.atomic(durable=True):
        # The order first, as everywhere: its customer may be asking for the next refill at this moment.
        settlement.lock_order(refills=refill_id)
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


def _claim_next() -> Refill | None:
    """Take the refill that is due longest; nobody else looks at it for a while."""
    with transaction.atomic(durable=True):
        refill = (
            Refill.objects.select_for_update(skip_locked=True)
            .filter(status__in=Refill.OPEN, poll_at__lte=Now())
            .order_by("poll_at", "pk")
            .first()
        )
        if refill is not None:
            Refill.objects.filter(pk=refill.pk).update(poll_at=Now() + RETRY_AFTER)
    return refill


def _send_parts(refill: Refill) -> None:
    """Ask each provider that delivered a part of the order for a refill of it, once."""
    for part in refill.parts.filter(status=Refill.Status.PENDING, sent_at=None).select_related("run__provider"):
        # Claimed before a byte leaves: what a process that dies leaves behind is in doubt, not to be sent again.
        if RefillPart.objects.filter(pk=part.pk, sent_at=None).update(sent_at=Now()):
            _send_part(part)


def _send_part(part: RefillPart) -> None:
    assert part.run.provider is not None  # it has an id there
    changes: dict[str, Any]
    try:
        with health.watched(part.run.provider):
            changes = {"provider_refill": adapter.connect(part.run.provider).refill(part.run.provider_order)}
        checkpoints.reached("after_refill")
    except (NotSent, RefusedForNow, LinkBusy):
        changes = {"sent_at": None}
    except Refused:
        changes = {"status": Refill.Status.REJECTED}
    except ProviderError as error:
        logger.error("refill %s: nobody knows whether its provider took it: %s", part, error.evidence)
        return
    RefillPart.objects.filter(pk=part.pk).update(**changes)


def _ask_about_parts(refill: Refill) -> None:
    by_provider: dict[Provider, dict[str, RefillPart]] = defaultdict(dict)
    for part in refill.parts.filter(status__in=Refill.OPEN).exclude(provider_refill="").select_related("run__provider"):
        assert part.run.provider is not None
        by_provider[part.run.provider][part.provider_refill] = part
    for provider, parts in by_provider.items():
        for ids in batched(list(parts), STATUS_IDS_MAX):
            try:
                with health.watched(provider):
                    reports = adapter.connect(provider).refill_statuses(ids)
            except ProviderError as error:
                logger.warning("provider %s did not report on refills: %s", provider, error.evidence)
                continue
            for provider_refill, status in reports.items():
                if provider_refill in parts:
                    RefillPart.objects.filter(pk=parts[provider_refill].pk).update(status=status.value)


def combine_statuses(parts: Sequence[Refill.Status]) -> Refill.Status:
    """Return one status for the refills of an order's runs; what is not reported on is still open."""
    states = set(parts)
    if states & set(Refill.OPEN):
        return Refill.Status.PENDING if states == {Refill.Status.PENDING} else Refill.Status.IN_PROGRESS
    return Refill.Status.COMPLETED if Refill.Status.COMPLETED in states else Refill.Status.REJECTED
