"""The catalogue as one visitor sees it: their prices, their currency, what they search for."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from catalog import snapshot
from catalog.models import CatalogVersion
from catalog.snapshot import Offer, Snapshot
from catalog.types import TYPES
from orders.placement import Buyer


@dataclass(frozen=True, slots=True)
class Price:
    """A service with the rate this visitor pays."""

    offer: Offer
    rate: Decimal
    is_flat: bool  # the rate once, instead of per 1000


def read_catalogue(buyer: Buyer | None) -> Snapshot:
    """Return the catalogue; a buyer already knows its version."""
    version = buyer.catalog_version if buyer else CatalogVersion.objects.get(pk=1).version
    return snapshot.at_version(version)


def currency_for(buyer: Buyer | None) -> str:
    """Return the currency in which a visitor reads prices."""
    return buyer.currency if buyer else settings.BASE_CURRENCY


def price_of(offer: Offer, *, catalogue: Snapshot, buyer: Buyer | None) -> Price:
    """Price one service for a visitor: customers see theirs, everybody else the public rate."""
    rate = catalogue.rate_for(offer, customer_id=buyer.user_id, currency=buyer.currency) if buyer else offer.rate
    return Price(offer, rate, TYPES[offer.type].flat_rate)


def find_offers(catalogue: Snapshot, search: str) -> Sequence[Offer]:
    """Return the services that contain every word searched for, or have the id."""
    words = search.lower().split()
    return [offer for offer in catalogue.offers.values() if _matches(offer, words)]


def list_categories(catalogue: Snapshot) -> Sequence[str]:
    """Return the names of the categories that have services, in display order."""
    return list(dict.fromkeys(offer.category for offer in catalogue.offers.values()))


def _matches(offer: Offer, words: Sequence[str]) -> bool:
    if words and words[0].removeprefix("#") == str(offer.id):
        return True
    text = f"{offer.category} {offer.name} {offer.type}".lower()
    return all(word in text for word in words)
