"""The table, for the terminal and for docs/reliability.md, where it stands between two markers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from chaos.figures import Row

BEGIN = "<!-- measured by `make chaos`: begin -->"
END = "<!-- measured by `make chaos`: end -->"


def table(rows: Sequence[Row]) -> str:
    """Return all lines as a Markdown table that can be read as it is."""
    cells = [["promise", "what", "target", "measured", "verdict", "of it"]]
    cells += [[row.promise, row.what, row.target, row.measured, row.verdict, row.remark] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells]
    rule = "|".join("-" * (width + 2) for width in widths)
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def facts_list(facts: Mapping[str, str]) -> str:
    """Return facts as a Markdown list."""
    return "\n".join(f"* {name}: {value}" for name, value in facts.items())


def write(document: Path, text: str) -> None:
    """Put the text between the document's markers; the prose around them is a person's and stays."""
    before, _, rest = document.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
