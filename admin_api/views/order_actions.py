"""What tools do to orders; each of it is an operation of the staff, as in the admin."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rest_framework import serializers, status

from admin_api import acting, order_rows
from admin_api.acting import Result, ResultsAnswer, Task, WithReason
from admin_api.endpoints import Call, Handler, endpoint
from admin_api.fields import CHANGED_IDS_MAX, ID_MAX, IdsField, ListedIdsField
from admin_api.paging import LIMIT_DEFAULT, LIMIT_MAX
from admin_api.scopes import Scope
from admin_api.views.orders import VIEW_ORDER, WholeOrderAnswer
from admin_api.words import ERROR, FAIL, PENDING, STATUS_OF_WORD
from orders import reporting
from orders.errors import NothingToChange
from orders.models import LINK_MAX_CHARACTERS, Order, Run
from orders.placement import RUNS_MAX
from orders.transitions import Status
from staff import taking

CHANGE_ORDER = ["orders.change_order"]
QUANTITY_MAX = 2**31 - 1
START_COUNT_MAX = 2**63 - 1
DONE_OR_WAITING = (status.HTTP_200_OK, status.HTTP_202_ACCEPTED)
REPORT = "orders.report"
TAKEN = "It was taken: say that it is in_progress, processing, completed, partial or canceled."
REPORTED = "A provider delivers it, and says itself how it goes."
TOO_MUCH = "Together these refunds are more than one person may decide. Sent one by one, they are decided one by one."
WHICH_RUN = "Several parts of it were taken: say of which `run` you speak."
NEEDS_REMAINS = "Say how much remains: use set-partial."

CHANGED_WORDS = (*STATUS_OF_WORD, FAIL, ERROR)


class Ids(WithReason):
    """Some orders."""

    ids = IdsField()


class OrderId(serializers.Serializer[Any]):
    """An order."""

    id = serializers.IntegerField(min_value=1, max_value=ID_MAX)


class Link(WithReason):
    """The link to use from now on."""

    link = serializers.CharField(max_length=LINK_MAX_CHARACTERS)


class LinkOf(OrderId, Link):
    """The same, with the order's id."""


class Partial(WithReason):
    """How much was not delivered."""

    remains = serializers.IntegerField(min_value=0, max_value=QUANTITY_MAX)
    start_count = serializers.IntegerField(required=False, min_value=0, max_value=START_COUNT_MAX)


class PartialOf(OrderId, Partial):
    """The same, with the order's id."""


class ChangeStatus(Ids):
    """The status some orders shall have."""

    status = serializers.ChoiceField(choices=CHANGED_WORDS)


class OrderUpdate(OrderId):
    """What is to be said of an order."""

    status = serializers.ChoiceField(choices=CHANGED_WORDS, required=False)
    start_count = serializers.IntegerField(required=False, min_value=0, max_value=START_COUNT_MAX)
    remains = serializers.IntegerField(required=False, min_value=0, max_value=QUANTITY_MAX)
    run = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=RUNS_MAX,
        help_text="The `run` that was pulled; needed from the second on.",
    )


class Updates(WithReason):
    """What is to be said of some orders."""

    orders = serializers.ListField(child=OrderUpdate(), min_length=1, max_length=CHANGED_IDS_MAX)


def _changes(summary: str, sends: type[serializers.Serializer[Any]]) -> Callable[[Handler], Callable[..., Any]]:
    return endpoint(
        method="POST",
        scope=Scope.ORDERS_WRITE,
        permissions=CHANGE_ORDER,
        sends=sends,
        answers=ResultsAnswer,
        statuses=DONE_OR_WAITING,
        summary=summary,
    )


@_changes("Change the link of an order", Link)
def orders_edit_link_one(call: Call, order_id: int) -> Any:
    """Change the link for the runs that have not left the panel; a provider that has one goes on with the old link."""
    return acting.act(call, "orders.change_link", [order_id], link=call.sent["link"])


