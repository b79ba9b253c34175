"""Everybody's orders for staff, read by key: the first and any filtered page cost the same however many there are.

What has an index of its own (ids, link, customer, service, and days through ids) narrows what is read. The other
filters look through a bounded number of orders at a time, and the page says how far it looked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from accounts.models import User
from orders import listing
from orders.models import Order, Run
from orders.transitions import TRACKED_RUN_STATES, RunState, Status
from providers.models import Provider

PAGE_ORDERS = 50
IDS_MAX = 1000  # pasted at once
SCANNED_ORDERS_MAX = 20_000  # looked through for one page; some 50 ms
ID_MAX = 2**31 - 1  # the column's


class ByHand(StrEnum):
    """What of an order is delivered by hand now."""

    WAITING = "waiting"  # to be taken
    OUT = "out"  # taken, and not ended


class Source(StrEnum):
    """Where an order came from."""

    WEB = "web"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffFilter:
    """What the staff's list of orders is narrowed to; what is not given does not narrow it.

    :param ids: at most `IDS_MAX`; None for all, and an empty list finds nothing.
    :param link: the whole of it.
    :param since: ordered at this moment or later.
    :param until: ordered before this moment.
    """

    ids: tuple[int, ...] | None = None
    link: str = ""
    customer_id: int | None = None
    service_id: int | None = None
    provider_id: int | None = None
    status: Status | None = None
    source: Source | None = None
    by_hand: ByHand | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def looks_through(self) -> bool:
        """Say whether orders have to be looked at to find those that match."""
        if self.ids is not None:
            return False
        several = [self.link, self.customer_id, self.service_id, self.by_hand]
        has_one_too_many = sum(bool(given) for given in several) > 1
        return has_one_too_many or any(given is not None for given in (self.provider_id, self.status, self.source))

    @property
    def is_empty(self) -> bool:
        """Say whether it lets everything through."""
        return self == _EVERYTHING


_EVERYTHING = StaffFilter()


@dataclass(frozen=True, slots=True)
class StaffPage:
    """One page, newest first.

    `older_before` and `newer_after` are what the pages beside it are asked for with, None at either end.
    `searched_to` is how far a filter looked, where more orders may match beyond.
    """

    orders: Sequence[Order]
    older_before: int | None
    newer_after: int | None
    searched_to: datetime | None = None


def list_orders(
    wanted: StaffFilter, *, before: int | None = None, after: int | None = None, limit: int | None = None
) -> StaffPage:
    """List orders with customer, service and the provider of their first run.

    :param before: only older ones, from the next older one on.
    :param after: only newer ones, from the next newer one on; `before` does not count then.
    :param limit: without it a page has `PAGE_ORDERS`.
    """
    limit = limit or PAGE_ORDERS
    if after is not None:
        rows, beyond, searched_to = _read(wanted, key=after, limit=limit, is_upwards=True)
        orders = list(reversed(rows))
        return StaffPage(orders, orders[-1].pk if orders else after + 1, beyond, searched_to)
    rows, beyond, searched_to = _read(wanted, key=before, limit=limit, is_upwards=False)
    newer = None if before is None else rows[0].pk if rows else before - 1
    return StaffPage(rows, beyond, newer, searched_to)


def stream_ids(wanted: StaffFilter) -> Iterator[int]:
    """Give the ids of all orders that match, newest first, each window a query of its own."""
    before: int | None = None
    while True:
        found, floor = _look(wanted, key=before, is_upwards=False)
        yield from found.values_list("pk", flat=True)
        if floor is None:
            return
        before = floor


def match(wanted: StaffFilter) -> QuerySet[Order]:
    """Return the orders that match, in no order; read by their ids only, or it may take as long as there are orders."""
    return _narrow(_reach(wanted), wanted)


def estimate_count() -> int:
    """Return about how many orders there are, as the last vacuum counted them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = 'orders_order'::regclass")
        (estimate,) = cursor.fetchone()
    return max(estimate, 0)  # -1 before the first


def narrow_by_search(wanted: StaffFilter, term: str) -> StaffFilter:
    """Narrow to what a search finds: the order's or the provider's id, the whole link, or the whole user name.

    What names an order comes first: a user name of digits only is found where no order has that id.
    """
    if "/" in term:
        return replace(wanted, link=term) if wanted.link in ("", term) else replace(wanted, ids=())
    # First the short tables, so that the long one is asked by indexed columns only.
    at_providers = Run.objects.filter(provider__in=list(Provider.objects.all()), provider_order=term)
    ids = set(at_providers.values_list("order_id", flat=True)[:IDS_MAX])
    if term.isascii() and term.isdigit() and len(term) <= len(str(ID_MAX)):
        ids |= set(Order.objects.filter(pk=int(term)).values_list("pk", flat=True)) if int(term) <= ID_MAX else set()
    if ids:
        return replace(wanted, ids=tuple(sorted(ids if wanted.ids is None else ids & set(wanted.ids))))
    customer_id = User.objects.filter(username=term).values_list("pk", flat=True).first()
    if customer_id is None or wanted.customer_id not in (None, customer_id):
        return replace(wanted, ids=())
    return replace(wanted, customer_id=customer_id)


