"""What tools do to orders; each of it is an operation of the staff, as in the admin."""

from collections.abc import Callable, Sequence
from typing import Any

from rest_framework import serializers, status

from admin_api import acting
from admin_api.acting import Result, ResultsAnswer, Task, WithReason
from admin_api.endpoints import Call, Handler, endpoint
from admin_api.fields import CHANGED_IDS_MAX, ID_MAX, IdsField, ListedIdsField
from admin_api.paging import LIMIT_DEFAULT, LIMIT_MAX
from admin_api.scopes import Scope
from admin_api.views.orders import OrderAnswer
from admin_api.words import ERROR, FAIL, PENDING, STATUS_OF_WORD
from orders.models import LINK_MAX_CHARACTERS, Order
from orders.transitions import Status

CHANGE_ORDER = ["orders.change_order"]
QUANTITY_MAX = 2**31 - 1
START_COUNT_MAX = 2**63 - 1
DONE_OR_WAITING = (status.HTTP_200_OK, status.HTTP_202_ACCEPTED)
REPORTED = "A provider delivers it, and says itself how it goes."
TOO_MUCH = "Together this moves more than one person may decide. /orders/cancel asks a second one for all at once."
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
    if result.result == acting.DONE and "start_count" in call.sent:
        # What it is already is no failure.
        acting.perform(call, Task(order_id, "orders.set_start_count", {"start_count": call.sent["start_count"]}))
    return [result]


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
    """Complete orders, or cancel and refund them. What a provider delivers takes its other statuses from there."""
    ids, word = call.sent["ids"], call.sent["status"]
    if STATUS_OF_WORD.get(word) == Status.COMPLETED:
        return acting.act(call, "orders.complete", ids)
    if STATUS_OF_WORD.get(word) == Status.CANCELED:
        return acting.act(call, "orders.cancel_and_refund", ids)
    return acting.answer(_refuse(ids, word))


@_changes("Say how orders stand", Updates)
def orders_update(call: Call) -> Any:
    """Say of some orders how they stand: completed, partial with what remains, canceled, or only their start count.

    Each is decided by itself, and what needs a second person waits for one. What together moves more than one person
    may decide is refused.
    """
    wanted = {one["id"]: one for one in call.sent["orders"]}
    tasks = {order_id: _task_of(one) for order_id, one in wanted.items()}
    is_too_much = acting.moves_too_much([task for task in tasks.values() if task], actor=call.staff)
    results: list[Result] = []
    for order_id, task in tasks.items():
        if task is None:
            results += _refuse([order_id], wanted[order_id].get("status", PENDING))
        elif is_too_much and len(tasks) > 1:
            results.append(acting.refused(order_id, TOO_MUCH))
        else:
            results.append(acting.perform(call, task))
    return acting.answer(results)


def _task_of(wanted: dict[str, Any]) -> Task | None:
    """Return the operation that makes an order what a tool says of it, where there is one."""
    order_id, word = wanted["id"], wanted.get("status", PENDING)
    became = STATUS_OF_WORD.get(word)
    if became == Status.COMPLETED:
        return Task(order_id, "orders.complete", {})
    if became == Status.CANCELED:
        return Task(order_id, "orders.cancel_and_refund", {})
    if became == Status.PARTIAL and "remains" in wanted:
        return Task(order_id, "orders.set_partial", {"remains": wanted["remains"]})
    if became != Status.PARTIAL and "start_count" in wanted:
        return Task(order_id, "orders.set_start_count", {"start_count": wanted["start_count"]})
    return None


def _refuse(order_ids: Sequence[int], word: str) -> list[Result]:
    """Say of orders why they cannot have a status."""
    known = set(Order.objects.filter(pk__in=order_ids).values_list("pk", flat=True))
    why = NEEDS_REMAINS if STATUS_OF_WORD.get(word) == Status.PARTIAL else REPORTED
    return [acting.refused(one, why) if one in known else acting.not_found(one) for one in order_ids]


class PullOrders(serializers.Serializer[Any]):
    """Which orders are wanted."""

    service_ids = ListedIdsField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT)


class PulledAnswer(serializers.Serializer[Any]):
    """Orders to deliver: never any."""

    count = serializers.IntegerField()
    list = OrderAnswer(many=True)


@endpoint(
    method="POST",
    scope=Scope.ORDERS_WRITE,
    permissions=CHANGE_ORDER,
    sends=PullOrders,
    answers=PulledAnswer,
    summary="Orders to deliver by hand: none",
)
def orders_pull(call: Call) -> Any:
    """Return no orders: every service has a provider that the workers send to, and none is delivered by hand.

    What was handed out here could be sent by a worker, too: delivered and paid for twice. A program that delivers
    orders is connected as a provider instead, by answering the panel's own protocol.
    """
    return {"count": 0, "list": []}
