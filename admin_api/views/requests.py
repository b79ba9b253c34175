"""What customers ask for after the order, where no worker gets on with it: refills and requests to cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists
from rest_framework import serializers

from admin_api import acting, order_rows
from admin_api.acting import ResultsAnswer
from admin_api.endpoints import Call, endpoint
from admin_api.fields import ID_MAX, IdsField, ListedIdsField, MomentField, SecondsField
from admin_api.order_rows import OrderRow
from admin_api.paging import LIMIT_DEFAULT, LIMIT_MAX
from admin_api.scopes import Scope
from admin_api.views.order_actions import DONE_OR_WAITING, Ids
from admin_api.views.orders import WholeOrderAnswer
from admin_api.words import FINAL_REFILL_WORDS, REFILL_OF_WORD, WORD_OF_REFILL
from orders import refills
from orders.models import Cancellation, Order, Refill
from orders.transitions import FINAL_STATUSES


class Pull(serializers.Serializer[Any]):
    """Which tasks are wanted."""

    service_ids = ListedIdsField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT)


@dataclass(frozen=True, slots=True)
class RefillTask:
    """A refill that staff must see to."""

    refill: Refill
    row: OrderRow

    @property
    def status(self) -> str:
        """How it stands."""
        return WORD_OF_REFILL[self.refill.status]


@dataclass(frozen=True, slots=True)
class CancelTask:
    """A request to cancel that staff must decide."""

    request: Cancellation
    row: OrderRow


class RefillAnswer(serializers.Serializer[Any]):
    """A refill."""

    id = serializers.IntegerField(source="refill.pk")
    order_id = serializers.IntegerField(source="refill.order_id")
    status = serializers.ChoiceField(choices=tuple(REFILL_OF_WORD))
    created = MomentField(source="refill.created_at")
    created_timestamp = SecondsField(source="refill.created_at")
    order = WholeOrderAnswer(source="row")


class RefillsAnswer(serializers.Serializer[Any]):
    """Refills to see to, the oldest first."""

    count = serializers.IntegerField()
    list = RefillAnswer(many=True)


class CancelAnswer(serializers.Serializer[Any]):
    """A request to cancel; it has its order's id, since an order has one at most."""

    id = serializers.IntegerField(source="request.order_id")
    order_id = serializers.IntegerField(source="request.order_id")
    answer = serializers.CharField(source="request.answer", allow_blank=True, help_text="What the provider said to it.")
    created = MomentField(source="request.requested_at")
    created_timestamp = SecondsField(source="request.requested_at")
    order = WholeOrderAnswer(source="row")


class CancelsAnswer(serializers.Serializer[Any]):
    """Requests to decide, the oldest first."""

    count = serializers.IntegerField()
    list = CancelAnswer(many=True)


class ChangeRefillStatus(Ids):
    """The final status of some refills."""

    ids = IdsField(required=False)
    id = serializers.IntegerField(required=False, min_value=1, max_value=ID_MAX, help_text="For a single one.")
    status = serializers.ChoiceField(choices=FINAL_REFILL_WORDS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for one of both."""
        if "id" in attrs:
            attrs["ids"] = [*attrs.get("ids", ()), attrs["id"]]
        if not attrs.get("ids"):
            raise serializers.ValidationError({"ids": "Name at least one id."})
        return attrs


@endpoint(
    method="POST",
    scope=Scope.REFILLS_WRITE,
    permissions=["orders.view_refill", "orders.view_order"],
    sends=Pull,
    answers=RefillsAnswer,
    summary="Refills to see to",
)
def refill_pull(call: Call) -> Any:
    """Return the refills that no provider will report on: sent without an answer, or of what is delivered by hand.

    Pulling changes nothing: they come again until they have a final status.
    """
    found = Refill.objects.filter(Exists(refills.waiting_for_staff()), status__in=Refill.OPEN)
    if service_ids := call.sent.get("service_ids"):
        found = found.filter(order__service__in=service_ids)
    pulled = list(found.order_by("pk")[: call.sent["limit"]])
    rows = _rows([refill.order_id for refill in pulled])
    return _tasks([RefillTask(refill, rows[refill.order_id]) for refill in pulled])


@endpoint(
    method="POST",
    scope=Scope.REFILLS_WRITE,
    permissions=["orders.change_refill"],
    sends=ChangeRefillStatus,
    answers=ResultsAnswer,
    statuses=DONE_OR_WAITING,
    summary="Set the final status of refills",
)
def refill_change_status(call: Call) -> Any:
    """Say that refills are completed, or rejected. Both are final; customers see them."""
    return acting.act(call, "refills.set_status", call.sent["ids"], status=REFILL_OF_WORD[call.sent["status"]].value)


@endpoint(
    method="POST",
    scope=Scope.CANCELS_WRITE,
    permissions=["orders.view_cancellation", "orders.view_order"],
    sends=Pull,
    answers=CancelsAnswer,
    summary="Requests to cancel that nobody has decided",
)
def cancel_pull(call: Call) -> Any:
    """Return the requests to cancel that did not stop the order: providers were asked, or it is delivered by hand.

    Pulling changes nothing: they come again until the order ends (`/orders/cancel`; by hand also `/orders/update`, as
    partial or canceled) or the request is rejected.
    """
    found = Cancellation.objects.filter(forward_at=None).exclude(order__status__in=sorted(FINAL_STATUSES))
    if service_ids := call.sent.get("service_ids"):
        found = found.filter(order__service__in=service_ids)
    requests = list(found.order_by("pk")[: call.sent["limit"]])
    rows = _rows([request.order_id for request in requests])
    return _tasks([CancelTask(request, rows[request.order_id]) for request in requests])


@endpoint(
    method="POST",
    scope=Scope.CANCELS_WRITE,
    permissions=["orders.change_order"],
    sends=Ids,
    answers=ResultsAnswer,
    statuses=DONE_OR_WAITING,
    summary="Reject requests to cancel",
)
def cancel_reject(call: Call) -> Any:
    """Reject requests to cancel, by the ids of their orders, which go on; the customer may ask again."""
    return acting.act(call, "orders.reject_cancel", call.sent["ids"])


def _rows(order_ids: Sequence[int]) -> dict[int, OrderRow]:
    found = order_rows.with_details(Order.objects.filter(pk__in=order_ids))
    return {row.order.pk: row for row in order_rows.complete(list(found))}


def _tasks(tasks: Sequence[Any]) -> dict[str, Any]:
    return {"count": len(tasks), "list": tasks}
