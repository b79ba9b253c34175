"""Questions about orders; everything here is already filtered by its owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, Q, Subquery
from django.utils import timezone

from accounts.errors import AccountSuspended
from catalog.models import CatalogVersion
from orders.errors import (
    CancelNotAvailable,
    OrderAlreadyCompleted,
    OrderNotEligibleForRefill,
    OrderNotFound,
    RefillNotAvailable,
)
from orders.models import Order, OrderEvent, Refill
from orders.placement import Buyer
from orders.transitions import FINAL_STATUSES, Status
from panel.errors import DomainError
from wallet.models import LedgerEntry, Wallet

PAGE_ORDERS = 50
# Filters look through this many orders at a time, so that a page of a customer with ten million costs no more
# than one of a customer with ten thousand; the next page looks further back.
SCANNED_ORDERS_MAX = 10_000
# A second order on a link is a slip of the last hours, and this is asked at every pause in typing.
SAME_LINK_ORDERS_MAX = 1000
COUNTED_ORDERS_MAX = 10_000  # "orders by status" counts the newest ones, for the same reason
SHOWN_EVENTS_MAX = 300  # a drip-feed of 1,000 runs has thousands
ID_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of a list, newest first; `next_before` is where the next one starts, None at the end."""

    orders: Sequence[Order]
    next_before: int | None


def load_buyer(user_id: int) -> Buyer | None:
    """Read in one query who orders on the web; None for staff without a wallet."""
    row = (
        Wallet.objects.filter(user_id=user_id)
        .values_list(
            "user_id",
            "pk",
            "currency",
            "balance",
            "user__is_suspended",
            Subquery(CatalogVersion.objects.filter(pk=1).values("version")),
        )
        .first()
    )
    return Buyer(*row) if row else None


def list_orders(
    user_id: int,
    *,
    before: int | None = None,
    status: Status | None = None,
    search: str = "",
    limit: int = PAGE_ORDERS,
) -> OrderPage:
    """List a customer's orders, archived ones too, newest first.

    :param before: the `next_before` of the page above.
    :param search: an order id, or a part of a link.
    """
    orders = Order.objects.filter(customer_id=user_id).order_by("-pk")
    orders = orders.annotate(net_charge=F("charge") - F("refunded"))
    if before is not None:
        orders = orders.filter(pk__lt=before)
    floor = None
    if status is not None or search:
        floor = orders.values_list("pk", flat=True)[SCANNED_ORDERS_MAX - 1 : SCANNED_ORDERS_MAX].first()
        if floor is not None:
            orders = orders.filter(pk__gte=floor)
    if status is not None:
        orders = orders.filter(status=status)
    if search:
        orders = orders.filter(_matches(search))
    found = list(orders.select_related("service")[: limit + 1])
    if len(found) > limit:
        return OrderPage(found[:limit], found[limit - 1].pk)
    return OrderPage(found, floor)


def _matches(search: str) -> Q:
    by_link = Q(link__icontains=search)
    number = search.removeprefix("#")
    if number.isdecimal() and number.isascii() and int(number) <= ID_MAX:
        return Q(pk=int(number)) | by_link
    return by_link


def count_orders_by_status(user_id: int) -> dict[str, int]:
    """Count a customer's newest `COUNTED_ORDERS_MAX` orders by status; every status is there."""
    newest = Order.objects.filter(customer_id=user_id).order_by("-pk").values("pk")[:COUNTED_ORDERS_MAX]
    counted = Order.objects.filter(pk__in=newest).order_by().values_list("status").annotate(Count("pk"))
    return {status.value: 0 for status in Status} | dict(counted)


def get_order(user_id: int, order_id: int) -> Order:
    """Return a customer's order with its service, key and cancellation.

    :raises OrderNotFound: not there or not theirs; nobody can tell which.
    """
    try:
        return Order.objects.select_related("service", "api_key", "cancellation").get(pk=order_id, customer_id=user_id)
    except Order.DoesNotExist:
        raise OrderNotFound from None


def find_unfinished(user_id: int, *, link: str) -> Order | None:
    """Return the newest unfinished order on exactly this link, among the customer's newest `SAME_LINK_ORDERS_MAX`."""
    newest = Order.objects.filter(customer_id=user_id).order_by("-pk").values("pk")[:SAME_LINK_ORDERS_MAX]
    same = Order.objects.filter(pk__in=newest, link=link).exclude(status__in=FINAL_STATUSES)
    return same.select_related("service").order_by("-pk").first()


def list_orders_by_id(user_id: int, order_ids: Sequence[int]) -> list[Order]:
    """List those of these orders that are a customer's, oldest first, with their service."""
    return list(Order.objects.select_related("service").filter(customer_id=user_id, pk__in=order_ids).order_by("pk"))


def list_events(order: Order) -> list[OrderEvent]:
    """List what happened to an order, newest first, with the run each step is about."""
    return list(order.events.select_related("run").order_by("-pk")[:SHOWN_EVENTS_MAX])


def list_ledger_entries(order: Order) -> list[LedgerEntry]:
    """List the movements of money that an order caused, oldest first."""
    keys = [f"charge:order:{order.pk}"]
    keys += [f"refund:order:{order.pk}:{number}" for number in range(1, order.refund_count + 1)]
    return list(LedgerEntry.objects.filter(key__in=keys).order_by("seq"))


def cancel_refusal(order: Order, *, is_suspended: bool) -> type[DomainError] | None:
    """Say why `cancellations.request_cancellation` would refuse, to show instead of the button."""
    if is_suspended:
        return AccountSuspended
    if order.status in FINAL_STATUSES:
        return OrderAlreadyCompleted
    return None if order.service.cancel else CancelNotAvailable


def refill_refusal(order: Order, refills: Sequence[Refill], *, is_suspended: bool) -> type[DomainError] | None:
    """Say why `refills.request_refill` would refuse, to show instead of the button."""
    if is_suspended:
        return AccountSuspended
    if order.archived_at is not None or not order.service.refill:
        return RefillNotAvailable
    if order.status not in (Status.COMPLETED, Status.PARTIAL) or order.finished_at is None:
        return OrderNotEligibleForRefill
    if timezone.now() > order.finished_at + timedelta(days=order.service.refill_days):
        return RefillNotAvailable
    return OrderNotEligibleForRefill if any(refill.status in Refill.OPEN for refill in refills) else None
