"""Keep what we sell in step with what a provider asks for it, by the provider's rules.

Who wrote the catalogue that comes in is a stranger: one that is empty or has lost most of what we buy changes
nothing, and a price that jumps is not believed before staff say so.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from catalog import buying, markup, terms, writers
from catalog.errors import NotImportable
from catalog.models import Currency, Route, Service
from catalog.terms import Terms
from panel.alerts import tell_staff
from panel.money import ZERO, format_rate
from providers.adapter import ProviderService
from providers.errors import ProviderError
from providers.models import Provider

GONE_BELIEVED = 2  # so few routes may go at once, be they all we have there
GONE_SHARE = 2  # else no more than one in so many
JUMP_FACTOR = 10  # a price that is so many times the last one, or such a part of it, is rather a slip of somebody's
FAILURE_CHARACTERS_MAX = 2000
NAMED_MAX = 20  # suspicious prices in one mail


@dataclass(slots=True)
class SyncResult:
    """What a sync did; with a `failure` nothing."""

    failure: str = ""
    listed: int = 0  # services in the provider's catalogue
    repriced: int = 0  # routes with another cost
    gone: int = 0  # routes that the provider no longer lists
    returned: int = 0
    changed: int = 0  # services with another rate, minimum, maximum, refill, cancel, or on sale or off
    taken_off: int = 0
    put_back: int = 0
    suspicious: list[str] = field(default_factory=list)  # prices that were not believed, in words


def sync_provider(provider: Provider, *, force: bool = False) -> SyncResult:
    """Read a provider's catalogue and bring routes and services in step with it; failures are recorded, not raised.

    :param force: believe the catalogue, whatever it looks like.
    """
    if provider.is_manual:
        return SyncResult(failure="It has no price list: its orders are delivered by hand.")
    read_at = _database_time()
    try:
        entries = buying.read_catalogue(provider)
    except ProviderError as error:
        return _fail(provider, f"It could not be read: {error.evidence}", tell=False)
    try:
        with transaction.atomic(durable=True):
            result = _Sync(provider.pk, entries=entries, force=force).run(read_at)
    except _Fault as fault:
        return _fail(provider, str(fault), tell=True)
    if result.suspicious:
        shown = "; ".join(result.suspicious[:NAMED_MAX])
        rest = len(result.suspicious) - NAMED_MAX
        more = f"; and {rest} more" if rest > 0 else ""
        _note(provider, f"Read, but not believed: {shown}{more}", tell=True)
    return result


class _Fault(Exception):
    """The catalogue must not be followed."""


class _Sync:
    """One pass over what we buy at a provider, inside a transaction. Services may have routes at others too."""

    def __init__(self, provider_id: int, *, entries: Mapping[str, ProviderService], force: bool) -> None:
        writers.lock_catalogue(writer=writers.Writer.SYNC, provider_id=provider_id)
        self.provider = Provider.objects.get(pk=provider_id)  # its rules as they are now
        self.rates = dict(Currency.objects.values_list("code", "rate"))
        self.entries = entries
        self.listed: dict[str, Terms] = {}  # those of them that we sell and could still sell
        self.force = force
        self.result = SyncResult(listed=len(entries))

    def run(self, read_at: datetime) -> SyncResult:
        """Change what has to be changed.

        :raises _Fault: nothing may be
        """
        if self.provider.synced_at is not None and self.provider.synced_at > read_at:
            return self.result  # somebody has read it since, and what we hold is old
        if self.provider.currency not in self.rates:
            raise _Fault(f"Nobody has said what its currency is worth: {self.provider.currency}.")
        services, routes = self._lock_rows()
        here = [route for route in routes if route.provider_id == self.provider.pk]
        self._read_terms(here)
        if not self.force:
            self._refuse_faults(here)
        _write_routes([route for route in here if self._update_route(route, services[route.service_id], read_at)])
        by_service: dict[int, list[Route]] = {}
        for route in routes:
            by_service.setdefault(route.service_id, []).append(route)
        changed = [service for service in services.values() if self._update_service(service, by_service[service.pk])]
        _write_services(changed)
        told = {} if self.result.suspicious else {"sync_failure": ""}
        Provider.objects.filter(pk=self.provider.pk).update(synced_at=read_at, **told)
        return self.result

    def _lock_rows(self) -> tuple[dict[int, Service], list[Route]]:
        """Read every service that has a route here, with all its routes.

        Locked before anything is written: staff who edit one wait here, and not later for the catalogue's version.
        """
        concerned = Route.objects.filter(provider=self.provider).values("service")
        services = Service.objects.filter(pk__in=concerned).order_by("pk").select_for_update(no_key=True)
        routes = Route.objects.filter(service__in=concerned).order_by("pk").select_related("provider")
        return {one.pk: one for one in services}, list(routes.select_for_update(no_key=True, of=("self",)))

    def _read_terms(self, routes: Sequence[Route]) -> None:
        for wanted in {route.provider_service for route in routes} & self.entries.keys():
            with suppress(NotImportable):  # what could not be sold is as good as not listed
                self.listed[wanted] = terms.read_terms(self.entries[wanted])

    def _refuse_faults(self, routes: Sequence[Route]) -> None:
        """:raises _Fault: the catalogue has lost more than anybody takes off at once"""
        if not self.entries:
            raise _Fault("Its catalogue is empty.")
        used = [route for route in routes if route.is_active and route.gone_at is None]
        missing = sum(self._is_missing(route) for route in used)
        if missing > GONE_BELIEVED and missing * GONE_SHARE > len(used):
            raise _Fault("Its catalogue lacks more than half of what we buy there, all at once.")

    def _is_missing(self, route: Route) -> bool:
        # The sandbox sells whatever it is asked for; what it lists are examples.
        return route.provider_service not in self.listed and self.provider.kind != Provider.Kind.SANDBOX

    def _update_route(self, route: Route, service: Service, read_at: datetime) -> bool:
        """Take over what the provider says of a route; False when it is nothing new."""
        before = (route.cost, route.unconfirmed_cost, route.min, route.max, route.gone_at)
        if self._is_missing(route):
            if route.gone_at is None:
                self.result.gone += 1
                route.gone_at = read_at
        else:
            if route.gone_at is not None:
                self.result.returned += 1
                route.gone_at = None
            if (sold := self._terms_for(route, service)) is not None:
                self._take_cost(route, sold)
                route.min, route.max = sold.min, sold.max
        return (route.cost, route.unconfirmed_cost, route.min, route.max, route.gone_at) != before

    def _terms_for(self, route: Route, service: Service) -> Terms | None:
        """Return what the provider says of a route, unless it is another thing than what we sell."""
        sold = self.listed.get(route.provider_service) if route.provider_id == self.provider.pk else None
        if sold is None or sold.type == service.type:
            return sold
        text = f"{route.provider_service} (service {service.pk}) is a “{sold.type}” and ours a “{service.type}”"
        if text not in self.result.suspicious:
            self.result.suspicious.append(text)
        return None

    def _take_cost(self, route: Route, sold: Terms) -> None:
        """Believe a price unless it jumped."""
        route.unconfirmed_cost = None
        if sold.cost == route.cost:
            return
        jumped = route.cost > ZERO and not (
            route.cost <= sold.cost * JUMP_FACTOR and sold.cost <= route.cost * JUMP_FACTOR
        )
        if jumped and not self.force:
            route.unconfirmed_cost = sold.cost
            self.result.suspicious.append(
                f"{route.provider_service} (service {route.service_id}) costs {format_rate(sold.cost)}"
                f" after {format_rate(route.cost)} {self.provider.currency}"
            )
            return
        self.result.repriced += 1
        route.cost = sold.cost

    def _update_service(self, service: Service, routes: Sequence[Route]) -> bool:
        """Take over what follows for a service from its first usable route; False when it is nothing new."""
        if not service.is_active and not service.off_sale_because:
            return False  # staff took it off sale
        before = _facts_of(service)
        was_active = service.is_active
        usable = [route for route in routes if route.is_active and route.gone_at is None]
        first = min(usable, key=lambda route: (route.priority, route.pk), default=None)
        if first is not None and (sold := self._terms_for(first, service)) is not None:
            service.min, service.max = sold.min, sold.max
            service.refill, service.cancel = sold.refill, sold.cancel
            self._reprice(service, first)
        reason = self._find_reason_off_sale(service, first)
        service.is_active, service.off_sale_because = not reason, reason
        self.result.taken_off += was_active and not service.is_active
        self.result.put_back += service.is_active and not was_active
        is_changed = _facts_of(service) != before
        self.result.changed += is_changed
        return is_changed

    def _reprice(self, service: Service, route: Route) -> None:
        if (service.price_rule or self.provider.price_rule) != Provider.PriceRule.FOLLOW:
            return
        ours = buying.markup_of(
            self.provider, percent=service.markup_percent, fixed=service.markup_fixed, rounding=service.rounding
        )
        try:
            service.rate = markup.price_for(route.cost, currency_rate=self.rates[self.provider.currency], markup=ours)
        except ValueError:
            self.result.suspicious.append(f"service {service.pk} would cost more than can be written down")

    def _find_reason_off_sale(self, service: Service, first: Route | None) -> str:
        """Say why a service must not be sold; empty when it may."""
        if first is None:
            return Service.OffSale.GONE.value
        currency_rate = self.rates.get(first.provider.currency)
        if service.allow_loss or not first.provider.pause_at_loss or currency_rate is None:
            return ""
        loses = markup.loses(cost=first.feared_cost, rate=service.rate, currency_rate=currency_rate)
        return Service.OffSale.LOSS.value if loses else ""


def _facts_of(service: Service) -> tuple[object, ...]:
    return (
        service.rate,
        service.min,
        service.max,
        service.refill,
        service.cancel,
        service.is_active,
        service.off_sale_because,
    )


def _write_routes(routes: Sequence[Route]) -> None:
    """Write routes that changed in one statement. None at all would still count as a change of the catalogue."""
    if not routes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE catalog_route SET
                cost = new.cost, unconfirmed_cost = new.unconfirmed_cost, min = new.min, max = new.max,
                gone_at = new.gone_at
            FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::int[], %s::int[], %s::timestamptz[])
                AS new (id, cost, unconfirmed_cost, min, max, gone_at)
            WHERE catalog_route.id = new.id
            """,
            [
                [route.pk for route in routes],
                [route.cost for route in routes],
                [route.unconfirmed_cost for route in routes],
                [route.min for route in routes],
                [route.max for route in routes],
                [route.gone_at for route in routes],
            ],
        )


