"""Orders as tools list them, and what they are narrowed to."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from accounts.models import User
from admin_api.fields import Money
from admin_api.words import ERROR, FAIL, PENDING, STATUS_OF_WORD, word_of_order
from orders.models import Order, OrderEvent, ReviewItem, Run
from orders.transitions import FINAL_STATUSES, TRACKED_RUN_STATES, RunState, Status

WEB, API = "web", "api"
OLDEST_FIRST = "date-asc"
# Ids are given out in the order of time, but for orders that were placed at the same moment.
ID_DISORDER = timedelta(minutes=1)

# The lowest id from which on all orders are from a moment or later; one probe of the primary key for each halving. It
# needs no index on times, which every order would have to pay for.
_FIRST_ID_SINCE = """
WITH RECURSIVE halving(low, high) AS (
    SELECT min(id)::bigint, max(id)::bigint + 1 FROM orders_order
    UNION ALL
    SELECT
        CASE WHEN probe.created_at < %(moment)s::timestamptz THEN probe.id + 1 ELSE halving.low END,
        CASE WHEN probe.created_at < %(moment)s::timestamptz THEN halving.high ELSE (low + high) / 2 END
    FROM halving
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM orders_order WHERE id >= (halving.low + halving.high) / 2 ORDER BY id LIMIT 1
    ) probe
    WHERE low < high
)
SELECT low FROM halving WHERE low >= high
"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order with what is said of it beside its own columns."""

    order: Order
    runs: Sequence[Run]
    updated_at: datetime

    @property
    def charge(self) -> Money:
        """What the customer has paid less what came back."""
        return Money(self.order.charge - self.order.refunded, self.order.customer.wallet.currency)

    @property
    def status(self) -> str:
        """The status, in the words of the Admin API."""
        return word_of_order(
            self.order.status,
            run_states={run.state for run in self.runs},
            is_held=any(run.held_at is not None for run in self.runs),
        )

    @property
    def creation_type(self) -> str:
        """Where it was placed."""
        return API if self.order.api_key_id is not None else WEB

    @property
    def provider(self) -> str:
        """Who delivers it, or will; of a drip-feed, who has its newest run."""
        run = self._newest
        return run.provider.name if run is not None and run.provider is not None else ""

    @property
    def external_id(self) -> str:
        """The provider's id of it; of a drip-feed, of its newest run there."""
        run = self._newest
        return run.provider_order if run is not None else ""

    @property
    def actions(self) -> dict[str, bool]:
        """What may be asked for; whether it is done is decided when it is."""
        states = {run.state for run in self.runs}
        is_final = self.order.status in FINAL_STATUSES
        return {
            "resend": bool(states & {RunState.REJECTED, RunState.QUEUED}),
            "request_cancel": bool(states & TRACKED_RUN_STATES),
            "cancel_and_refund": bool(states - {RunState.CANCELED, RunState.REJECTED}),
            "set_partial": not is_final,
            "edit_link": RunState.QUEUED in states,
            "refill": self.order.status in (Status.COMPLETED, Status.PARTIAL) and self.order.service.refill,
        }

    @property
    def by_hand(self) -> Run | None:
        """The run of it that was taken to be delivered by hand and has not ended."""
        return next((run for run in self.runs if run.state in TRACKED_RUN_STATES and _is_manual(run)), None)

    @property
    def parameters(self) -> dict[str, str]:
        """What its type asks for, as text: where there are several, one a line."""
        return {
            name: value if isinstance(value, str) else "\n".join(value) for name, value in self.order.parameters.items()
        }

    @property
    def comments(self) -> str:
        """The texts to comment with, one a line."""
        return self.parameters.get("comments", "")

    @property
    def _newest(self) -> Run | None:
        sent = [run for run in self.runs if run.provider_order or run.submitted_at is not None]
        return sent[-1] if sent else next(iter(self.runs), None)


@dataclass(frozen=True, slots=True)
class TakenRow(OrderRow):
    """An order of which a run was taken just now."""

    run: Run


def _is_manual(run: Run) -> bool:
    return run.provider is not None and run.provider.is_manual


def list_orders(wanted: dict[str, Any]) -> QuerySet[Order]:
    """Return the orders that a list is narrowed to, newest first where nothing else is said."""
    orders = Order.objects.all()
    for name, narrow in _FILTERS.items():
        if (value := wanted.get(name)) is not None:
            orders = orders.filter(narrow(value))
    return orders.order_by("pk" if wanted.get("sort") == OLDEST_FIRST else "-pk")


def with_details(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Read with each order what rows say of it."""
    return orders.select_related("service", "customer__wallet").defer("service__description")


def complete(orders: Sequence[Order]) -> Sequence[OrderRow]:
    """Add the runs and the last event of each, in one query for each."""
    ids = [order.pk for order in orders]
    runs: dict[int, list[Run]] = defaultdict(list)
    for run in Run.objects.filter(order__in=ids).select_related("provider").order_by("order", "number"):
        runs[run.order_id].append(run)
    events = OrderEvent.objects.filter(order__in=ids).order_by().values("order").annotate(at=Max("at"))
    updated = {row["order"]: row["at"] for row in events}
    return [OrderRow(order, runs[order.pk], updated.get(order.pk, order.created_at)) for order in orders]


def complete_taken(taken: Sequence[Run]) -> Sequence[TakenRow]:
    """Return the rows of orders whose runs were taken, in the order of the runs."""
    orders = with_details(Order.objects.filter(pk__in=[run.order_id for run in taken]))
    rows = {row.order.pk: row for row in complete(list(orders))}
    found = [(rows[run.order_id], run) for run in taken]
    return [TakenRow(row.order, row.runs, row.updated_at, run) for row, run in found]


def _of_words(words: Collection[str]) -> Q:
    """Return orders with one of these statuses."""
    held = Exists(Run.objects.filter(order=OuterRef("pk"), held_at__isnull=False))
    unknown = Q(
        pk__in=ReviewItem.objects.filter(resolved_at=None).values("attempt__run__order")
    )  # an unknown run has an open review
    pending = Q(status=Status.PENDING)
    parts = {
        PENDING: pending & ~held & ~unknown,
        FAIL: pending & held & ~unknown,
        ERROR: pending & unknown,
    }
    plain = [STATUS_OF_WORD[word] for word in words if word not in parts]
    found = Q(status__in=plain) if plain else Q(pk__in=[])
    for word in words:
        if word in parts:
            found |= parts[word]
    return found


def _since(moment: datetime) -> Q:
    return Q(pk__gte=_first_id_since(moment - ID_DISORDER), created_at__gte=moment)


def _until(moment: datetime) -> Q:
    return Q(pk__lte=_first_id_since(moment + ID_DISORDER), created_at__lte=moment)


_FILTERS: dict[str, Callable[[Any], Q]] = {
    "ids": lambda ids: Q(pk__in=ids),
    "created_from": _since,
    "created_to": _until,
    "order_status": _of_words,
    "service_ids": lambda ids: Q(service__in=ids),
    "user": lambda name: Q(customer__in=list(User.objects.filter(username=name).values_list("pk", flat=True))),
    "provider": lambda name: Q(Exists(Run.objects.filter(order=OuterRef("pk"), provider__name=name))),
    "external_id": lambda text: Q(pk__in=Run.objects.filter(provider_order=text).values("order")),
    "link": lambda link: Q(link=link),
    "creation_type": lambda source: Q(api_key__isnull=source == WEB),
}


def _first_id_since(moment: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_ID_SINCE, {"moment": moment})
        row = cursor.fetchone()
    return row[0] if row else 0  # without orders there are no bounds to halve