@_changes("Change the link of an order, its id in the body", LinkOf)
def orders_edit_link(call: Call) -> Any:
    """Change the link for the runs that have not left the panel; a provider that has one goes on with the old link."""
    return acting.act(call, "orders.change_link", [call.sent["id"]], link=call.sent["link"])


@_changes("End an order as partial", Partial)
def orders_set_partial_one(call: Call, order_id: int) -> Any:
    """End an order with so much of it undelivered; what is owed for that is given back."""
    return acting.answer(_set_partial(call, order_id))


@_changes("End an order as partial, its id in the body", PartialOf)
def orders_set_partial(call: Call) -> Any:
    """End an order with so much of it undelivered; what is owed for that is given back."""
    return acting.answer(_set_partial(call, call.sent["id"]))


def _set_partial(call: Call, order_id: int) -> list[Result]:
    result = acting.perform(call, Task(order_id, "orders.set_partial", {"remains": call.sent["remains"]}))
    if result.result != acting.DONE or "start_count" not in call.sent:
        return [result]
    start_count = Task(order_id, "orders.set_start_count", {"start_count": call.sent["start_count"]})
    # What it is already is no failure.
    counted = acting.perform(call, start_count, settled=(NothingToChange,))
    return [result] if counted.result == acting.DONE else [result, counted]


@_changes("Ask the providers to stop orders", Ids)
def orders_request_cancel(call: Call) -> Any:
    """Cancel what has not left the panel, and ask the providers to stop the rest; they decide the refund of that."""
    return acting.act(call, "orders.request_cancel", call.sent["ids"])


@_changes("Cancel orders and refund them", Ids)
def orders_cancel(call: Call) -> Any:
    """End orders and give back all that is not yet given back, whatever was delivered."""
    return acting.act(call, "orders.cancel_and_refund", call.sent["ids"])


@_changes("Send held or waiting orders now", Ids)
def orders_resend(call: Call) -> Any:
    """Send now what is held or was put off. What a provider has or may have is never sent again."""
    return acting.act(call, "orders.resend", call.sent["ids"])


@_changes("Change the status of orders", ChangeStatus)
def orders_change_status(call: Call) -> Any:
    """Complete orders, or cancel and refund them; what is delivered by hand may have any status but pending.

    What a provider delivers takes its other statuses from there. Of what is delivered by hand, the part that was taken
    is meant, and each is decided by itself.
    """
    ids, word = call.sent["ids"], call.sent["status"]
    taken = reporting.find_taken(ids)
    if not taken and STATUS_OF_WORD.get(word) == Status.COMPLETED:
        return acting.act(call, "orders.complete", ids)
    if not taken and STATUS_OF_WORD.get(word) == Status.CANCELED:
        return acting.act(call, "orders.cancel_and_refund", ids)
    return _do_each(call, [{"id": one, "status": word} for one in ids], taken)


@_changes("Say how orders stand", Updates)
def orders_update(call: Call) -> Any:
    """Say of some orders how they stand: completed, partial with what remains, canceled, or only their start count.

    What is delivered by hand may also be in_progress or processing, with what remains: of the part that was taken,
    named by its run. Each is decided by itself, and what needs a second person waits for one. Refunds that together are
    more than one person may decide are refused.
    """
    said = list({one["id"]: one for one in call.sent["orders"]}.values())
    return _do_each(call, said, reporting.find_taken([one["id"] for one in said]))


def _do_each(call: Call, said: Sequence[dict[str, Any]], taken: Mapping[int, Run]) -> Any:
    """Make each order what is said of it, or say why not."""
    several = reporting.find_taken_in_parts(taken)
    tasks = [(one, _task_of(one, taken.get(one["id"]))) for one in said]
    too_heavy = acting.find_too_heavy([task for _, task in tasks if task])
    results: list[Result] = []
    for one, task in tasks:
        if one["id"] in several and "run" not in one:
            # It may be the repeated report on a part that has ended: nothing of the one that is out may end for it.
            results.append(acting.refused(one["id"], WHICH_RUN))
        elif task is None:
            results.append(_refuse(one, taken.get(one["id"])))
        elif task.subject_id in too_heavy:
            results.append(acting.refused(task.subject_id, TOO_MUCH))
        else:
            # A tool that reports twice what it delivered, because an answer got lost, has done nothing wrong.
            settled = (NothingToChange,) if task.operation == REPORT else ()
            results.append(acting.perform(call, task, settled=settled))
    return acting.answer(results)


