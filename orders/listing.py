"""Lists of what a customer ordered, newest first and read by key: the millionth order costs what the first does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, Max, Min, Q, QuerySet

from orders.models import Order, Refill, Run
from orders.transitions import FINAL_RUN_STATES, RunState, Status
from panel.paging import Page, read_newest, read_page

PAGE_ORDERS = 40  # more is read by nobody, and would take the page beyond the 50 ms it may cost
PAGE_REFILLS = 50
PAGE_DRIPFEEDS = 25  # each has up to a thousand runs to be counted
IDS_MAX = 100  # asked for at once; what the API's batches take too
# Filters look through this many orders at a time, so that a page of a customer with ten million costs no more
# than one of a customer with ten thousand; the next page looks further back.
SCANNED_ORDERS_MAX = 10_000
STREAMED_AT_ONCE = 2_000  # rows of an export in memory
# Ids are given out in the order of time, but for orders that were placed at the same moment.
ID_DISORDER = timedelta(minutes=1)

# The lowest id from which on all orders, of a customer or of everybody, are from a moment or later; one probe of an
# index for each halving. It needs no index on times, which every order would have to pay for.
_FIRST_ID_SINCE = """
WITH RECURSIVE halving(low, high) AS (
    SELECT min(id)::bigint, max(id)::bigint + 1 FROM orders_order WHERE {whose}
    UNION ALL
    SELECT
        CASE WHEN probe.created_at < %(moment)s::timestamptz THEN probe.id + 1 ELSE halving.low END,
        CASE WHEN probe.created_at < %(moment)s::timestamptz THEN halving.high ELSE (low + high) / 2 END
    FROM halving
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM orders_order
        WHERE {whose} AND id >= (halving.low + halving.high) / 2
        ORDER BY id LIMIT 1
    ) probe
    WHERE low < high
)
SELECT low FROM halving WHERE low >= high
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """What a list of orders is narrowed to; what is not given does not narrow it.

    :param ids: at most `IDS_MAX`.
    :param link: a part of it, in small or capital letters.
    :param since: ordered at this moment or later.
    :param until: ordered before this moment.
    """

    status: Status | None = None
    service_id: int | None = None
    link: str = ""
    ids: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def looks_through(self) -> bool:
        """Say whether orders have to be looked at to find those that match; ids and times have an index."""
        return not self.ids and (self.status is not None or self.service_id is not None or bool(self.link))


@dataclass(frozen=True, slots=True)
class OrderPage(Page[Order]):
    """One page of orders; `searched_to` is how far back a filter looked, where older orders may match."""

    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How the runs of a drip-feed stand; `next_at` is when the next one starts, None after the last."""

    runs_done: int
    next_at: datetime | None
    last_at: datetime


_EVERYTHING = OrderFilter()


def list_orders(
    user_id: int, *, wanted: OrderFilter = _EVERYTHING, before: int | None = None, limit: int | None = None
) -> OrderPage:
    """List a customer's orders with service and cancellation, archived ones too.

    :param before: the `next_key` of the page above.
    :param limit: without it a page has `PAGE_ORDERS`, or all that are asked for by id.
    """
    orders, floor = _look_back(_of_days(user_id, wanted), wanted, before)
    page = read_page(_with_what_lists_show(orders), limit=limit or max(PAGE_ORDERS, len(wanted.ids)))
    if page.next_key is None and floor is not None:
        return OrderPage(page.rows, *floor)
    return OrderPage(page.rows, page.next_key)


def stream_orders(user_id: int, columns: Sequence[str], *, wanted: OrderFilter) -> Iterator[Any]:
    """Read any number of orders as named tuples of columns, of which `pk` must be one.

    A chunk at a time, each a query of its own: a client that reads slowly keeps no transaction open.
    """
    assert "pk" in columns
    orders = _of_days(user_id, wanted)
    before: int | None = None
    while True:
        found, floor = _look_back(orders, wanted, before)
        rows = list(found.values_list(*columns, named=True)[:STREAMED_AT_ONCE])
        yield from rows
        before = rows[-1].pk if len(rows) == STREAMED_AT_ONCE else floor[0] if floor else None
        if before is None:
            return


def list_dripfeeds(user_id: int, *, before: int | None = None) -> Page[Order]:
    """List a customer's orders that are delivered in runs, newest first, with service and cancellation.

    :param before: the `next_key` of the page above.
    """
    # The partial index `order_dripfeeds` has nothing else in it.
    orders = Order.objects.filter(customer_id=user_id, run_count__gt=1)
    return read_newest(_with_what_lists_show(orders), before=before, limit=PAGE_DRIPFEEDS)


def measure_progress(order_ids: Sequence[int]) -> dict[int, Progress]:
    """Say how the runs of some drip-feeds stand."""
    runs = Run.objects.filter(order_id__in=order_ids).order_by().values("order_id")
    rows = runs.annotate(
        done=Count("pk", filter=Q(state__in=sorted(FINAL_RUN_STATES))),
        upcoming=Min("due_at", filter=Q(state=RunState.QUEUED)),
        latest=Max("due_at"),
    )
    return {row["order_id"]: Progress(row["done"], row["upcoming"], row["latest"]) for row in rows}


def list_refills(user_id: int, *, before: int | None = None) -> Page[Refill]:
    """List the refills that a customer asked for, newest first, with order and service.

    :param before: the `next_key` of the page above.
    """
    return read_newest(_refills_of(user_id), before=before, limit=PAGE_REFILLS)


def list_refills_by_id(user_id: int, refill_ids: Sequence[int]) -> list[Refill]:
    """List those of some refills that are a customer's, with order and service."""
    return list(_refills_of(user_id).filter(pk__in=refill_ids))


