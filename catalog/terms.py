"""What we could sell of a provider's catalogue, and as what. Pure: a stranger wrote what comes in."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from catalog import markup
from catalog.errors import NotImportable
from catalog.types import TYPES
from providers.adapter import ProviderService

# The columns that keep them.
COUNT_MAX = 2**31 - 1
NAME_CHARACTERS_MAX = 255
CATEGORY_CHARACTERS_MAX = 200
ID_CHARACTERS_MAX = 50
TYPE_CHARACTERS_MAX = 40

# Panels write them with and without capitals, blanks, dashes and underscores.
_TYPE_BY_LETTERS = {re.sub(r"[\s_-]+", "", name).casefold(): name for name in TYPES}
# Marks that turn the reading direction round: a name with one could make the rest of a line lie.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a provider sells something; the cost has five decimals, rounded up."""

    type: str
    cost: Decimal
    min: int
    max: int
    refill: bool
    cancel: bool
    dripfeed: bool


@dataclass(frozen=True, slots=True)
class Label:
    """Under which name and heading a service is offered."""

    name: str
    category: str


def read_terms(entry: ProviderService) -> Terms:
    """Read on which terms something is sold.

    :raises NotImportable: the panel could not sell it
    """
    kind = read_type(entry.type)
    if kind is None:
        raise NotImportable(
            entry.id, f"services of the type “{clean(entry.type, TYPE_CHARACTERS_MAX)}” cannot be sold here"
        )
    if len(entry.id) > ID_CHARACTERS_MAX:
        raise NotImportable(entry.id, "its id is too long")
    if entry.cost < 0:
        raise NotImportable(entry.id, "its price is below zero")
    try:
        cost = markup.round_up(entry.cost)
    except ValueError:
        raise NotImportable(entry.id, "its price is too high to be written down") from None
    smallest, largest = max(entry.min, 1), min(entry.max, COUNT_MAX)
    if TYPES[kind].quantity == "one":
        smallest = largest = 1  # whatever is said, a package is ordered one at a time
    if smallest > largest:
        raise NotImportable(entry.id, f"it takes no quantity: {entry.min} to {entry.max}")
    return Terms(
        type=kind,
        cost=cost,
        min=smallest,
        max=largest,
        refill=entry.refill,
        cancel=entry.cancel,
        dripfeed=entry.dripfeed and TYPES[kind].dripfeed,
    )


def read_label(entry: ProviderService) -> Label:
    """Read how something is called.

    :raises NotImportable: it is not called anything
    """
    label = Label(clean(entry.name, NAME_CHARACTERS_MAX), clean(entry.category, CATEGORY_CHARACTERS_MAX))
    if not (label.name and label.category):
        raise NotImportable(entry.id, "it has no name or no category")
    return label


def read_type(text: str) -> str | None:
    """Find our name of a type; None for those that cannot be sold here."""
    return _TYPE_BY_LETTERS.get(re.sub(r"[\s_-]+", "", text).casefold())


def clean(text: str, characters_max: int) -> str:
    """Make one line of a stranger's text that databases take and that reads in one direction.

    Markup stays what it is, a text: pages escape it.
    """
    printable = "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text)
    return " ".join(_TURNING.sub("", printable).split())[:characters_max].strip()
