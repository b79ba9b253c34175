"""The second person: looks at what somebody asked for, and has it done or not."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from panel.errors import DomainError
from staff import audit, bulk
from staff.audit import Origin
from staff.errors import ApprovalOver, AskerMayNot, Outgrown, OwnApproval
from staff.models import Approval, Channel
from staff.operations import registry
from staff.operations.registry import Operation

EXPIRES_AFTER = timedelta(days=7)  # the world has moved on by then
State = Approval.State


def list_waiting() -> QuerySet[Approval]:
    """List what waits for a second person, the oldest first."""
    return Approval.objects.filter(state=State.WAITING).select_related("requested_by").order_by("pk")


def approve(*, approval_id: int, actor: Any, origin: Origin) -> str:
    """Have it done, once, and say what was done.

    The person who asked must still be allowed to do it; who approves need not be, but must be allowed to approve.

    :raises ApprovalOver: decided already, or expired.
    :raises OwnApproval: a second person is another person.
    :raises AskerMayNot: not any more.
    :raises Outgrown: it would move more now than was asked for.
    :raises PermissionDenied:
    :raises DomainError: as the operation does; it stays waiting, and nothing has moved.
    """
    with transaction.atomic(durable=True):
        approval, operation = _lock(approval_id, actor)
        if approval.requested_by_id == actor.pk:
            raise OwnApproval
        try:
            registry.check_permission(operation, approval.requested_by)
        except PermissionDenied:
            raise AskerMayNot from None
        if approval.job is not None:
            text = bulk.release(approval.job)
        else:
            assert approval.subject_id is not None
            amount = operation.weigh([approval.subject_id], **approval.arguments)
            bulk.check_outgrown(amount, asked=approval.amount)
            text = registry.run_and_record(
                operation,
                approval.subject_id,
                approval.arguments,
                amount=amount,
                reason=approval.reason,
                actor=approval.requested_by,
                approver=actor,
                origin=Origin(Channel(approval.channel), approval.address),
            )
        _decide(approval, State.DONE, actor=actor, outcome=text, origin=origin)
    return text


def reject(*, approval_id: int, reason: str, actor: Any, origin: Origin) -> None:
    """Leave it undone; who asked may take it back this way, too.

    :raises ApprovalOver: decided already, or expired.
    :raises PermissionDenied:
    """
    with transaction.atomic(durable=True):
        approval, _ = _lock(approval_id, actor, is_own_enough=True)
        if approval.job is not None:
            bulk.stop_locked(approval.job)
        _decide(approval, State.REJECTED, actor=actor, outcome=reason, origin=origin)


def expire_approvals() -> int:
    """Close what nobody decided in time; return how many."""
    expired = 0
    old = list(list_waiting().filter(requested_at__lt=Now() - EXPIRES_AFTER).values_list("pk", flat=True))
    for approval_id in old:
        with transaction.atomic(durable=True):
            approval = Approval.objects.select_for_update(of=("self",)).select_related("job").get(pk=approval_id)
            if approval.state != State.WAITING:
                continue
            if approval.job is not None:
                bulk.stop_locked(approval.job)
            approval.state, approval.decided_at, approval.outcome = State.EXPIRED, Now(), "Nobody decided in time."
            approval.save(update_fields=["state", "decided_at", "outcome"])
            expired += 1
    return expired


def explain_refusal(error: DomainError, approval: Approval) -> str:
    """Say why an approval was refused."""
    operation = registry.get_operation(approval.operation)
    return REFUSALS.get(type(error)) or registry.explain(error, operation)


REFUSALS: dict[type[DomainError], str] = {
    ApprovalOver: "It was decided already, or its time is over.",
    OwnApproval: "You asked for it yourself: another person must look at it.",
    AskerMayNot: "Who asked for it may not do it any more. Reject it.",
    Outgrown: "It would move more now than was asked for. Reject it and ask again.",
}


def _lock(approval_id: int, actor: Any, *, is_own_enough: bool = False) -> tuple[Approval, Operation]:
    approval = (
        Approval.objects.select_for_update(of=("self",)).select_related("job", "requested_by").get(pk=approval_id)
    )
    operation = registry.get_operation(approval.operation)
    is_own = is_own_enough and approval.requested_by_id == actor.pk
    if not (is_own or (actor.is_working_staff and actor.has_perm("staff.decide_approval"))):
        raise PermissionDenied
    if approval.state != State.WAITING or approval.requested_at < timezone.now() - EXPIRES_AFTER:
        raise ApprovalOver
    return approval, operation


def _decide(approval: Approval, state: State, *, actor: Any, outcome: str, origin: Origin) -> None:
    approval.state, approval.decided_by, approval.decided_at, approval.outcome = state, actor, Now(), outcome
    approval.save(update_fields=["state", "decided_by", "decided_at", "outcome"])
    audit.record(
        actor=actor,
        operation=f"approval.{'approve' if state == State.DONE else 'reject'}",
        subject_model="staff.approval",
        subject_id=approval.pk,
        before={"state": State.WAITING.value},
        after={"state": state.value},
        reason="" if state == State.DONE else outcome,
        outcome=outcome,
        amount=approval.amount,
        origin=origin,
    )
