"""Have delivered again what dropped off after completion."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from orders import nudge, rounds, settlement
from orders.errors import (
    OrderNotEligibleForRefill,
    ProviderOrderUnreadable,
    RefillNotAvailable,
    RefillNotInDoubt,
)
from orders.models import Order, OrderEvent, Refill, RefillPart
from orders.transitions import DELIVERED_RUN_STATES, Status
from panel import checkpoints
from panel.errors import violated_constraint
from providers import adapter, health, values
from providers.adapter import STATUS_IDS_MAX, batched
from providers.errors import LinkBusy, NotSent, ProviderError, Refused, RefusedForNow
from providers.models import Provider

BATCH = 1000
IN_DOUBT_AFTER = timedelta(minutes=1)  # a call takes at most 25 s
# Like runs: fresh ones are watched closely, old ones seldom. What could not be sent is tried again at the same pace.
POLL_SHARE_OF_AGE = 0.1
POLL_MIN = timedelta(seconds=3)
POLL_MAX = timedelta(minutes=10)
# What concerns a provider: parts that were not sent, and those that have an id there. The rest is in doubt or ended, or
# delivered by hand: then staff say how it goes.
_BY_HAND = Q(run__provider__kind=Provider.Kind.MANUAL)
_TO_CALL = Q(status__in=Refill.OPEN) & (Q(sent_at=None) | ~Q(provider_refill="")) & ~_BY_HAND

logger = logging.getLogger(__name__)

_NEXT_POLL = """
UPDATE orders_refill SET
    poll_at = statement_timestamp()
        + least(greatest((statement_timestamp() - created_at) * %(share)s, %(min)s), %(max)s)
WHERE id = ANY(%(refill_ids)s)
"""


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
            refill_id = _open(order)
            nudge.wake("orders.process_refills")
            return refill_id
    except IntegrityError as error:
        if violated_constraint(error) == "refill_one_open_per_order":
            raise OrderNotEligibleForRefill from error
        raise


# A part for each run that was delivered and that its provider knows: by its id there, or because it was by hand.
_OPEN = """
WITH opened AS (
    INSERT INTO orders_refill (order_id, customer_id, status) VALUES (%(order)s, %(customer)s, %(pending)s)
    RETURNING id, order_id
),
parts AS (
    INSERT INTO orders_refillpart (refill_id, run_id, status, provider_refill)
    SELECT opened.id, r.id, %(pending)s, ''
    FROM opened JOIN orders_run r ON r.order_id = opened.order_id LEFT JOIN providers_provider p ON p.id = r.provider_id
    WHERE r.state = ANY(%(delivered)s) AND (r.provider_order <> '' OR p.kind = %(manual)s)
    ORDER BY r.number
),
told AS (
    INSERT INTO orders_orderevent (order_id, kind, data)
    SELECT order_id, %(kind)s, jsonb_build_object('refill', id) FROM opened
)
SELECT id FROM opened
"""


def _open(order: Order) -> int:
    """Write a refill of a locked order, a part for each run, and the step in the order's story; return its id."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN,
            {
                "order": order.pk,
                "customer": order.customer_id,
                "pending": Refill.Status.PENDING.value,
                "delivered": sorted(DELIVERED_RUN_STATES),
                "manual": Provider.Kind.MANUAL.value,
                "kind": OrderEvent.Kind.REFILL_REQUESTED.value,
            },
        )
        (refill_id,) = cursor.fetchone()
    return refill_id


def process_refills(*, seconds: float = rounds.SECONDS) -> int:
    """Ask about the parts that were sent and send those that were not; return how many refills were due."""
    refill_ids = _claim_due()
    no_time = rounds.take_turns(_list_jobs(refill_ids), seconds=seconds)
    _record_news(refill_ids)
    with connection.cursor() as cursor:
        polling: dict[str, Any] = {"share": POLL_SHARE_OF_AGE, "min": POLL_MIN, "max": POLL_MAX}
        cursor.execute(_NEXT_POLL, polling | {"refill_ids": list(refill_ids - no_time)})
    Refill.objects.filter(pk__in=no_time).update(poll_at=Now())
    return len(refill_ids)


