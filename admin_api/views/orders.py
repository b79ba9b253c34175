"""Orders: list them, and look at one."""

from typing import Any

from rest_framework import serializers

from admin_api import order_rows
from admin_api.endpoints import Call, endpoint
from admin_api.errors import Missing
from admin_api.fields import ID_MAX, ListedIdsField, MomentField, MoneyField, SecondsField, WordsField
from admin_api.paging import PageQuery, read_page
from admin_api.scopes import Scope
from admin_api.words import ORDER_WORDS
from orders.models import LINK_MAX_CHARACTERS, Order

VIEW_ORDER = "orders.view_order"


class OrderQuery(PageQuery):
    """What a list of orders is narrowed to."""

    ids = ListedIdsField(required=False)
    created_from = SecondsField(required=False, help_text="Ordered at this second or later.")
    created_to = SecondsField(required=False, help_text="Ordered at this second or before.")
    order_status = WordsField(words=ORDER_WORDS, required=False)
    service_ids = ListedIdsField(required=False)
    user = serializers.CharField(required=False, max_length=150, help_text="The whole user name.")
    provider = serializers.CharField(required=False, max_length=100, help_text="The whole name of a provider.")
    external_id = serializers.CharField(required=False, max_length=100, help_text="A provider's id of an order.")
    link = serializers.CharField(required=False, max_length=LINK_MAX_CHARACTERS, help_text="The whole link.")
    creation_type = serializers.ChoiceField(required=False, choices=(order_rows.WEB, order_rows.API))
    sort = serializers.ChoiceField(required=False, choices=("date-desc", order_rows.OLDEST_FIRST), default="date-desc")


class OrderActions(serializers.Serializer[Any]):
    """What may be asked for."""

    resend = serializers.BooleanField()
    request_cancel = serializers.BooleanField()
    cancel_and_refund = serializers.BooleanField()
    set_partial = serializers.BooleanField()
    edit_link = serializers.BooleanField()
    refill = serializers.BooleanField()


class ByHand(serializers.Serializer[Any]):
    """The part of an order that was taken to be delivered by hand; what tools say of the order, they say of it."""

    run = serializers.IntegerField(source="number")
    quantity = serializers.IntegerField()
    remains = serializers.IntegerField()


class OrderAnswer(serializers.Serializer[Any]):
    """An order."""

    id = serializers.IntegerField(source="order.pk")
    external_id = serializers.CharField(allow_blank=True)
    user = serializers.CharField(source="order.customer.username")
    creation_type = serializers.ChoiceField(choices=(order_rows.WEB, order_rows.API))
    charge = MoneyField()
    link = serializers.CharField(source="order.link")
    start_count = serializers.IntegerField(source="order.start_count", allow_null=True)
    quantity = serializers.IntegerField(source="order.quantity")
    remains = serializers.IntegerField(source="order.remains")
    service_id = serializers.IntegerField(source="order.service_id")
    service_name = serializers.CharField(source="order.service.name")
    service_type = serializers.CharField(source="order.service_type")
    status = serializers.ChoiceField(choices=ORDER_WORDS)
    provider = serializers.CharField(allow_blank=True)
    created = MomentField(source="order.created_at")
    created_timestamp = SecondsField(source="order.created_at")
    last_update = MomentField(source="updated_at")
    last_update_timestamp = SecondsField(source="updated_at")
    by_hand = ByHand(allow_null=True)
    actions = OrderActions()


class WholeOrderAnswer(OrderAnswer):
    """An order with what its type asks for."""

    comments = serializers.CharField(allow_blank=True, help_text="One a line; empty where the type has none.")
    parameters = serializers.DictField(
        child=serializers.CharField(), help_text="All that the type asks for beside link and quantity."
    )


@endpoint(
    method="GET",
    scope=Scope.ORDERS_READ,
    permissions=[VIEW_ORDER],
    sends=OrderQuery,
    answers=OrderAnswer,
    is_list=True,
    summary="List orders",
)
def orders_list(call: Call) -> Any:
    """List orders, newest first."""
    orders = order_rows.with_details(order_rows.list_orders(dict(call.sent)))
    return read_page(orders.defer("parameters", "service__description"), dict(call.sent), complete=order_rows.complete)


@endpoint(
    method="GET", scope=Scope.ORDERS_READ, permissions=[VIEW_ORDER], answers=WholeOrderAnswer, summary="One order"
)
def orders_one(call: Call, order_id: int) -> Any:
    """Show an order."""
    orders = order_rows.with_details(Order.objects.all())
    order = orders.filter(pk=order_id).first() if order_id <= ID_MAX else None
    if order is None:
        raise Missing
    return order_rows.complete([order])[0]
