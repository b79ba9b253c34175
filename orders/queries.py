"""Questions about orders; everything here is already filtered by its owner."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import BooleanField, Count, ExpressionWrapper, Q, Subquery
from django.db.models.functions import TruncDate
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
from orders.models import Order, OrderEvent
from orders.placement import Buyer
from orders.transitions import FINAL_STATUSES, Status
from panel.errors import DomainError
from panel.paging import Page, read_newest
from wallet.models import LedgerEntry, Wallet

# A second order on a link is a slip of the last hours, and this is asked at every pause in typing.
SAME_LINK_ORDERS_MAX = 1000
# "Orders by status" counts the newest ones, so that it costs a customer with ten million orders no more.
COUNTED_ORDERS_MAX = 5_000
ID_MAX = 2**31 - 1  # the column's
PAGE_EVENTS = 200  # a drip-feed of 1,000 runs has thousands

# Who may not order, as the API has it.
_IS_STOPPED = ExpressionWrapper(Q(user__is_suspended=True) | Q(user__is_active=False), output_field=BooleanField())


def load_buyer(user_id: int) -> Buyer | None:
    """Read in one query who orders on the web; None for staff without a wallet."""
    row = (
        Wallet.objects.filter(user_id=user_id)
        .values_list(
            "user_id",
            "pk",
            "currency",
            "balance",
            _IS_STOPPED,
            Subquery(CatalogVersion.objects.filter(pk=1).values("version")),
        )
        .first()
    )
    return Buyer(*row) if row else None


def count_orders_by_status(user_id: int) -> dict[str, int]:
    """Count a customer's newest `COUNTED_ORDERS_MAX` orders by status; every status is there."""
    newest = Order.objects.filter(customer_id=user_id).order_by("-pk")[:COUNTED_ORDERS_MAX]
    # Counted where they are read: joined back by their ids they would be looked up one by one.
    counted = newest.aggregate(**{status.name: Count("pk", filter=Q(status=status.value)) for status in Status})
    return {status.value: counted[status.name] for status in Status}


def count_free_orders(user_id: int, *, since: date) -> dict[date, int]:
    """Count a customer's orders for nothing by day in UTC; the wallet's days count all others."""
    midnight = datetime.combine(since, time.min, tzinfo=UTC)
    free = Order.objects.filter(customer_id=user_id, charge=0, created_at__gte=midnight)
    days = free.annotate(day=TruncDate("created_at", tzinfo=UTC)).values("day").order_by()
    return dict(days.annotate(counted=Count("pk")).values_list("day", "counted"))


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


def list_events(order: Order, *, before: int | None = None) -> Page[OrderEvent]:
    """List what happened to an order, newest first, with the run each step is about.

    :param before: the `next_key` of the page above.
    """
    return read_newest(order.events.select_related("run"), before=before, limit=PAGE_EVENTS)


def list_refund_events(order: Order) -> list[OrderEvent]:
    """List the refunds of an order as they were recorded, oldest first, each with its arithmetic."""
    if not order.refund_count:
        return []
    return list(order.events.filter(kind=OrderEvent.Kind.REFUNDED).order_by("pk"))


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


def refill_refusal(order: Order, *, has_open_refill: bool, is_suspended: bool) -> type[DomainError] | None:
    """Say why `refills.request_refill` would refuse, to show instead of the button."""
    if is_suspended:
        return AccountSuspended
    if order.archived_at is not None or not order.service.refill:
        return RefillNotAvailable
    if order.status not in (Status.COMPLETED, Status.PARTIAL) or order.finished_at is None:
        return OrderNotEligibleForRefill
    if timezone.now() > order.finished_at + timedelta(days=order.service.refill_days):
        return RefillNotAvailable
    return OrderNotEligibleForRefill if has_open_refill else None