def _read(
    wanted: StaffFilter, *, key: int | None, limit: int, is_upwards: bool
) -> tuple[list[Order], int | None, datetime | None]:
    """Read one page in one direction: its orders, where the next one starts, and how far was looked if not further."""
    found, edge = _look(wanted, key=key, is_upwards=is_upwards)
    rows = list(_with_what_the_list_shows(found)[: limit + 1])
    if len(rows) > limit:
        return rows[:limit], rows[limit - 1].pk, None
    if edge is None:
        return rows, None, None
    return rows, edge, Order.objects.values_list("created_at", flat=True).filter(pk__lte=edge).order_by("-pk").first()


def _look(wanted: StaffFilter, *, key: int | None, is_upwards: bool) -> tuple[QuerySet[Order], int | None]:
    """Return those that match on one side of an id, and where to go on when that is not the end."""
    order, inside, within = ("pk", "pk__gt", "pk__lte") if is_upwards else ("-pk", "pk__lt", "pk__gte")
    orders = _reach(wanted).order_by(order)
    if key is not None:
        orders = orders.filter(**{inside: key})
    edge = None
    if wanted.looks_through:
        # The index alone skips to it.
        edge = orders.values_list("pk", flat=True)[SCANNED_ORDERS_MAX - 1 : SCANNED_ORDERS_MAX].first()
        if edge is not None:
            orders = orders.filter(**{within: edge})
    return _narrow(orders, wanted), edge


def _reach(wanted: StaffFilter) -> QuerySet[Order]:
    """Return the orders that one index leads to."""
    orders = Order.objects.all()
    if wanted.ids is not None:
        orders = orders.filter(pk__in=wanted.ids[:IDS_MAX])
    elif wanted.by_hand is not None:
        orders = orders.filter(_is_by_hand(wanted.by_hand))
    elif wanted.link:
        orders = orders.filter(link=wanted.link)
    elif wanted.customer_id is not None:
        orders = orders.filter(customer_id=wanted.customer_id)
    elif wanted.service_id is not None:
        orders = orders.filter(service_id=wanted.service_id)
    return listing.restrict_to_days(orders, since=wanted.since, until=wanted.until)


def _narrow(orders: QuerySet[Order], wanted: StaffFilter) -> QuerySet[Order]:
    """Leave out what does not match; what the index has seen to already is true again."""
    if wanted.link:
        orders = orders.filter(link=wanted.link)
    if wanted.customer_id is not None:
        orders = orders.filter(customer_id=wanted.customer_id)
    if wanted.service_id is not None:
        orders = orders.filter(service_id=wanted.service_id)
    if wanted.status is not None:
        orders = orders.filter(status=wanted.status)
    if wanted.source is not None:
        orders = orders.filter(api_key__isnull=wanted.source == Source.WEB)
    if wanted.by_hand is not None:
        orders = orders.filter(_is_by_hand(wanted.by_hand))
    if wanted.provider_id is not None:
        orders = orders.filter(Exists(Run.objects.filter(order=OuterRef("pk"), provider=wanted.provider_id)))
    return orders


def _is_by_hand(which: ByHand) -> Q:
    """Filter orders by what of them is delivered by hand; such runs are few, and found by provider."""
    manual = list(Provider.objects.filter(kind=Provider.Kind.MANUAL).values_list("pk", flat=True))
    due = Q(state=RunState.QUEUED, held_at=None, due_at__lte=Now())
    wanted = due if which == ByHand.WAITING else Q(state__in=sorted(TRACKED_RUN_STATES))
    return Q(pk__in=Run.objects.filter(wanted, provider__in=manual).values("order"))


def _with_what_the_list_shows(orders: QuerySet[Order]) -> QuerySet[Order]:
    # Thousands of comments and long descriptions stay where they are.
    first_run = Run.objects.filter(order=OuterRef("pk"), number=1)
    return (
        orders.select_related("customer", "service")
        .defer("parameters", "service__description")
        .annotate(provider_name=Subquery(first_run.values("provider__name")), net_charge=F("charge") - F("refunded"))
    )
