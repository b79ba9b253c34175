"""The catalogue as one visitor sees it: their prices, their currency, what they search for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from django.conf import settings
from django.utils import translation

from catalog import favourites, snapshot
from catalog.models import CatalogVersion
from catalog.snapshot import Offer, Snapshot
from catalog.types import TYPES
from dashboard.words import type_word_for
from orders.placement import Buyer

ONE = Decimal(1)
ID_MAX_DIGITS = 10  # longer than any id


@dataclass(frozen=True, slots=True)
class Price:
    """A service with the rate this visitor pays."""

    offer: Offer
    rate: Decimal
    is_flat: bool  # the rate once, instead of per 1000


@dataclass(frozen=True, slots=True)
class _Entry:
    """A service with the text it is found by, in lower case."""

    offer: Offer
    id: str
    text: str


# Who types waits for the answer to every letter, so what is searched through is made once for a catalogue.
_index: tuple[Snapshot, Sequence[_Entry]] | None = None


def read_catalogue(buyer: Buyer | None) -> Snapshot:
    """Return the catalogue; a buyer already knows its version."""
    version = buyer.catalog_version if buyer else CatalogVersion.objects.get(pk=1).version
    return snapshot.at_version(version)


def currency_for(buyer: Buyer | None) -> str:
    """Return the currency in which a visitor reads prices."""
    return buyer.currency if buyer else settings.BASE_CURRENCY


def currency_rate_for(buyer: Buyer | None, *, catalogue: Snapshot) -> Decimal:
    """Return how many units of that currency one unit of the base currency buys."""
    return catalogue.currencies[buyer.currency] if buyer else ONE


def price_of(offer: Offer, *, catalogue: Snapshot, buyer: Buyer | None) -> Price:
    """Price one service for a visitor: customers see theirs, everybody else the public rate."""
    rate = catalogue.rate_for(offer, customer_id=buyer.user_id, currency=buyer.currency) if buyer else offer.rate
    return Price(offer, rate, TYPES[offer.type].flat_rate)


def find_offer(catalogue: Snapshot, text: str) -> Offer | None:
    """Return the service with the id somebody sent; None when there is none on sale, or the id makes no sense."""
    return catalogue.offers.get(int(text)) if is_id(text) else None


def is_id(text: str) -> bool:
    """Say whether a text can be the id of anything; int() would also take what is no plain number."""
    return text.isascii() and text.isdecimal() and len(text) <= ID_MAX_DIGITS


def find_offers(
    catalogue: Snapshot, search: str, *, category: str = "", among: Collection[int] | None = None
) -> list[Offer]:
    """Return the services that contain every word searched for, or have the id, in display order.

    :param search: `#1042` is this id and no other; `104` also finds ids that begin so.
    :param among: only these ids.
    """
    words = search.lower().split()
    return [
        entry.offer
        for entry in _read_index(catalogue)
        if (not category or entry.offer.category == category)
        and (among is None or entry.offer.id in among)
        and _matches(entry, words)
    ]


def rank_offers(offers: Sequence[Offer], search: str, *, first: Collection[int]) -> list[Offer]:
    """Put what was probably meant on top: the id itself, then the favourites, then matching names."""
    words = search.lower().split()
    number = words[0].removeprefix("#") if words else ""

    def rank(offer: Offer) -> tuple[bool, bool, bool]:
        name = offer.name.lower()
        return str(offer.id) != number, offer.id not in first, not all(word in name for word in words)

    return sorted(offers, key=rank)


def list_categories(catalogue: Snapshot) -> Sequence[str]:
    """Return the names of the categories that have services, in display order."""
    return list(dict.fromkeys(offer.category for offer in catalogue.offers.values()))


def list_favourites(user_id: int | None) -> frozenset[int]:
    """Return the ids of a visitor's favourites, none of a stranger's."""
    return favourites.list_favourites(user_id) if user_id is not None else frozenset()


def _read_index(catalogue: Snapshot) -> Sequence[_Entry]:
    global _index
    known = _index
    if known is None or known[0] is not catalogue:
        entries = [
            _Entry(offer, str(offer.id), f"{offer.category} {offer.name} {_type_text(offer.type)}".lower())
            for offer in catalogue.offers.values()
        ]
        known = _index = catalogue, entries
    return known[1]


@cache
def _type_text(service_type: str) -> str:
    """Return a type in every language, and as programs read it."""
    words = [service_type]
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words.append(type_word_for(service_type))
    return " ".join(dict.fromkeys(words))


def _matches(entry: _Entry, words: Sequence[str]) -> bool:
    if len(words) == 1:
        word = words[0]
        if word.startswith("#") and word[1:].isdecimal():
            return entry.id == word[1:]
        if entry.id.startswith(word):
            return True
    return all(word in entry.text for word in words)
