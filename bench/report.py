"""The table, for the terminal and for docs/performance.md, where it stands between two markers."""

from collections.abc import Collection, Mapping
from pathlib import Path

from bench.measuring import CONNECTIONS, LINES, Line, Results

BEGIN = "<!-- measured by `make bench`: begin -->"
END = "<!-- measured by `make bench`: end -->"
REACHED, MISSED = "✓", "✗"


def table(results: Results) -> str:
    """Return all lines as a Markdown table that can be read as it is."""
    titles = ["", "held against"]
    for connections in CONNECTIONS:
        titles += [f"req/s at {connections}", "p50 ms", "p99 ms", "of it"]
    titles.append("towards")
    rows = [titles]
    for line in LINES:
        row = [line.title, _ceiling_title(line)]
        for connections in CONNECTIONS:
            outcome = results.outcomes[line.name, connections]
            ratio = results.ratio(line, connections)
            row += [
                f"{outcome.per_second:,.0f}",
                f"{outcome.percentile(50):.2f}",
                f"{outcome.percentile(99):.2f}",
                "" if ratio is None else f"{ratio:.0%}",
            ]
        row.append(", ".join(_judgements(line, results)))
        rows.append(row)
    return aligned(rows)


def _ceiling_title(line: Line) -> str:
    return next((other.title for other in LINES if other.name == line.ceiling), "")


def _judgements(line: Line, results: Results) -> list[str]:
    """Say what a line should reach and whether it did, at every number of connections or at the highest."""
    judgements = []
    busiest = max(CONNECTIONS)
    if line.ratio_target is not None:
        ratios = [results.ratio(line, connections) or 0.0 for connections in CONNECTIONS]
        judgements.append(f"{_mark(min(ratios) >= line.ratio_target)} {line.ratio_target:.0%}")
    if line.per_second_target is not None:
        reached = results.outcomes[line.name, busiest].per_second >= line.per_second_target
        judgements.append(f"{_mark(reached)} {line.per_second_target}/s")
    if line.p99_max_ms is not None:
        reached = results.outcomes[line.name, busiest].percentile(99) <= line.p99_max_ms
        judgements.append(f"{_mark(reached)} p99 ≤ {line.p99_max_ms:.0f} ms")
    return judgements


def _mark(reached: bool) -> str:
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


def write(document: Path, text: str, *, begin: str = BEGIN, end: str = END) -> None:
    """Put the text between two of the document's markers; the prose around them is a person's and stays."""
    before, _, rest = document.read_text().partition(begin)
    after = rest.partition(end)[2]
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
