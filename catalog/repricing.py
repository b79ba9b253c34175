"""Raise or lower many prices by a percentage: first shown, then written exactly as they were shown."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.db import connection, transaction
from django.db.models import Prefetch, QuerySet

from catalog import writers
from catalog.errors import PricesMoved, PriceTooHigh
from catalog.markup import PER_CENT, loses, round_up
from catalog.models import Currency, Route, Service
from panel.money import ZERO
from providers.models import Provider


@dataclass(frozen=True, slots=True)
class NewPrice:
    """One service's price before and after; `cost` is in the base currency, None where nobody knows it."""

    service: Service
    old: Decimal
    new: Decimal
    cost: Decimal | None
    follows: bool  # its provider's price: the next sync would write it again, so it is left alone
    loses: bool

    @property
    def changes(self) -> bool:
        """Say whether there is something to write."""
        return not self.follows and self.new != self.old

    @property
    def margin(self) -> Decimal | None:
        """Return what is left of the new price after the cost, in percent of the price."""
        if self.cost is None or self.new == ZERO:
            return None
        return (self.new - self.cost) / self.new * PER_CENT


def work_out(services: QuerySet[Service], *, percent: Decimal, step: Decimal) -> list[NewPrice]:
    """Return what the services' prices would be, in the order of their ids; rounded up, as with markups.

    :raises PriceTooHigh: one would be more than the database can hold
    """
    usable = Route.objects.filter(is_active=True, gone_at=None).select_related("provider")
    rows = services.order_by("pk").prefetch_related(Prefetch("routes", usable.order_by("priority", "pk"), "usable"))
    currency_rates = dict(Currency.objects.values_list("code", "rate"))
    return [_work_out(service, percent=percent, step=step, currency_rates=currency_rates) for service in rows]


def _work_out(service: Service, *, percent: Decimal, step: Decimal, currency_rates: dict[str, Decimal]) -> NewPrice:
    try:
        new = round_up(Fraction(service.rate) * (PER_CENT + Fraction(percent)) / PER_CENT, step)
    except ValueError:
        raise PriceTooHigh(service.pk) from None
    routes: Sequence[Route] = getattr(service, "usable", ())
    route = routes[0] if routes else None
    worth = currency_rates.get(route.provider.currency) if route else None
    rule = service.price_rule or (route.provider.price_rule if route else "")
    return NewPrice(
        service=service,
        old=service.rate,
        new=new,
        cost=round_up(Fraction(route.feared_cost) / Fraction(worth)) if route and worth else None,
        follows=rule == Provider.PriceRule.FOLLOW,
        loses=bool(route and worth and loses(cost=route.feared_cost, rate=new, currency_rate=worth)),
    )


def seal(prices: Iterable[NewPrice]) -> str:
    """Name a list of prices: the same name again is the same services at the same prices, before and after."""
    lines = (f"{price.service.pk}:{price.old}:{price.new}" for price in prices if price.changes)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write(services: QuerySet[Service], *, percent: Decimal, step: Decimal, seen: str) -> list[NewPrice]:
    """Write the prices that were shown and return them.

    :param seen: the seal of what was shown.
    :raises PricesMoved: something else would be written than was shown; nothing is
    :raises PriceTooHigh: as above
    """
    with transaction.atomic():
        writers.lock_catalogue()
        list(services.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk"))
        prices = work_out(services, percent=percent, step=step)
        if seal(prices) != seen:
            raise PricesMoved
        changed = [price for price in prices if price.changes]
        _write(changed)
    return changed


def _write(prices: Sequence[NewPrice]) -> None:
    """Write prices in one statement. None at all would still count as a change of the catalogue."""
    if not prices:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE catalog_service SET rate = new.rate
            FROM unnest(%s::int[], %s::numeric[]) AS new (id, rate) WHERE catalog_service.id = new.id
            """,
            [[price.service.pk for price in prices], [price.new for price in prices]],
        )
