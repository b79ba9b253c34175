"""Perform staff operations for a tool: each id in a transaction of its own, together weighed like one decision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.conf import settings
from rest_framework import serializers, status

from admin_api.endpoints import Answer, Call
from admin_api.errors import Conflict, Missing
from panel.errors import DomainError
from panel.fields import REASON_MAX_CHARACTERS
from panel.money import ZERO
from staff import bulk
from staff.audit import Origin
from staff.models import Approval, Channel
from staff.operations import registry

DONE, WAITING, REFUSED = "done", "waiting", "refused"
ADDRESS_MAX_CHARACTERS = 64
NOT_FOUND = "Not found."


@dataclass(frozen=True, slots=True)
class Task:
    """One operation on one subject."""

    subject_id: int
    operation: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    id: int
    result: str
    message: str
    approval_id: int | None = None
    code: int = 0


class ResultAnswer(serializers.Serializer[Any]):
    """What came of one id."""

    id = serializers.IntegerField()
    result = serializers.ChoiceField(
        choices=(DONE, WAITING, REFUSED), help_text="Of what waits or was refused nothing has moved."
    )
    message = serializers.CharField()
    approval_id = serializers.IntegerField(allow_null=True, help_text="What it waits for, as the admin numbers it.")


class ResultsAnswer(serializers.Serializer[Any]):
    """What came of each id."""

    count = serializers.IntegerField()
    list = ResultAnswer(many=True)


class WithReason(serializers.Serializer[Any]):
    """Whatever staff do has a reason; tools that send none are the reason."""

    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=REASON_MAX_CHARACTERS, help_text="For the staff log."
    )


def reason_of(call: Call) -> str:
    """Return why it is done."""
    return call.sent.get("reason") or f"Admin API, {call.key}"


def origin_of(call: Call) -> Origin:
    """Say from where it comes."""
    return Origin(Channel.ADMIN_API, call.address[:ADDRESS_MAX_CHARACTERS])


def act(call: Call, operation: str, ids: Sequence[int], **arguments: Any) -> Answer:
    """Do the same to some subjects.

    What together moves more than one person may decide becomes a bulk job that waits for the second one: a list of
    small amounts is no way around it.
    """
    found = registry.get_operation(operation)
    registry.check_permission(found, call.staff)
    if len(ids) > 1:
        amount = bulk.weigh(found, list(ids), arguments)
        if registry.needs_second_person(found, list(ids), amount, arguments, actor=call.staff):
            return _ask_for_all(call, operation, ids, arguments)
    return answer(perform(call, Task(one, operation, arguments)) for one in ids)


def perform(call: Call, task: Task, *, settled: tuple[type[DomainError], ...] = ()) -> Result:
    """Do it, or say why not.

    :param settled: refusals after which all is as it was wanted, so that they count as done.
    """
    operation = registry.get_operation(task.operation)
    if not operation.model._default_manager.filter(pk=task.subject_id).exists():  # noqa: SLF001 - Django's public name
        return not_found(task.subject_id)
    try:
        outcome = registry.perform(
            task.operation,
            subject_id=task.subject_id,
            arguments=task.arguments,
            reason=reason_of(call),
            actor=call.staff,
            origin=origin_of(call),
        )
    except DomainError as error:
        text = explain(error, task.operation)
        return Result(task.subject_id, DONE, text) if isinstance(error, settled) else refused(task.subject_id, text)
    if outcome.approval is not None:
        return Result(
            task.subject_id, WAITING, outcome.text, approval_id=outcome.approval.pk, code=status.HTTP_202_ACCEPTED
        )
    return Result(task.subject_id, DONE, outcome.text)


def find_too_heavy(tasks: Iterable[Task]) -> set[int]:
    """Return the subjects of those that move money, where together they move more than one person may decide at once.

    What one person moves within a day is looked at as each is done.
    """
    weights = {
        task.subject_id: registry.get_operation(task.operation).weigh([task.subject_id], **task.arguments)
        for task in tasks
    }
    if len(weights) == 1 or not settings.FOUR_EYES or sum(weights.values(), ZERO) <= settings.FOUR_EYES_ABOVE:
        return set()
    return {subject_id for subject_id, weight in weights.items() if weight}


def not_found(subject_id: int) -> Result:
    """Say that there is no such subject."""
    return Result(subject_id, REFUSED, NOT_FOUND, code=status.HTTP_404_NOT_FOUND)


def refused(subject_id: int, message: str) -> Result:
    """Say that the panel's rules refuse."""
    return Result(subject_id, REFUSED, message, code=status.HTTP_409_CONFLICT)


def explain(error: DomainError, operation: str) -> str:
    """Say why an operation was refused."""
    return registry.explain(error, registry.get_operation(operation))


def answer(results: Iterable[Result]) -> Answer:
    """Answer what came of some ids.

    The status is 200 as soon as one was done, then 202 if one waits, else that of the first refusal; the error code
    and the message always tell of the first that was not done.

    :raises APIException: all were refused.
    """
    found = list(results)
    first = next((result for result in found if result.code), None)
    message = "" if first is None else first.message if len(found) == 1 else f"{first.id}: {first.message}"
    code = first.code if first else 0
    if first is not None and all(result.result == REFUSED for result in found):
        raise (Missing if code == status.HTTP_404_NOT_FOUND else Conflict)(message)
    is_done = any(result.result == DONE for result in found)
    return Answer(
        {"count": len(found), "list": found},
        status=status.HTTP_200_OK if is_done else status.HTTP_202_ACCEPTED,
        code=code,
        message=message,
    )


def _ask_for_all(call: Call, operation: str, ids: Sequence[int], arguments: Mapping[str, Any]) -> Answer:
    model = registry.get_operation(operation).model
    known = set(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True))  # noqa: SLF001
    approval = bulk.find_waiting(operation, subject_ids=known, arguments=arguments, actor=call.staff)
    if approval is None:
        job = bulk.create_job(
            operation,
            subject_ids=known,
            arguments=arguments,
            reason=reason_of(call),
            actor=call.staff,
            origin=origin_of(call),
            token=uuid4(),
        )
        approval = Approval.objects.filter(job=job).first()
    if approval is not None:
        text = f"Together they wait for a second person as {str(approval).lower()}. Nothing has moved."
    else:  # it was weighed once more, and is less by now
        text = f"Together they are under way as {str(job).lower()}."
    return answer(
        Result(one, WAITING, text, approval_id=approval.pk if approval else None, code=status.HTTP_202_ACCEPTED)
        if one in known
        else not_found(one)
        for one in ids
    )
