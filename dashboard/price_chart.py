"""The past of a rate as a line of steps. Pure: points in, coordinates out; nothing here is an amount anybody pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dashboard.update_lines import Line

WIDTH, HEIGHT = 1000, 200
MARGIN = 12  # above the highest step and below the lowest


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing WIDTH wide and HEIGHT high, and what stands at its edges."""

    line: str
    area: str
    low: Decimal
    high: Decimal
    since: datetime
    width: int = WIDTH
    height: int = HEIGHT


def draw_rates(lines: Sequence[Line], *, now: datetime) -> Chart | None:
    """Draw how a rate changed until now; None when it never did.

    :param lines: changes of one rate, newest first.
    """
    steps = [(line.at, line.new) for line in reversed(lines) if line.new is not None]
    oldest = lines[-1] if lines else None
    if oldest is not None and oldest.old is not None:
        steps.insert(0, (oldest.at, oldest.old))
    rates = [rate for _, rate in steps]
    if not rates or min(rates) == max(rates):
        return None
    since, low, high = steps[0][0], min(rates), max(rates)

    def across(at: datetime) -> int:
        return round(WIDTH * (at - since) / max(now - since, datetime.resolution))

    def down(rate: Decimal) -> int:
        return round(MARGIN + (HEIGHT - 2 * MARGIN) * (high - rate) / (high - low))

    path = [f"M0 {down(rates[0])}"]
    path += [f"H{across(at)}V{down(rate)}" for at, rate in steps[1:]]
    line = "".join([*path, f"H{WIDTH}"])
    return Chart(line=line, area=f"{line}V{HEIGHT}H0Z", low=low, high=high, since=since)
