"""One operation on many subjects: written down at once, done by a worker one after the other, each at most once."""

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, F
from django.db.models.functions import Now

from orders import nudge
from panel.errors import DomainError
from panel.money import ZERO
from staff import alone, audit
from staff.audit import Origin
from staff.errors import JobOver, NothingSelected, Outgrown, TooManySelected
from staff.models import Approval, BulkItem, BulkJob, Channel
from staff.operations import registry
from staff.operations.registry import Operation

ITEMS_MAX = 100_000  # hours of work for one worker; what is more is a decision to think about again
INSERT_ITEMS = 5000
WEIGHED_AT_ONCE = 5000
ROOM = Decimal("1.02")  # how far rates of currencies may move what was asked for before it is another thing

State = BulkJob.State
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    done: int
    refused: int
    skipped: int
    waiting: int

    @property
    def percent(self) -> int:
        """Return how much of it is behind us, rounded down."""
        total = self.done + self.refused + self.skipped + self.waiting
        return 100 * (total - self.waiting) // total if total else 100


def create_job(
    name: str,
    *,
    subject_ids: Iterable[int],
    arguments: Mapping[str, Any] | None = None,
    reason: str,
    actor: Any,
    origin: Origin,
    token: UUID,
) -> BulkJob:
    """Write a job down; it runs at once, or waits for a second person when all of it together needs one.

    :param token: one per form shown; the same one returns the job it made before.
    :raises PermissionDenied:
    :raises NothingSelected:
    :raises TooManySelected: more than `ITEMS_MAX`.
    """
    operation, arguments = registry.get_operation(name), dict(arguments or {})
    registry.check_permission(operation, actor)
    if made := BulkJob.objects.filter(token=token, created_by=actor).first():
        return made
    ids = sorted(set(subject_ids))
    if not ids:
        raise NothingSelected
    if len(ids) > ITEMS_MAX:
        raise TooManySelected
    amount = weigh(operation, ids, arguments)
    with transaction.atomic(durable=True):
        if amount:
            alone.take_turn(actor)
        asks = registry.needs_second_person(operation, ids, amount, arguments, actor=actor)
        job = BulkJob.objects.create(
            operation=name,
            arguments=arguments,
            reason=reason,
            token=token,
            amount=amount,
            item_count=len(ids),
            state=State.ASKED if asks else State.RUNNING,
            created_by=actor,
            channel=origin.channel,
            address=origin.address,
        )
        BulkItem.objects.bulk_create(
            (BulkItem(job=job, subject_id=subject_id) for subject_id in ids), batch_size=INSERT_ITEMS
        )
        if asks:
            Approval.objects.create(
                operation=name,
                job=job,
                subject=f"{operation.title}: {len(ids)} at once",
                arguments=arguments,
                reason=reason,
                amount=amount,
                requested_by=actor,
                channel=origin.channel,
                address=origin.address,
            )
        audit.record(
            actor=actor,
            operation="bulk.create",
            subject_model="staff.bulkjob",
            subject_id=job.pk,
            after={**arguments, "operation": name, "items": len(ids), "state": job.state},
            reason=reason,
            outcome=f"{operation.title}: {len(ids)} at once",
            amount=amount or None,
            origin=origin,
        )
        nudge.wake("staff.work_bulk_jobs")
    return job


def find_waiting(
    name: str, *, subject_ids: Collection[int], arguments: Mapping[str, Any], actor: Any
) -> Approval | None:
    """Return the approval of a job that somebody asked for on the same subjects, if it still waits: for programs that
    repeat themselves.
    """
    wanted = sorted(subject_ids)
    asked = Approval.objects.filter(
        operation=name, state=Approval.State.WAITING, requested_by=actor, job__item_count=len(wanted)
    )
    for approval in asked.select_related("job").order_by("pk"):
        assert approval.job is not None
        same = list(approval.job.items.order_by("subject_id").values_list("subject_id", flat=True)) == wanted
        if same and approval.arguments == arguments:
            return approval
    return None


def weigh(operation: Operation, subject_ids: list[int], arguments: Mapping[str, Any]) -> Decimal:
    """Return what an operation on many subjects would move, in the base currency."""
    parts = (subject_ids[at : at + WEIGHED_AT_ONCE] for at in range(0, len(subject_ids), WEIGHED_AT_ONCE))
    return sum((operation.weigh(part, **arguments) for part in parts), ZERO)


def check_outgrown(amount: Decimal, *, asked: Decimal) -> None:
    """Refuse what moves more than was asked for.

    :raises Outgrown:
    """
    if amount > asked * ROOM:
        raise Outgrown


def measure_progress(job: BulkJob) -> Progress:
    """Count a job's items by what came of them."""
    counts = dict(job.items.order_by().values_list("state").annotate(count=Count("pk")))
    return Progress(**{state.value: counts.get(state.value, 0) for state in BulkItem.State})


