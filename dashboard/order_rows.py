"""Orders as rows of a list: what can be done about each, or why it cannot. Pure: no queries."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from django.urls import reverse
from django.utils.translation import gettext, pgettext

from dashboard import live_rows
from dashboard.refusals import sentence_for
from dashboard.templatetags.panel import amount, icon
from orders import queries
from orders.listing import Progress
from orders.models import Order
from orders.transitions import FINAL_STATUSES, Status

Deed = Literal["cancel", "refill", ""]


class Words:
    """What rows say, translated once for all of them: a page has fifty, and one of twenty lines each."""

    def __init__(self) -> None:
        self.cancel = gettext("Cancel")
        self.refill = pgettext("button", "Refill")
        self.again = gettext("Order again")
        self.canceling = gettext("Canceling")
        self.archived = gettext("Archived")
        self.ask_cancel = gettext("Cancel this order? What is not delivered is refunded.")
        self.yes_cancel = gettext("Cancel order")
        self.remain = gettext("%(remains)s remain")
        self.refunded = gettext("%(refunded)s refunded")
        self.order = gettext("Order")
        self.runs = gettext("Runs")
        self.runs_done = gettext("%(done)s of %(all)s")
        self.every = gettext("every %(interval)s")
        self.delivered = gettext("Delivered")
        self.delivered_of = gettext("%(delivered)s of %(quantity)s")
        self.next_run = gettext("Next run")
        self.last_run = gettext("last %(last_at)s")
        self.again_icon = icon("again")
        self.orders_url = reverse("dashboard:orders")
        self.new_order_url = reverse("dashboard:new_order")


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list.

    `deed` is what could be done about it in its state; `refusal` says why it cannot be all the same.
    """

    order: Order
    deed: Deed
    refusal: str
    words: Words
    progress: Progress | None = None

    @property
    def url(self) -> str:
        """Return the address of its page, below the list's."""
        return f"{self.words.orders_url}{self.order.pk}/"

    @property
    def delivered(self) -> int:
        """Return how much arrived."""
        return self.order.quantity - self.order.remains

    @property
    def remains(self) -> str:
        """Say how much is still to come, or will not; empty where the quantity says it already."""
        if self.order.remains in (0, self.order.quantity):
            return ""
        return self.words.remain % {"remains": f"{self.order.remains:,}"}

    @property
    def refunded(self) -> str:
        """Say how much was given back."""
        return self.words.refunded % {"refunded": amount(self.order.refunded)} if self.order.refunded else ""

    @property
    def is_final(self) -> bool:
        """Say whether the row stays as it is."""
        return self.order.status in FINAL_STATUSES

    @property
    def notes(self) -> list[str]:
        """Say what else there is to its status."""
        canceling = not self.is_final and hasattr(self.order, "cancellation")
        return [self.words.canceling] * canceling + [self.words.archived] * (self.order.archived_at is not None)

    @property
    def again_url(self) -> str:
        """Return where the same can be ordered again."""
        return again_url(self.order, self.words.new_order_url)

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
    words = Words()
    rows = []
    for order in orders:
        deed, refusal = _find_deed(order, has_open_refill=order.pk in open_refills, is_suspended=is_suspended)
        rows.append(OrderRow(order, deed, refusal, words, (progress or {}).get(order.pk)))
    return rows


def watched(rows: Iterable[OrderRow]) -> str:
    """Write down the rows that may still change."""
    return live_rows.write({row.order.pk: row.sign for row in rows if not row.is_final})


def again_url(order: Order, new_order_url: str) -> str:
    """Return the address of the form for a new order, filled in with this one."""
    return f"{new_order_url}?again={order.pk}"


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
