"""How long orders took: counted by steps of a tenth, so that days can be added up and a percentile be read.

A percentile is in the middle of its step, at most five percent off. What came in the last seconds is not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.db.models import Sum

from reports.figures import TAIL_IDS_MAX
from reports.gaps import find_gap as find_gap_after
from reports.models import DayFigure, DayPace
from reports.sources import PACE_SOURCE

STEP = 1.1  # sources.py says the same in SQL

_POSITION = f"""
SELECT coalesce((SELECT folded FROM reports_foldcursor WHERE source = '{PACE_SOURCE.name}'), 0),
    coalesce((SELECT max(id) FROM {PACE_SOURCE.table}), 0)
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many orders, and within which time one half of them, and nine of ten."""

    orders: int = 0
    p50: timedelta | None = None
    p90: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Paces:
    """How long the orders of one service or provider took to begin and to end."""

    start: Pace = Pace()
    finish: Pace = Pace()


def list_paces(kind: DayFigure.Kind, *, since: date, until: date) -> dict[int, Paces]:
    """Return the times of a period by service or provider."""
    counted = (
        DayPace.objects.filter(kind=kind, day__range=(since, until))
        .values_list("subject_id", "measure", "step")
        .annotate(n=Sum("orders"))
        .order_by("step")
    )
    steps: dict[int, dict[str, list[tuple[int, int]]]] = {}
    for subject_id, measure, step, orders in counted:
        steps.setdefault(subject_id, {}).setdefault(measure, []).append((step, orders))
    return {
        subject_id: Paces(**{measure: measure_pace(found) for measure, found in by_measure.items()})
        for subject_id, by_measure in steps.items()
    }


def list_panel_paces(*, since: date, until: date) -> Paces:
    """Return the times of all services together."""
    counted = (
        DayPace.objects.filter(kind=DayFigure.Kind.SERVICE, day__range=(since, until))
        .values_list("measure", "step")
        .annotate(n=Sum("orders"))
        .order_by("step")
    )
    steps: dict[str, list[tuple[int, int]]] = {}
    for measure, step, orders in counted:
        steps.setdefault(measure, []).append((step, orders))
    return Paces(**{measure: measure_pace(found) for measure, found in steps.items()})


def find_gap(*, until: date) -> datetime | None:
    """Return from when on times are missing, where that is within the period and more than the usual minute."""
    with connection.cursor() as cursor:
        cursor.execute(_POSITION)
        folded, newest = cursor.fetchone()
    gap_at = find_gap_after({PACE_SOURCE: folded}) if newest - folded > TAIL_IDS_MAX else None
    return gap_at if gap_at is not None and gap_at.astimezone(UTC).date() <= until else None


def measure_pace(steps: Sequence[tuple[int, int]]) -> Pace:
    """Read percentiles from counts by step, the lowest step first. Pure."""
    total = sum(orders for _, orders in steps)
    return Pace(total, _percentile(steps, total * 50), _percentile(steps, total * 90)) if total else Pace()


def _percentile(steps: Sequence[tuple[int, int]], hundredths: int) -> timedelta:
    """Return the time within which that many hundredths of an order were done."""
    seen, reached = 0, 0
    for step, orders in steps:
        seen, reached = seen + orders, step
        if seen * 100 >= hundredths:
            break
    return timedelta(seconds=round(STEP ** (reached + 0.5), 3))