def find_open_refills(order_ids: Sequence[int]) -> frozenset[int]:
    """Return those of some orders that have an open refill."""
    opened = Refill.objects.filter(order_id__in=order_ids, status__in=Refill.OPEN)
    return frozenset(opened.values_list("order_id", flat=True))


def _with_what_lists_show(orders: QuerySet[Order]) -> QuerySet[Order]:
    # Thousands of comments and long descriptions stay where they are.
    orders = orders.select_related("service", "cancellation").defer("parameters", "service__description")
    return orders.annotate(net_charge=F("charge") - F("refunded"))


def _refills_of(user_id: int) -> QuerySet[Refill]:
    refills = Refill.objects.filter(customer_id=user_id, order__customer_id=user_id)
    return refills.select_related("order", "order__service").defer("order__parameters", "order__service__description")


def _of_days(user_id: int, wanted: OrderFilter) -> QuerySet[Order]:
    """Return a customer's orders of some time, newest first."""
    orders = Order.objects.filter(customer_id=user_id).order_by("-pk")
    return restrict_to_days(orders, since=wanted.since, until=wanted.until, user_id=user_id)


def _look_back(
    orders: QuerySet[Order], wanted: OrderFilter, before: int | None
) -> tuple[QuerySet[Order], tuple[int, datetime] | None]:
    """Return those that match before an id, as far back as one page may look; and how far that was, if not to the end.

    The second is the oldest order that was looked at: its id and its time.
    """
    if before is not None:
        orders = orders.filter(pk__lt=before)
    floor = None
    if wanted.looks_through:
        window = slice(SCANNED_ORDERS_MAX - 1, SCANNED_ORDERS_MAX)
        # The index alone skips the rest; the time is read of the one row it ends at.
        floor_id = orders.values_list("pk", flat=True)[window].first()
        if floor_id is not None:
            floor = floor_id, Order.objects.values_list("created_at", flat=True).get(pk=floor_id)
            orders = orders.filter(pk__gte=floor_id)
    if wanted.ids:
        orders = orders.filter(pk__in=wanted.ids[:IDS_MAX])
    if wanted.status is not None:
        orders = orders.filter(status=wanted.status)
    if wanted.service_id is not None:
        orders = orders.filter(service_id=wanted.service_id)
    if wanted.link:
        orders = orders.filter(link__icontains=wanted.link)
    return orders, floor


def restrict_to_days(
    orders: QuerySet[Order], *, since: datetime | None, until: datetime | None, user_id: int | None = None
) -> QuerySet[Order]:
    """Leave out what was not ordered from a moment on and before another one.

    :param user_id: whose orders they are, when they are one customer's.
    """
    if since is not None:
        orders = orders.filter(pk__gte=_first_id_since(since - ID_DISORDER, user_id), created_at__gte=since)
    if until is not None:
        orders = orders.filter(pk__lt=_first_id_since(until + ID_DISORDER, user_id), created_at__lt=until)
    return orders


def _first_id_since(moment: datetime, user_id: int | None) -> int:
    whose = "true" if user_id is None else "customer_id = %(customer)s::bigint"
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_ID_SINCE.format(whose=whose), {"customer": user_id, "moment": moment})
        row = cursor.fetchone()
    return row[0] if row else 0  # without orders there are no bounds to halve