def _write_services(services: Sequence[Service]) -> None:
    """Do the same for services."""
    if not services:
        return
    columns = zip(*((service.pk, *_facts_of(service)) for service in services), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE catalog_service SET
                rate = new.rate, min = new.min, max = new.max, refill = new.refill, cancel = new.cancel,
                is_active = new.is_active, off_sale_because = new.off_sale_because
            FROM unnest(%s::int[], %s::numeric[], %s::int[], %s::int[], %s::bool[], %s::bool[], %s::bool[], %s::text[])
                AS new (id, rate, min, max, refill, cancel, is_active, off_sale_because)
            WHERE catalog_service.id = new.id
            """,
            [list(column) for column in columns],
        )


def _fail(provider: Provider, text: str, *, tell: bool) -> SyncResult:
    """Record why nothing was changed."""
    _note(provider, text, tell=tell)
    return SyncResult(failure=text)


def _note(provider: Provider, text: str, *, tell: bool) -> None:
    """Keep what staff should know of a provider's catalogue, and tell them when it is news."""
    text = text[:FAILURE_CHARACTERS_MAX]
    is_news = Provider.objects.filter(pk=provider.pk).exclude(sync_failure=text).update(sync_failure=text)
    if is_news and tell:
        tell_staff(f"Provider {provider}: look at its price list", text)


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]
