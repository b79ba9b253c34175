"""Choose from whom a run is bought: never at a loss unseen, and never again where it was refused."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from catalog.models import Currency, Route
from catalog.types import TYPES
from orders import pricing, walks
from orders.models import Order, Run, Walk
from orders.transitions import RunState
from panel.columns import Columns
from panel.errors import is_outage
from panel.money import MAX_AMOUNT, ZERO, format_amount, round_half_up
from providers import health
from providers.models import Provider

PAGE = 200  # runs read at a time
LEFT_MAX = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to send a run; or no route, and why not."""

    route: Route | None
    cost: Decimal | None = None  # of the run, in the base currency
    misses: int = 0  # times the run was to go this way and did not leave, or was put off
    why_not: str = ""
    is_exhausted: bool = False  # whoever could have taken it has refused it


def choose_route(order: Order, run: Run) -> Choice:
    """Choose the best route for a run as things are now, in one query.

    Routes that refused it are out. The others come in the order: the one that staff want, those whose provider is
    sound, those that were tried least, the owner's priority. One that would cost more than the customer pays for the
    run is out too, unless staff allow the loss.
    """
    routes = _list_routes(order, run)
    flat_rate = TYPES[order.service_type].flat_rate
    fitting = _list_fitting(routes, run=run, flat_rate=flat_rate)
    fitting.sort(key=lambda route: route.pk != run.wanted_route_id)
    if not fitting:
        if any(route.has_refused for route in routes):
            return Choice(None, why_not="every route in use has refused it", is_exhausted=True)
        return Choice(None, why_not="no route in use takes this quantity")
    losses = []
    for route in fitting:
        cost = _cost_of(route, run=run, flat_rate=flat_rate)
        revenue = _revenue_of(route, order=order, run=run)
        if may_lose(order, run) or (cost is not None and cost <= revenue):
            return Choice(route, cost=cost, misses=route.misses)
        losses.append(_describe_loss(route, cost=cost, revenue=revenue))
    return Choice(None, why_not="; ".join(losses))


def choose_route_at(provider_id: int, order: Order, run: Run) -> Choice:
    """Choose the best route at one provider, also one that would lose money: `why_not` says so then."""
    routes = [route for route in _list_routes(order, run) if route.provider_id == provider_id]
    flat_rate = TYPES[order.service_type].flat_rate
    best = Choice(None, why_not="no route of it in use takes this quantity")
    for route in _list_fitting(routes, run=run, flat_rate=flat_rate):
        cost = _cost_of(route, run=run, flat_rate=flat_rate)
        revenue = _revenue_of(route, order=order, run=run)
        if cost is not None and cost <= revenue:
            return Choice(route, cost=cost)
        if best.route is None:
            best = Choice(route, cost=cost, why_not=_describe_loss(route, cost=cost, revenue=revenue))
    return best


def may_lose(order: Order, run: Run) -> bool:
    """Say whether staff allow a run to cost more than the customer pays for it: it alone, or all of its service."""
    return order.service.allow_loss or run.loss_accepted


def weigh_losses(runs: QuerySet[Run]) -> Decimal:
    """Return what some runs would lose at most if they were sent at any cost, in the base currency.

    Each by the dearest route that takes it: who accepts a loss accepts every route. A cost that cannot be said is as
    much as can be written down.
    """
    chosen = list(runs.select_related("order__customer__wallet"))
    rates = dict(Currency.objects.values_list("code", "rate"))
    routes = defaultdict[int, list[Any]](list)
    in_use = Route.objects.filter(service__in={run.order.service_id for run in chosen}, is_active=True, gone_at=None)
    for route in in_use.select_related("provider"):
        known: Any = route
        known.has_refused, known.cost_rate = False, rates.get(route.provider.currency)
        routes[route.service_id].append(known)
    total = ZERO
    for run in chosen:
        order = run.order
        flat_rate = TYPES[order.service_type].flat_rate
        losses = [ZERO]
        for route in _list_fitting(routes[order.service_id], run=run, flat_rate=flat_rate):
            route.sale_rate = rates[order.customer.wallet.currency]
            cost = _cost_of(route, run=run, flat_rate=flat_rate)
            losses.append((MAX_AMOUNT if cost is None else cost) - _revenue_of(route, order=order, run=run))
        total += max(losses)
    return min(total, MAX_AMOUNT)


def reroute_waiting(*, seconds: float) -> int:
    """Send runs that wait at a provider that is not sound by another route, where there is one; return how many.

    Where many have none it does not come to all of them: that is for `reroute_in_turn`.
    """
    started = time.monotonic()
    moved = 0
    sound = Provider.objects.filter(health.is_sound())
    for provider in Provider.objects.exclude(pk__in=sound):
        left = Counter[int]()  # runs of a service that stayed; after some of them the rest is not asked one by one
        page, last = _page_waiting(provider, after=None, without=()), None
        while page:
            for run in page:
                if time.monotonic() - started > seconds:
                    return moved
                last = run
                if left[run.order.service_id] < LEFT_MAX:
                    is_moved = _reroute(run)
                    moved += is_moved
                    left[run.order.service_id] += not is_moved
            page = _page_waiting(provider, after=last, without=[one for one in left if left[one] >= LEFT_MAX])
    return moved


# Of many providers the pages are read one by one and then merged: each is a few rows of an index.
_NEXT_OUT_OF_REACH = f"""
SELECT r.id, r.due_at FROM providers_provider p
CROSS JOIN LATERAL (
    SELECT id, due_at FROM orders_run
    WHERE provider_id = p.id AND state = 'queued' AND held_at IS NULL
        AND (due_at, id) > (%(after_at)s::timestamptz, %(after_id)s) AND due_at <= %(until)s::timestamptz
    ORDER BY due_at, id LIMIT %(page)s
) r
WHERE NOT {health.IS_SOUND}
ORDER BY r.due_at, r.id LIMIT %(page)s
"""


