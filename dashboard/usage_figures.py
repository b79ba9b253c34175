"""Add up calls of the API for the usage page: per period, per action, and altogether. Pure arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext

from api_v2.inspection import Usage
from api_v2.models import Outcome
from dashboard.charts import Chart, Colour, Series

# Colours that say nothing of good or bad, for the busiest actions; what is left shares the last.
ACTION_COLOURS: tuple[Colour, ...] = ("accent", "muted", "success", "warning")


@dataclass(slots=True)
class Figures:
    """The calls of a period or of an action."""

    by_outcome: dict[str, int] = field(default_factory=dict)
    by_action: dict[str, int] = field(default_factory=dict)
    total_us: int = 0
    max_us: int = 0

    def add(self, usage: Usage) -> None:
        """Count in."""
        self.by_outcome[usage.outcome] = self.by_outcome.get(usage.outcome, 0) + usage.calls
        self.by_action[usage.action] = self.by_action.get(usage.action, 0) + usage.calls
        self.total_us += usage.total_us
        self.max_us = max(self.max_us, usage.max_us)

    @property
    def calls(self) -> int:
        """Return how many."""
        return sum(self.by_outcome.values())

    @property
    def errors(self) -> int:
        """Return how many were answered with an error."""
        return self.calls - self.by_outcome.get(Outcome.OK, 0)

    @property
    def average_us(self) -> int:
        """Return how long one took, on average."""
        return self.total_us // self.calls if self.calls else 0


def add_up(usages: Iterable[Usage]) -> Figures:
    """Return the figures of all together."""
    total = Figures()
    for usage in usages:
        total.add(usage)
    return total


def add_up_periods(usages: Iterable[Usage], *, periods: Iterable[datetime]) -> dict[datetime, Figures]:
    """Return the figures of each period, also of those without calls."""
    summed = {period: Figures() for period in periods}
    for usage in usages:
        if usage.period in summed:  # the clock may have struck between the question and the answer
            summed[usage.period].add(usage)
    return summed


def add_up_actions(usages: Iterable[Usage]) -> dict[str, Figures]:
    """Return the figures of each action, the busiest first."""
    summed: dict[str, Figures] = {}
    for usage in usages:
        summed.setdefault(usage.action, Figures()).add(usage)
    return dict(sorted(summed.items(), key=lambda item: (-item[1].calls, item[0])))


def draw_outcomes(periods: Sequence[Figures], *, labels: Sequence[str]) -> Chart:
    """Draw the calls of each period by how they ended."""
    series = [
        Series(gettext("Answered"), [figures.by_outcome.get(Outcome.OK, 0) for figures in periods]),
        Series(gettext("Refused"), [figures.by_outcome.get(Outcome.REFUSED, 0) for figures in periods], kind="warning"),
    ]
    failed = [figures.by_outcome.get(Outcome.FAILED, 0) for figures in periods]
    if any(failed):
        series.append(Series(gettext("Failed"), failed, kind="danger"))
    return Chart(labels, series, stacked=True)


def draw_actions(periods: Sequence[Figures], *, labels: Sequence[str], actions: Sequence[str]) -> Chart:
    """Draw the calls of each period by action.

    :param actions: the busiest first.
    """
    named = actions[: len(ACTION_COLOURS)]
    series = [
        Series(
            action or gettext("Unknown action"), [figures.by_action.get(action, 0) for figures in periods], kind=kind
        )
        for action, kind in zip(named, ACTION_COLOURS, strict=False)
    ]
    if len(actions) > len(named):
        rest = [figures.calls - sum(figures.by_action.get(action, 0) for action in named) for figures in periods]
        series.append(Series(gettext("Other actions"), rest, kind="control"))
    return Chart(labels, series, stacked=True)