def _task_of(said: dict[str, Any], taken: Run | None) -> Task | None:
    """Return the operation that makes an order what a tool says of it, where there is one."""
    order_id, word = said["id"], said.get("status", PENDING)
    became = STATUS_OF_WORD.get(word)
    if taken is not None:
        return _report_of(said, taken)
    if became == Status.COMPLETED:
        return Task(order_id, "orders.complete", {})
    if became == Status.CANCELED:
        return Task(order_id, "orders.cancel_and_refund", {})
    if became == Status.PARTIAL and "remains" in said:
        return Task(order_id, "orders.set_partial", {"remains": said["remains"]})
    if became != Status.PARTIAL and "start_count" in said:
        return Task(order_id, "orders.set_start_count", {"start_count": said["start_count"]})
    return None


def _report_of(said: dict[str, Any], taken: Run) -> Task | None:
    """Return the report on the run that was taken. It is named: what waits for a second person stays about it."""
    became = STATUS_OF_WORD.get(said["status"]) if "status" in said else None
    facts: dict[str, Any] = {name: said[name] for name in ("remains", "start_count") if name in said}
    if became == Status.PARTIAL and "remains" not in facts:
        return None
    if "status" in said:
        if became in (None, Status.PENDING):
            return None
        facts["status"] = str(became)
    return Task(said["id"], REPORT, {"run": said.get("run", taken.number), **facts}) if facts else None


def _refuse(said: dict[str, Any], taken: Run | None) -> Result:
    """Say of an order why it cannot have a status."""
    order_id = said["id"]
    if not Order.objects.filter(pk=order_id).exists():
        return acting.not_found(order_id)
    if STATUS_OF_WORD.get(said.get("status", PENDING)) == Status.PARTIAL:
        return acting.refused(order_id, NEEDS_REMAINS)
    return acting.refused(order_id, REPORTED if taken is None else TAKEN)


class PullOrders(WithReason):
    """Which orders are wanted."""

    service_ids = ListedIdsField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT)


class TakenAnswer(WholeOrderAnswer):
    """An order to deliver. Of a drip-feed one run at a time: what is to be delivered now is meant, not all of it."""

    run = serializers.IntegerField(source="run.number", help_text="Of the order; 1 where it has one only.")
    quantity = serializers.IntegerField(source="run.quantity")
    remains = serializers.IntegerField(source="run.remains")
    start_count = serializers.IntegerField(source="run.start_count", allow_null=True)


class PulledAnswer(serializers.Serializer[Any]):
    """Orders to deliver, those due longest first."""

    count = serializers.IntegerField()
    list = TakenAnswer(many=True)


@endpoint(
    method="POST",
    scope=Scope.ORDERS_WRITE,
    permissions=[*CHANGE_ORDER, VIEW_ORDER],
    sends=PullOrders,
    answers=PulledAnswer,
    summary="Take orders to deliver by hand",
)
def orders_pull(call: Call) -> Any:
    """Take the orders that wait at providers that deliver by hand, those due longest first; at most 100 at once.

    Each is handed out once: from then on it is in progress, yours to deliver, and to report on with `/orders/update`.
    If the answer gets lost, they are in `/orders`, by provider and status. Orders that workers send never come here.
    """
    taken = taking.take_due(
        limit=call.sent["limit"],
        service_ids=call.sent.get("service_ids"),
        reason=acting.reason_of(call),
        actor=call.staff,
        origin=acting.origin_of(call),
    )
    return {"count": len(taken), "list": order_rows.complete_taken(taken)}
