"""Tables of what belongs to an object, under its own fields on the staff's pages."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.safestring import SafeString

FIGURE = re.compile(r"[+\-−]?[\d,]+(\.\d+)?( ?%| [A-Z]{3})?")


class Fact(NamedTuple):
    """A table of what belongs to an object; cells are escaped unless they are links made by `link_to`."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    more: SafeString | str = ""

    def draw(self) -> tuple[list[tuple[str, str]], list[list[tuple[object, str]]]]:
        """Return the headings and the rows, each cell with the class of its column; without columns that are empty."""
        columns = [[row[number] for row in self.rows] for number in range(len(self.headings))]
        kinds = [(number, _kind_of(cells)) for number, cells in enumerate(columns) if not _is_empty(cells)]
        heads = [(self.headings[number], kind) for number, kind in kinds]
        return heads, [[(row[number], kind) for number, kind in kinds] for row in self.rows]


def _is_empty(cells: Sequence[object]) -> bool:
    return all(cell is None or cell == "" for cell in cells)


def _kind_of(cells: Iterable[object]) -> str:
    """Say by its cells whether a column is of figures or of times; empty: neither."""
    said = [cell for cell in cells if cell not in (None, "")]
    if said and all(isinstance(cell, datetime) for cell in said):
        return "fact-time"
    is_figures = all(
        (isinstance(cell, Decimal | int) and not isinstance(cell, bool)) or FIGURE.fullmatch(str(cell)) for cell in said
    )
    return "fact-number" if said and is_figures else ""
