"""Rows of a list that follow what happens: the page asks about those that may still change and gets those that did.

It names each with a sign of what it shows, so that nothing is drawn or sent again that is shown already.
"""

import zlib
from collections.abc import Iterable, Mapping

WATCHED_ROWS_MAX = 100  # more than any list shows


def sign(*shown: object) -> str:
    """Return a few letters that differ when what is shown does."""
    return format(zlib.crc32(repr(shown).encode()), "x")


def write(signs: Mapping[int, str]) -> str:
    """Write down which rows a page shows, for its next question."""
    return ",".join(f"{number}-{sign}" for number, sign in signs.items())


def read(text: str) -> dict[int, str]:
    """Read what `write` wrote; what makes no sense in an address is left out."""
    return dict(_parts(text.split(",")[:WATCHED_ROWS_MAX]))


def _parts(words: Iterable[str]) -> Iterable[tuple[int, str]]:
    for word in words:
        number, _, sign = word.partition("-")
        if number.isascii() and number.isdecimal() and int(number) < 2**31:
            yield int(number), sign
