"""Perform an operation: may this person, is a second one needed, do it and write it down in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import transaction
from django.db.models import Model

from panel.errors import DomainError, describe_refusal
from panel.money import ZERO
from staff import alone, audit
from staff.audit import Origin
from staff.errors import Outgrown, OwnMoney, SubjectGone
from staff.models import Approval
from staff.operations.amounts import moves_money_of, sum_movements
from wallet import ledger

SUBJECT_MAX_CHARACTERS = 300

# What staff read of any operation.
REFUSALS: Mapping[type[DomainError], str] = {
    Outgrown: "It would move more now than was asked for. Nothing was changed; ask for it again.",
    OwnMoney: "It would move money of a wallet of yours. Nothing was changed; somebody else must do it.",
    SubjectGone: "It is not there any more. Nothing was changed.",
}


def _weightless(subject_ids: Sequence[int], **_arguments: Any) -> Decimal:
    return ZERO


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that staff may do to one subject.

    `run` does it in the caller's transaction and says in words what it did; `describe` gives facts about the subject,
    which are logged before and after. `weigh` says how much money an operation on some subjects moves at most, in the
    base currency; one that moved more would be undone. What one weighs that `weighs_loss` is lost at providers instead,
    at most, and no wallet moves. A manual credit, of some subjects with some arguments, needs a second person however
    small it is. `arguments` are JSON.
    """

    name: str
    title: str
    permission: str
    model: type[Model]
    run: Callable[..., str]
    describe: Callable[[int], dict[str, Any]]
    weigh: Callable[..., Decimal] = _weightless
    weighs_loss: bool = False
    is_manual_credit: Callable[[Sequence[int], Mapping[str, Any]], bool] = field(default=lambda _ids, _arguments: False)
    refusals: Mapping[type[DomainError], str] = field(default_factory=dict)

    @property
    def subject_model(self) -> str:
        """Return the model's label as the log has it."""
        return self.model._meta.label_lower  # noqa: SLF001 - Django's public name for it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, in words; or the approval that it waits for, and then nothing has moved."""

    text: str
    approval: Approval | None = None


_operations: dict[str, Operation] = {}


def register(operation: Operation) -> Operation:
    """Make an operation known by its name."""
    assert operation.name not in _operations, operation.name
    _operations[operation.name] = operation
    return operation


def get_operation(name: str) -> Operation:
    """Return an operation by its name.

    :raises KeyError:
    """
    return _operations[name]


def list_operations() -> list[Operation]:
    """List all of them by name."""
    return [_operations[name] for name in sorted(_operations)]


def check_permission(operation: Operation, actor: Any) -> None:
    """Refuse whoever may not do it.

    :raises PermissionDenied:
    """
    if not (actor.is_working_staff and actor.has_perm(operation.permission)):
        raise PermissionDenied


def needs_second_person(
    operation: Operation, subject_ids: Sequence[int], amount: Decimal, arguments: Mapping[str, Any], *, actor: Any
) -> bool:
    """Say whether one person is not enough."""
    if not settings.FOUR_EYES:
        return False
    return is_too_much(amount, actor=actor) or operation.is_manual_credit(subject_ids, arguments)


def explain(error: DomainError, operation: Operation) -> str:
    """Say why an operation was refused."""
    return describe_refusal(error, {**operation.refusals, **REFUSALS})


def is_too_much(amount: Decimal, *, actor: Any) -> bool:
    """Say whether one person may not move so much: at once, or with all that they moved alone lately."""
    if not settings.FOUR_EYES or not amount:
        return False
    return amount > settings.FOUR_EYES_ABOVE or alone.sum_lately(actor) + amount > settings.FOUR_EYES_ABOVE_A_DAY


def perform(
    name: str, *, subject_id: int, arguments: Mapping[str, Any] | None = None, reason: str, actor: Any, origin: Origin
) -> Outcome:
    """Do it, or have it wait for a second person.

    :raises PermissionDenied:
    :raises DomainError: as the operation does; nothing has moved.
    """
    operation, arguments = get_operation(name), dict(arguments or {})
    check_permission(operation, actor)
    amount = operation.weigh([subject_id], **arguments)
    with transaction.atomic():
        if amount:
            alone.take_turn(actor)
        if needs_second_person(operation, [subject_id], amount, arguments, actor=actor):
            return _ask(operation, subject_id, arguments, amount, reason=reason, actor=actor, origin=origin)
        return Outcome(
            run_and_record(operation, subject_id, arguments, amount=amount, reason=reason, actor=actor, origin=origin)
        )


def run_and_record(
    operation: Operation,
    subject_id: int,
    arguments: Mapping[str, Any],
    *,
    amount: Decimal,
    reason: str,
    actor: Any,
    origin: Origin,
    approver: Any = None,
) -> str:
    """Do it and write it down in one transaction, whoever was asked before.

    :param amount: what it may move; it was weighed before anything was locked, so what it moves is added up.
    :raises Outgrown: it moved more, which is undone.
    :raises OwnMoney: it moved what belongs to one of those who decided, which is undone.
    :raises SubjectGone:
    :raises DomainError: as the operation does; nothing has moved.
    """
    with transaction.atomic():
        try:
            before = operation.describe(subject_id)
        except ObjectDoesNotExist:
            before = {}  # most operations refuse it in their own words
        try:
            with ledger.watch_movements() as movements:
                text = operation.run(subject_id, reason=reason, actor_id=actor.pk if actor else None, **arguments)
        except ObjectDoesNotExist:
            raise SubjectGone from None
        moved = sum_movements(movements)
        if moved > amount:
            raise Outgrown
        if settings.FOUR_EYES and moves_money_of(movements, users=(actor, approver)):
            raise OwnMoney
        was, became = audit.differences(before, operation.describe(subject_id))
        audit.record(
            actor=actor,
            approver=approver,
            operation=operation.name,
            subject_model=operation.subject_model,
            subject_id=subject_id,
            before=was,
            after=became,
            reason=reason,
            outcome=text,
            amount=(amount if operation.weighs_loss else moved) or None,
            origin=origin,
        )
    return text


def _ask(
    operation: Operation,
    subject_id: int,
    arguments: dict[str, Any],
    amount: Decimal,
    *,
    reason: str,
    actor: Any,
    origin: Origin,
) -> Outcome:
    asked = Approval.objects.filter(
        operation=operation.name, subject_id=subject_id, state=Approval.State.WAITING, requested_by=actor
    )
    same = next((one for one in asked if one.arguments == arguments and one.amount == amount), None)
    if same is not None:  # a program that repeats itself asks for one thing
        return Outcome(f"{operation.title} waits for a second person as {str(same).lower()} already.", same)
    with transaction.atomic():
        approval = Approval.objects.create(
            operation=operation.name,
            subject_id=subject_id,
            subject=_name_of(operation, subject_id),
            arguments=arguments,
            reason=reason,
            amount=amount,
            requested_by=actor,
            channel=origin.channel,
            address=origin.address,
        )
        text = f"{operation.title} waits for a second person as {str(approval).lower()}. Nothing has moved."
        audit.record(
            actor=actor,
            operation="approval.ask",
            subject_model=operation.subject_model,
            subject_id=subject_id,
            after={**arguments, "approval": approval.pk, "operation": operation.name},
            reason=reason,
            outcome=text,
            amount=amount,
            origin=origin,
        )
    return Outcome(text, approval)


def _name_of(operation: Operation, subject_id: int) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in operation.describe(subject_id).items())
    return f"{operation.model._meta.verbose_name} {subject_id}: {facts}"[:SUBJECT_MAX_CHARACTERS]  # noqa: SLF001
