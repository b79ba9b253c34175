"""Tables for an operator's terminal."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.timezone import localtime

CELL_CHARACTERS_MAX = 60


def format_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, cell_max: int = CELL_CHARACTERS_MAX
) -> str:
    """Align rows under their headings, numbers to the right; what does not fit a cell is cut."""
    cells = [[_cut(_say(value), cell_max) for value in row] for row in rows]
    columns = list(zip(headings, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    to_right = [
        bool(rows) and all(row[number] is None or isinstance(row[number], int | Decimal) for row in rows)
        for number in range(len(headings))
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in [list(headings), *cells]
    ]
    return "\n".join(lines)


def one_line(text: str) -> str:
    """Make one harmless line of text that others wrote: a terminal obeys control characters."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join(shown.split())


def _say(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{localtime(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return one_line(str(value))


def _cut(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"
