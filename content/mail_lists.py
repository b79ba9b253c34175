"""Write the lists that mails carry: one placeholder stands for the whole."""

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.translation import gettext, ngettext

ORDER_TIME_FORMAT = "d M Y, H:i"


class EndedOrder(NamedTuple):
    """An order that was not delivered in full, as its customer reads it."""

    order_id: int
    ended_at: str
    clock: str
    service: str
    delivered: str  # empty: nothing was, it is canceled
    quantity: str
    address: str


def list_ended_orders(orders: Iterable[EndedOrder], *, more: int) -> str:
    """Write a few lines for each order, in the language that is spoken.

    :param more: how many are not among them.
    """
    parts = [_describe(order) for order in orders]
    if more > 0:
        parts.append(ngettext("And %(more)s more.", "And %(more)s more.", more) % {"more": more})
    return "\n\n".join(parts)


def _describe(order: EndedOrder) -> str:
    outcome = (
        gettext("Partial: %(delivered)s of %(quantity)s delivered")
        % {"delivered": order.delivered, "quantity": order.quantity}
        if order.delivered
        else gettext("Canceled")
    )
    lines = [
        gettext("Order %(id)s, %(ended)s (%(clock)s)")
        % {"id": order.order_id, "ended": order.ended_at, "clock": order.clock},
        " ".join(order.service.split()),
        outcome,
        order.address,
    ]
    return "\n".join(filter(None, lines))