def record_refill_status(refill_id: int, status: Refill.Status, *, actor_id: int | None = None) -> None:
    """Store how a refill stands, if it may go there from where it is."""
    with transaction.atomic():
        # The order first, as everywhere: its customer may be asking for the next refill at this moment.
        settlement.lock_order("refill", refill_id)
        refill = Refill.objects.select_for_update().get(pk=refill_id)
        if not _may_follow(refill.status, status):
            return
        refill.status = status
        finished = status not in Refill.OPEN
        refill.finished_at = Now() if finished else None
        refill.save(update_fields=["status", "finished_at"])
        if finished:
            settlement.record_event(
                refill.order_id,
                OrderEvent.Kind.REFILL_FINISHED,
                actor_id=actor_id,
                refill=refill.pk,
                status=status.value,
            )


def record_part_found(*, refill_id: int, provider_refill: str) -> None:
    """The provider has the part in doubt: go on asking about it under the provider's id.

    :raises RefillNotInDoubt:
    :raises ProviderOrderUnreadable: it is no id.
    """
    read = values.read_id(provider_refill.strip().removeprefix("#"))
    if read is None:
        raise ProviderOrderUnreadable
    with transaction.atomic():
        part = _lock_part_in_doubt(refill_id)
        part.provider_refill = read
        part.save(update_fields=["provider_refill"])
        Refill.objects.filter(pk=refill_id).update(poll_at=Now())


def send_part_again(*, refill_id: int) -> None:
    """The provider does not have the part in doubt: ask it once more.

    :raises RefillNotInDoubt:
    """
    with transaction.atomic():
        part = _lock_part_in_doubt(refill_id)
        part.sent_at = None
        part.save(update_fields=["sent_at"])
        Refill.objects.filter(pk=refill_id).update(poll_at=Now())
        nudge.wake("orders.process_refills")


def reject_part(*, refill_id: int, actor_id: int | None) -> Refill.Status:
    """The provider does not have the part in doubt, and nobody asks it again; return how the refill stands then.

    :raises RefillNotInDoubt:
    """
    with transaction.atomic():
        part = _lock_part_in_doubt(refill_id)
        part.status = Refill.Status.REJECTED
        part.save(update_fields=["status"])
        parts = RefillPart.objects.filter(refill=refill_id).values_list("status", flat=True)
        status = combine_statuses([Refill.Status(one) for one in parts])
        record_refill_status(refill_id, status, actor_id=actor_id)
    return status


def waiting_for_staff() -> QuerySet[RefillPart]:
    """Return what of a refill (`OuterRef("pk")`) no provider will report on: sent without an answer, or by hand."""
    in_doubt = Q(sent_at__isnull=False, provider_refill="")
    return RefillPart.objects.filter(in_doubt | _BY_HAND, refill=OuterRef("pk"), status=Refill.Status.PENDING)


def find_part_in_doubt(refill_id: int) -> RefillPart | None:
    """Return the first part of an open refill of which nobody knows whether its provider took it."""
    return _list_in_doubt(refill_id).select_related("run__provider").first()


def _list_in_doubt(refill_id: int) -> QuerySet[RefillPart]:
    # One that was sent just now is not in doubt but on its way.
    sent_long_ago = Q(sent_at__lte=Now() - IN_DOUBT_AFTER)
    waiting = Q(status=Refill.Status.PENDING, provider_refill="", refill__status__in=Refill.OPEN)
    return RefillPart.objects.filter(sent_long_ago, waiting, refill=refill_id).order_by("pk")


def _lock_part_in_doubt(refill_id: int) -> RefillPart:
    """Lock the order, its refill, and the first part of it that is in doubt.

    :raises RefillNotInDoubt:
    """
    settlement.lock_order("refill", refill_id)
    Refill.objects.select_for_update().get(pk=refill_id)
    part = _list_in_doubt(refill_id).select_for_update(of=("self",)).first()
    if part is None:
        raise RefillNotInDoubt
    return part


def _claim_due() -> set[int]:
    """Take the refills that are due and can be got on with; one whose providers are all down stays due."""
    to_call = RefillPart.objects.filter(_TO_CALL, refill=OuterRef("pk"))
    reachable = Provider.objects.filter(health.is_reachable())
    with transaction.atomic(durable=True):
        due = (
            Refill.objects.select_for_update(skip_locked=True)
            .filter(Exists(to_call.filter(run__provider__in=reachable)) | ~Exists(to_call))
            .filter(status__in=Refill.OPEN, poll_at__lte=Now())
            .order_by("poll_at", "pk")
        )
        refill_ids = set(due.values_list("pk", flat=True)[:BATCH])
        Refill.objects.filter(pk__in=refill_ids).update(poll_at=Now() + rounds.CLAIM)
    return refill_ids


