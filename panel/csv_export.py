"""Lists as CSV files, streamed, whose cells stay text in spreadsheets."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

# Spreadsheets take a cell that begins with one of these for a formula, and a customer's link may begin with anything.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
ROWS_AT_ONCE = 200  # sent together: a line at a time would be a packet each


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text


def stream_csv(*, filename: str, header: Sequence[object], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Answer with rows as they are read, so that any number of them needs no memory.

    :param filename: plain letters, digits and dashes, with `.csv`
    :param rows: texts, numbers, or None for an empty cell; read after the view has returned
    """
    return StreamingHttpResponse(
        _write(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def neutralise(cell: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run; numbers of ours stay numbers."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell


def _write(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    waiting = [writer.writerow(header)]
    for row in rows:
        waiting.append(writer.writerow([neutralise(cell) for cell in row]))
        if len(waiting) >= ROWS_AT_ONCE:
            yield "".join(waiting)
            waiting.clear()
    yield "".join(waiting)
