"""Charts: what `static/dashboard/charts.js` draws, and the same figures as a table for whoever cannot see them.

A page that has one loads Chart.js and charts.js in its head and includes `components/chart.html`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from panel.money import format_amount

Colour = Literal["accent", "success", "warning", "danger", "muted", "control"]


@dataclass(frozen=True, slots=True)
class Series:
    """One row of bars, or one line; `kind` names its colour among the theme's."""

    label: str
    values: Sequence[Decimal | int]
    kind: Colour = "accent"


@dataclass(frozen=True, slots=True)
class Chart:
    """Series over the same labels. A `unit` is a currency: its values are shown with decimals, others whole."""

    labels: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    type: Literal["bar", "line"] = "bar"
    stacked: bool = False

    @property
    def data(self) -> dict[str, Any]:
        """Return what the script reads. Amounts go as texts: JSON would make them floats before anybody looked."""
        return {
            "type": self.type,
            "labels": list(self.labels),
            "series": [
                {"label": series.label, "values": [_text(value) for value in series.values], "kind": series.kind}
                for series in self.series
            ],
            "unit": self.unit,
            "stacked": self.stacked,
        }

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """Return the table: a label and its values."""
        columns = [[_text(value) for value in series.values] for series in self.series]
        return [(label, list(values)) for label, *values in zip(self.labels, *columns, strict=True)]


def _text(value: Decimal | int) -> str:
    return format_amount(value) if isinstance(value, Decimal) else str(value)