def reroute_in_turn(*, seconds: float) -> int:
    """Send runs that wait at a provider that is not sound by another route, also those behind many that have none.

    `reroute_waiting` is quick and begins with those due longest each time. Here the next call goes on behind them.
    """
    moved = 0
    for run_ids in walks.take_pages(Walk.Over.OUT_OF_REACH, _NEXT_OUT_OF_REACH, seconds=seconds):
        waiting = Run.objects.filter(pk__in=run_ids, order__service__in=_list_sound().values("service"))
        for run in waiting.select_related("order__service").order_by("due_at", "pk"):
            moved += _reroute(run)
    return moved


def _page_waiting(provider: Provider, *, after: Run | None, without: Sequence[int]) -> Sequence[Run]:
    """Read the next runs that wait at a provider and whose service has a route elsewhere, those due longest first."""
    waiting = Run.objects.filter(
        provider=provider, state=RunState.QUEUED, held_at=None, due_at__lte=Now(),
        order__service__in=_list_sound().exclude(service__in=without).values("service"),
    )  # fmt: skip
    if after is not None:
        waiting = waiting.filter(Q(due_at__gt=after.due_at) | Q(due_at=after.due_at, pk__gt=after.pk))
    return list(waiting.select_related("order__service").order_by("due_at", "pk")[:PAGE])


def _list_sound() -> QuerySet[Route]:
    """List the routes in use whose provider is sound."""
    return Route.objects.filter(is_active=True, gone_at=None, provider__in=Provider.objects.filter(health.is_sound()))


def _reroute(run: Run) -> bool:
    """Let a waiting run wait at the provider of its best route; False when that is where it is."""
    try:
        route = choose_route(run.order, run).route
    except Exception as error:
        if is_outage(error):
            raise
        # What cannot be prepared stays where it is, and keeps no other there.
        logger.exception("waiting run %s cannot be looked at", run.pk)
        return False
    if route is None or route.provider_id == run.provider_id:
        return False
    still_there = Run.objects.filter(pk=run.pk, state=RunState.QUEUED, provider=run.provider_id)
    return bool(still_there.update(provider=route.provider_id, route=route))


_ROUTE = Columns(Route)
_PROVIDER = Columns(Provider)
_ROUTES = f"""
SELECT {_ROUTE.of("r")}, {_PROVIDER.of("p")},
    EXISTS (
        SELECT FROM orders_attempt a WHERE a.run_id = %(run)s AND a.route_id = r.id AND a.state = 'rejected'
    ) AS has_refused,
    (
        SELECT count(*) FROM orders_attempt a
        WHERE a.run_id = %(run)s AND a.route_id = r.id AND a.state IN ('not_sent', 'deferred')
    ) AS misses,
    (SELECT rate FROM catalog_currency WHERE code = p.currency) AS cost_rate,
    (
        SELECT c.rate FROM wallet_wallet w JOIN catalog_currency c ON c.code = w.currency
        WHERE w.user_id = %(customer)s
    ) AS sale_rate
FROM catalog_route r JOIN providers_provider p ON p.id = r.provider_id
WHERE r.service_id = %(service)s
ORDER BY {health.IS_SOUND} DESC, misses, r.priority, r.id
"""


def _list_routes(order: Order, run: Run) -> list[Any]:
    """List every route of a run's service in the order of preference, with what the choice needs to know."""
    with connection.cursor() as cursor:
        cursor.execute(_ROUTES, {"run": run.pk, "customer": order.customer_id, "service": order.service_id})
        found = cursor.fetchall()
    routes: list[Any] = []
    for values in map(list, found):
        route: Any = _ROUTE.take(values)
        route.provider = _PROVIDER.take(values)
        route.has_refused, route.misses, route.cost_rate, route.sale_rate = values
        routes.append(route)
    return routes


def _list_fitting(routes: Sequence[Any], *, run: Run, flat_rate: bool) -> list[Any]:
    """Return those of its routes that may be used for a run, whatever they cost."""
    return [route for route in routes if _may_be_used(route, quantity=None if flat_rate else run.quantity)]


def _may_be_used(route: Any, *, quantity: int | None) -> bool:
    """Say whether a route is in use, takes a quantity (a package has none) and has not refused the run."""
    if route.has_refused or not route.is_active or route.gone_at is not None:
        return False
    return quantity is None or (route.min or 0) <= quantity <= (route.max or quantity)


def _cost_of(route: Any, *, run: Run, flat_rate: bool) -> Decimal | None:
    """Return what a run costs in the base currency; None when that cannot be said or written down."""
    if route.cost_rate is None:
        return None
    cost = route.feared_cost if flat_rate else route.feared_cost * run.quantity / pricing.PER
    cost /= route.cost_rate
    return round_half_up(cost) if cost <= MAX_AMOUNT else None


def _revenue_of(route: Any, *, order: Order, run: Run) -> Decimal:
    """Return what a run brings in the base currency: its share of the charge."""
    return round_half_up(order.charge * run.quantity / order.quantity / route.sale_rate)


def _describe_loss(route: Any, *, cost: Decimal | None, revenue: Decimal) -> str:
    if route.cost_rate is None:
        return f"{route}: the rate of {route.provider.currency} is not known"
    if cost is None:
        return f"{route}: costs more than can be written down"
    return f"{route}: costs {format_amount(cost)}, brings {format_amount(revenue)}"
