"""Figures for the terminal and for docs/performance.md, where they stand between two markers."""

from collections.abc import Collection, Mapping
from pathlib import Path

REACHED, MISSED = "✓", "✗"


def mark(reached: bool) -> str:
    """Say whether a figure is where it should be."""
    return REACHED if reached else MISSED


def aligned(rows: list[list[str]], *, texts: Collection[int] | None = None) -> str:
    """Pad a table's cells: text to the left, numbers to the right.

    :param texts: the columns of text; without it the first two and the last.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    texts = (0, 1, len(widths) - 1) if texts is None else texts
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|".join(
        "-" * (width + 2) if column in texts else "-" * (width + 1) + ":" for column, width in enumerate(widths)
    )
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def facts_list(facts: Mapping[str, str]) -> str:
    """Return facts as a Markdown list."""
    return "\n".join(f"* {name}: {value}" for name, value in facts.items())


def write(document: Path, text: str, *, begin: str, end: str) -> None:
    """Put the text between two of the document's markers; the prose around them is a person's and stays."""
    before, _, rest = document.read_text().partition(begin)
    after = rest.partition(end)[2]
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