def _list_jobs(refill_ids: Collection[int]) -> Iterator[rounds.Job]:
    """Ask each provider about its refills, as many at a time as it takes; then send what it does not have yet."""
    sent: dict[int, list[RefillPart]] = defaultdict(list)
    unsent: list[RefillPart] = []
    parts = RefillPart.objects.filter(_TO_CALL, refill__in=refill_ids)
    for part in parts.select_related("run").order_by("pk"):
        assert part.run.provider_id is not None  # it has an id there
        if part.sent_at is None:
            unsent.append(part)
        else:
            sent[part.run.provider_id].append(part)
    for provider_id, its_parts in sent.items():
        for batch in batched(its_parts, STATUS_IDS_MAX):
            yield rounds.Job(provider_id, frozenset(part.refill_id for part in batch), partial(_ask, batch))
    for part in unsent:
        assert part.run.provider_id is not None
        yield rounds.Job(part.run.provider_id, frozenset({part.refill_id}), partial(_send, part))


def _ask(parts: Sequence[RefillPart], provider: Provider) -> bool:
    # No id twice: some panels give the same one out again, and then it stands for both.
    ids = list(dict.fromkeys(part.provider_refill for part in parts))
    try:
        with health.watched(provider):
            reports = adapter.connect(provider).refill_statuses(ids)
    except ProviderError as error:
        logger.warning("provider %s did not report on refills: %s", provider, error.evidence)
        return rounds.has_answered(error)
    for part in parts:
        report = reports.get(part.provider_refill)
        if report is not None and _may_follow(part.status, report.value):
            RefillPart.objects.filter(pk=part.pk).update(status=report.value)
    return True


def _send(part: RefillPart, provider: Provider) -> bool:
    """Ask a provider that delivered a part of an order for a refill of it, once."""
    # Claimed before a byte leaves: what a process that dies leaves behind is in doubt, not to be sent again. Since the
    # refill was due, staff may have ended it.
    still_open = Refill.objects.filter(status__in=Refill.OPEN)
    if not RefillPart.objects.filter(pk=part.pk, sent_at=None, refill__in=still_open).update(sent_at=Now()):
        return True
    changes: dict[str, Any]
    try:
        with health.watched(provider):
            changes = {"provider_refill": adapter.connect(provider).refill(part.run.provider_order)}
        checkpoints.reached("after_refill")
        has_answered = True
    except (NotSent, RefusedForNow, LinkBusy) as error:
        changes = {"sent_at": None}
        has_answered = rounds.has_answered(error)
    except Refused:
        changes = {"status": Refill.Status.REJECTED}
        has_answered = True
    except ProviderError as error:
        logger.error("refill %s: nobody knows whether its provider took it: %s", part, error.evidence)
        return False
    RefillPart.objects.filter(pk=part.pk).update(**changes)
    return has_answered


def _record_news(refill_ids: Collection[int]) -> None:
    """Bring refills in line with their parts; most are, and need no transaction."""
    for refill in Refill.objects.filter(pk__in=refill_ids).prefetch_related("parts"):
        status = combine_statuses([Refill.Status(part.status) for part in refill.parts.all()])
        if _may_follow(refill.status, status):
            try:
                record_refill_status(refill.pk, status)
            except Exception:
                # One refill that cannot be recorded must not keep the others waiting.
                logger.exception("recording refill %s failed", refill.pk)


def _may_follow(source: str, target: str) -> bool:
    """Say whether a refill, or a part of one, may go from `source` to `target`.

    Nothing ends twice. Nothing waits again once it is under way: for staff may have said that it is, of what no
    provider reports on, or of what the provider still calls pending.
    """
    return source in Refill.OPEN and target not in (source, Refill.Status.PENDING)


def combine_statuses(parts: Sequence[Refill.Status]) -> Refill.Status:
    """Return one status for the refills of an order's runs; what is not reported on is still open."""
    states = set(parts)
    if states & set(Refill.OPEN):
        return Refill.Status.PENDING if states == {Refill.Status.PENDING} else Refill.Status.IN_PROGRESS
    return Refill.Status.COMPLETED if Refill.Status.COMPLETED in states else Refill.Status.REJECTED
