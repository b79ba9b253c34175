"""What staff do to orders."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db.models import F, Sum

from orders import cancellations
from orders.models import Order
from orders.refusals import REFUSALS
from panel.money import ZERO, format_amount
from staff.operations.amounts import in_base
from staff.operations.registry import Operation, register


def describe_order(order_id: int) -> dict[str, Any]:
    """Return what of an order an operation may change."""
    order = Order.objects.get(pk=order_id)
    return {
        "status": order.status,
        "link": order.link,
        "start_count": order.start_count,
        "remains": order.remains,
        "charge": format_amount(order.charge),
        "refunded": format_amount(order.refunded),
    }


def weigh_rest(order_ids: Sequence[int], **_arguments: Any) -> Decimal:
    """Return what is not yet given back of some orders."""
    rests = (
        Order.objects.filter(pk__in=order_ids)
        .order_by()
        .values_list("customer__wallet__currency")
        .annotate(rest=Sum(F("charge") - F("refunded")))
    )
    return in_base((rest or ZERO, currency) for currency, rest in rests)


def _cancel_and_refund(order_id: int, *, reason: str, actor_id: int) -> str:
    cancellations.cancel_and_refund(order_id=order_id, reason=reason, actor_id=actor_id)
    order = Order.objects.get(pk=order_id)
    return f"{order_id}: {order.status}, {format_amount(order.refunded)} of {format_amount(order.charge)} refunded."


CANCEL_AND_REFUND = register(
    Operation(
        name="orders.cancel_and_refund",
        title="Cancel and refund",
        permission="orders.change_order",
        model=Order,
        run=_cancel_and_refund,
        describe=describe_order,
        weigh=weigh_rest,
        refusals=REFUSALS,
    )
)
