"""The table of what the API costs."""

from bench.markdown import aligned, mark
from bench.measuring import CONNECTIONS, LINES, Line, Results

BEGIN = "<!-- measured by `make bench`: begin -->"
END = "<!-- measured by `make bench`: end -->"


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
        judgements.append(f"{mark(min(ratios) >= line.ratio_target)} {line.ratio_target:.0%}")
    if line.per_second_target is not None:
        reached = results.outcomes[line.name, busiest].per_second >= line.per_second_target
        judgements.append(f"{mark(reached)} {line.per_second_target}/s")
    if line.p99_max_ms is not None:
        reached = results.outcomes[line.name, busiest].percentile(99) <= line.p99_max_ms
        judgements.append(f"{mark(reached)} p99 ≤ {line.p99_max_ms:.0f} ms")
    return judgements
