"""Reads `service|link|quantity` lines, pasted or written by spreadsheets. Pure: no queries, no clock."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from orders.models import LINK_MAX_CHARACTERS
from orders.placement import Draft

SEPARATORS = "|\t;,"
DIGITS_MAX = 10  # more is neither an id nor a quantity, and no text to make a number of
COLUMNS = 3
SHOWN_CHARACTERS = 40
# What spreadsheets and other panels call the columns.
HEADS = {
    "service": ("service", "service id", "service_id", "id"),
    "link": ("link", "url", "address"),
    "quantity": ("quantity", "qty", "amount"),
}
_LINES = re.compile(r"\r\n|\r|\n")
_SEPARATOR = re.compile(f"[{re.escape(SEPARATORS)}]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not empty: the draft it asks for, or what is wrong with how it is written."""

    number: int
    text: str
    draft: Draft | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line of a table: how it separates, and where each column is."""

    separator: str
    service: int
    link: int
    quantity: int


def read_lines(text: str) -> list[Line]:
    """Read every line that is not empty; numbers count all lines, as editors do.

    A first line that names the columns may put them in another order. Without it the first cell is the service, the
    last one the quantity, and whatever is between them the link, which may contain separators.
    """
    lines: list[Line] = []
    head: _Head | None = None
    is_first = True
    for number, raw in enumerate(_LINES.split(text), start=1):
        stripped = raw.strip()
        if not stripped.strip(SEPARATORS + ' "'):
            continue
        if is_first:
            is_first = False
            head = _read_head(stripped)
            if head is not None:
                continue
        lines.append(_read_line(number, stripped, head))
    return lines


def _read_head(text: str) -> _Head | None:
    found = _SEPARATOR.search(text)
    if found is None:
        return None
    cells = [cell.lower() for cell in _split(text, found[0])]
    places = {name: next((cells.index(word) for word in words if word in cells), -1) for name, words in HEADS.items()}
    return _Head(found[0], **places) if min(places.values()) >= 0 else None


def _read_line(number: int, text: str, head: _Head | None) -> Line:
    found = _SEPARATOR.search(text)
    if found is None:
        return Line(number, text, problem=gettext("Write three parts: service|link|quantity."))
    cells = _split(text, head.separator if head else found[0])
    if head is not None:
        wanted = (head.service, head.link, head.quantity)
        parts = [cells[place] if place < len(cells) else "" for place in wanted]
    else:
        while len(cells) > COLUMNS and not cells[-1]:  # spreadsheets write empty columns
            cells.pop()
        if len(cells) < COLUMNS:
            return Line(number, text, problem=gettext("Write three parts: service|link|quantity."))
        parts = [cells[0], found[0].join(cells[1:-1]), cells[-1]]
    return _check(number, text, *parts)


def _split(text: str, separator: str) -> list[str]:
    if '"' in text:
        try:
            return [cell.strip() for cell in next(csv.reader([text], delimiter=separator))]
        except csv.Error:
            pass  # a cell longer than the reader takes; the plain split below says what is wrong with it
    return [cell.strip() for cell in text.split(separator)]


def _check(number: int, text: str, service: str, link: str, quantity: str) -> Line:
    problem = ""
    service = service.removeprefix("#")
    if not _is_number(service):
        problem = gettext("“%(text)s” is no service ID.") % {"text": _shorten(service)}
    elif not link:
        problem = gettext("The link is missing.")
    elif len(link) > LINK_MAX_CHARACTERS:
        problem = gettext("The link is too long: at most %(most)d characters.") % {"most": LINK_MAX_CHARACTERS}
    elif not quantity:
        problem = gettext("The quantity is missing.")
    elif not _is_number(quantity):
        problem = gettext("“%(text)s” is no quantity. Write a whole number without separators, like 1000.") % {
            "text": _shorten(quantity)
        }
    if problem:
        return Line(number, text, problem=problem)
    return Line(number, text, draft=Draft(service_id=int(service), link=link, quantity=int(quantity)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX


def _shorten(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def drafts_of(lines: Sequence[Line]) -> list[tuple[int, Draft]]:
    """Return what is written properly, with its line's number."""
    return [(line.number, line.draft) for line in lines if line.draft is not None]
