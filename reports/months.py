"""Months of figures: the days of each, added up, so that a report over years reads few rows.

A month is complete once the panel has a row of it. From then on a trigger (`migrations/0004_months.py`) adds to it what
is added to its days, so that months and days always say the same, however late something is posted, and whatever
release of this program folds. Months that have days but no rows yet, new ones and those from before there were months,
are added up one by one in the background; a reader takes their days until then.
"""

import calendar
from collections.abc import Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from reports.models import DayFigure
from reports.sources import FIGURES, FIGURES_SUMMED

_MONTH = "date_trunc('month', day::timestamp)::date"
COMPLETE = "SELECT month FROM reports_monthfigure WHERE kind = 'panel'"

_NEWEST_INCOMPLETE = f"""
SELECT max({_MONTH}) FROM reports_dayfigure WHERE kind = 'panel' AND {_MONTH} NOT IN ({COMPLETE})
"""
_ADD_UP = f"""
INSERT INTO reports_monthfigure (kind, subject_id, month, {", ".join(FIGURES)})
SELECT kind, subject_id, %(month)s::date, {FIGURES_SUMMED} FROM reports_dayfigure
WHERE kind IN ({", ".join(f"'{kind}'" for kind in DayFigure.Kind.values)})
    AND day BETWEEN %(month)s::date AND %(last)s::date
GROUP BY 1, 2
"""

Days = tuple[date, date]  # from and to, both included


@dataclass(frozen=True, slots=True)
class Spans:
    """What adds up to a period: months, days beside them, and days that are too much in the months."""

    months: list[date]
    added: list[Days]
    taken_off: list[Days]


def add_up_next(cursor: Any) -> bool:
    """Add up the newest month that is not complete; say whether there was one. The caller keeps others from folding."""
    cursor.execute(_NEWEST_INCOMPLETE)
    (month,) = cursor.fetchone()
    if month is None:
        return False
    cursor.execute(_ADD_UP, {"month": month, "last": _last_of(month)})
    return True


def split(*, since: date, until: date, complete: Set[date], today: date) -> Spans:
    """Choose what to read for a period, so that few rows add up to it. Pure.

    A month that is in it for the larger part is read as a month, less the days that are outside; days after `today`
    cost nothing, as there are none.
    """
    spans = Spans([], [], [])
    month = since.replace(day=1)
    while month <= until:
        last = _last_of(month)
        inside = (max(since, month), min(until, last))
        outside = [(month, inside[0] - timedelta(days=1)), (inside[1] + timedelta(days=1), last)]
        if month in complete and sum(_count(days, today) for days in outside) < _count(inside, today):
            spans.months.append(month)
            spans.taken_off.extend(days for days in outside if days[0] <= days[1])
        elif spans.added and spans.added[-1][1] + timedelta(days=1) == inside[0]:
            spans.added[-1] = (spans.added[-1][0], inside[1])
        else:
            spans.added.append(inside)
        month = last + timedelta(days=1)
    return spans


def _last_of(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def _count(days: Days, today: date) -> int:
    return max((min(days[1], today) - days[0]).days + 1, 0)
