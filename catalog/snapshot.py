"""The catalogue in memory, exact for a version.

Every request reads the catalogue's version together with its key; a process keeps one copy and reads the
tables again only when the version has moved. A copy may be newer than the version it is asked for, never
older, so a price or a pause counts from the next request on.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from catalog import rates
from catalog.models import Currency, CustomRate, Discount, Route, Service
from panel.money import ZERO


class Offer(NamedTuple):
    """A service as everybody sees it; `rate` is in the base currency."""

    id: int
    name: str
    category: str
    type: str
    rate: Decimal
    min: int
    max: int
    refill: bool
    refill_days: int
    cancel: bool
    dripfeed: bool
    description: str
    average_minutes: int | None
    route_id: int  # where its orders go first, as far as the catalogue knows
    provider_id: int


@dataclass(frozen=True)
class Snapshot:
    """The catalogue at one version: active services in display order, and everybody's prices."""

    version: int
    offers: Mapping[int, Offer]
    currencies: Mapping[str, Decimal]
    custom_rates: Mapping[int, Mapping[int, Decimal]]
    discounts: Mapping[int, Decimal]
    # What callers derive from this version and want to keep with it, newest last; dies with the version.
    derived: "OrderedDict[tuple[object, ...], bytes]" = field(default_factory=OrderedDict)

    def rate_for(self, offer: Offer, *, customer_id: int, currency: str) -> Decimal:
        """Return what a customer pays per 1000 (packages: once), in the wallet's currency."""
        return rates.customer_rate(
            rate=offer.rate,
            custom_rate=self.custom_rates.get(customer_id, {}).get(offer.id),
            discount_percent=self.discounts.get(customer_id, ZERO),
            currency_rate=self.currencies[currency],
        )

    def has_own_prices(self, customer_id: int) -> bool:
        """Say whether a customer pays anything but the public rates."""
        return customer_id in self.custom_rates or customer_id in self.discounts


_current: Snapshot | None = None
_reading = threading.Lock()


def at_version(version: int) -> Snapshot:
    """Return the catalogue, at least as new as `version`."""
    snapshot = _current
    if snapshot is not None and snapshot.version >= version:
        return snapshot
    return _read(version)


def _read(version: int) -> Snapshot:
    global _current
    # One reader at a time: a price change must not send every thread for 5,000 services at once.
    with _reading:
        if _current is not None and _current.version >= version:
            return _current
        _current = read(version)
        return _current


def read(version: int) -> Snapshot:
    """Read the catalogue from its tables, to be kept under a version read before."""
    custom_rates: dict[int, dict[int, Decimal]] = {}
    for customer_id, service_id, rate in CustomRate.objects.values_list("customer_id", "service_id", "rate"):
        custom_rates.setdefault(customer_id, {})[service_id] = rate
    services = (
        Service.objects.filter(is_active=True)
        .order_by("category__position", "category_id", "position", "id")
        .values_list(
            "id",
            "name",
            "category__name",
            "type",
            "rate",
            "min",
            "max",
            "refill",
            "refill_days",
            "cancel",
            "dripfeed",
            "description",
            "average_minutes",
        )
    )
    # What no provider delivers is not on sale.
    first_routes = {
        service_id: (route_id, provider_id)
        for service_id, route_id, provider_id in Route.objects.filter(is_active=True, gone_at=None)
        .order_by("-priority", "-id")
        .values_list("service_id", "id", "provider_id")
    }
    return Snapshot(
        version=version,
        offers={row[0]: Offer(*row, *first_routes[row[0]]) for row in services if row[0] in first_routes},
        currencies=dict(Currency.objects.values_list("code", "rate")),
        custom_rates=custom_rates,
        discounts=dict(Discount.objects.values_list("customer_id", "percent")),
    )