def stop_job(*, job_id: int, actor: Any, origin: Origin) -> None:
    """Leave the items that still wait undone.

    :raises JobOver: none waits any more.
    """
    with transaction.atomic(durable=True):
        # The approval first, as whoever decides about it has it.
        approval = Approval.objects.select_for_update().filter(job=job_id).first()
        job = BulkJob.objects.select_for_update().get(pk=job_id)
        if job.finished_at is not None:
            raise JobOver
        if approval is not None:
            Approval.objects.filter(pk=approval.pk, state=Approval.State.WAITING).update(
                state=Approval.State.REJECTED, decided_by=actor, decided_at=Now(), outcome="The job was stopped."
            )
        stop_locked(job)
        audit.record(
            actor=actor,
            operation="bulk.stop",
            subject_model="staff.bulkjob",
            subject_id=job.pk,
            after={"state": State.STOPPED.value},
            origin=origin,
        )


def stop_locked(job: BulkJob) -> None:
    """End a job in the caller's transaction; what waits is skipped."""
    job.items.filter(state=BulkItem.State.WAITING).update(state=BulkItem.State.SKIPPED)
    BulkJob.objects.filter(pk=job.pk, finished_at=None).update(state=State.STOPPED, finished_at=Now())


def release(job: BulkJob) -> str:
    """Let an approved job begin, in the caller's transaction.

    :raises Outgrown: it would move more now than was asked for.
    """
    waiting = job.items.filter(state=BulkItem.State.WAITING).order_by("pk").values_list("subject_id", flat=True)
    check_outgrown(weigh(registry.get_operation(job.operation), list(waiting), job.arguments), asked=job.amount)
    BulkJob.objects.filter(pk=job.pk, state=State.ASKED).update(state=State.RUNNING)
    nudge.wake("staff.work_bulk_jobs")
    return f"{job} has begun: {job.item_count} items."


def work(*, seconds: float) -> None:
    """Work through the items of all running jobs in turns, until none waits or the time is over."""
    started = time.monotonic()
    is_working = True
    while is_working:
        is_working = False
        running = BulkJob.objects.filter(state=State.RUNNING).order_by("pk")
        for job_id in list(running.values_list("pk", flat=True)):
            if time.monotonic() - started >= seconds:
                return
            is_working |= work_next(job_id)


def work_next(job_id: int) -> bool:
    """Do a job's next item; return False when another worker is at the job or nothing waits."""
    item: BulkItem | None = None
    try:
        with transaction.atomic(durable=True):
            job = (
                BulkJob.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("created_by")
                .filter(pk=job_id, state=State.RUNNING)
                .first()
            )
            if job is None:
                return False
            item = job.items.filter(state=BulkItem.State.WAITING).order_by("pk").first()
            if item is None:
                job.state, job.finished_at = State.DONE, Now()
                job.save(update_fields=["state", "finished_at"])
                return False
            _do(job, item)
            return True
    except (OperationalError, InterfaceError):
        raise  # the database is away; the item is as it was, or done
    except Exception:
        if item is None:
            raise
        # Nothing of it was committed. One item that trips over something unforeseen must not hold up the others.
        logger.exception("bulk item %s could not be done", item)
        BulkItem.objects.filter(pk=item.pk, state=BulkItem.State.WAITING).update(
            state=BulkItem.State.REFUSED, outcome="It failed for a reason that is in the log. Nothing was changed."
        )
        return True


def _do(job: BulkJob, item: BulkItem) -> None:
    """Run the operation and note the outcome in the caller's transaction."""
    operation = registry.get_operation(job.operation)
    approval = Approval.objects.filter(job=job, state=Approval.State.DONE).select_related("decided_by").first()
    try:
        registry.check_permission(operation, job.created_by)
        amount = operation.weigh([item.subject_id], **job.arguments)
        check_outgrown(job.moved + amount, asked=job.amount)
        with transaction.atomic():
            item.outcome = registry.run_and_record(
                operation,
                item.subject_id,
                job.arguments,
                amount=amount,
                reason=job.reason,
                actor=job.created_by,
                approver=approval.decided_by if approval else None,
                origin=Origin(Channel.BULK, job.address),
            )
        item.state = BulkItem.State.DONE
        if amount:
            BulkJob.objects.filter(pk=job.pk).update(moved=F("moved") + amount)
    except PermissionDenied:
        item.state, item.outcome = BulkItem.State.REFUSED, "Who asked for it may not do it any more."
    except DomainError as error:
        item.state = BulkItem.State.REFUSED
        item.outcome = registry.explain(error, operation)
    item.save(update_fields=["state", "outcome"])
