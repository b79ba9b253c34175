"""Orders as rows of a list: what can be done about each, or why it cannot. Pure: no queries."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from dashboard import live_rows
from dashboard.refusals import sentence_for
from orders import queries
from orders.listing import Progress
from orders.models import Order
from orders.transitions import FINAL_STATUSES, Status

Deed = Literal["cancel", "refill", ""]


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list.

    `deed` is what could be done about it in its state; `refusal` says why it cannot be all the same.
    """

    order: Order
    deed: Deed
    refusal: str
    progress: Progress | None = None

    @property
    def delivered(self) -> int:
        """Return how much arrived."""
        return self.order.quantity - self.order.remains

    @property
    def is_final(self) -> bool:
        """Say whether the row stays as it is."""
        return self.order.status in FINAL_STATUSES

    @property
    def is_cancel_requested(self) -> bool:
        """Say whether it runs on only until delivery has stopped."""
        return not self.is_final and hasattr(self.order, "cancellation")

    @property
    def again_url(self) -> str:
        """Return where the same can be ordered again."""
        return again_url(self.order)

    @property
    def sign(self) -> str:
        """Return what changes when the row does."""
        order = self.order
        return live_rows.sign(
            order.status, order.remains, order.refunded, order.archived_at, self.deed, self.refusal, self.progress
        )


def describe_orders(
    orders: Iterable[Order],
    *,
    open_refills: Collection[int],
    is_suspended: bool,
    progress: dict[int, Progress] | None = None,
) -> list[OrderRow]:
    """Make rows of orders.

    :param open_refills: the ids of those with an open refill.
    :param progress: of drip-feeds, by order.
    """
    rows = []
    for order in orders:
        deed, refusal = _find_deed(order, has_open_refill=order.pk in open_refills, is_suspended=is_suspended)
        rows.append(OrderRow(order, deed, refusal, (progress or {}).get(order.pk)))
    return rows


def watched(rows: Iterable[OrderRow]) -> str:
    """Write down the rows that may still change."""
    return live_rows.write({row.order.pk: row.sign for row in rows if not row.is_final})


def again_url(order: Order) -> str:
    """Return the address of the form for a new order, filled in with this one."""
    asked: dict[str, object] = {"service": order.service_id, "link": order.link, "quantity": order.quantity}
    if order.run_count > 1:
        asked |= {"runs": order.run_count, "interval": order.interval_minutes}
        if settings.DRIPFEED_QUANTITY == "per_run":
            asked["quantity"] = order.quantity // order.run_count
    return f"{reverse('dashboard:new_order')}?{urlencode(asked)}"


def _find_deed(order: Order, *, has_open_refill: bool, is_suspended: bool) -> tuple[Deed, str]:
    if order.status not in FINAL_STATUSES:
        if hasattr(order, "cancellation"):
            return "cancel", gettext("Cancellation is requested already.")
        no_cancel = queries.cancel_refusal(order, is_suspended=is_suspended)
        return "cancel", sentence_for(no_cancel) if no_cancel else ""
    if order.status in (Status.COMPLETED, Status.PARTIAL):
        no_refill = queries.refill_refusal(order, has_open_refill=has_open_refill, is_suspended=is_suspended)
        return "refill", sentence_for(no_refill) if no_refill else ""
    return "", ""
