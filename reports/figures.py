"""Questions about what the business brought: folded days, and what came since, from one moment."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from panel.money import ZERO
from reports import gaps, months, past
from reports.models import DayFigure
from reports.sources import FIGURE_SOURCES, FIGURES, FIGURES_SUMMED, Source, sum_up

# A reader adds up no more ids than this of each table. There are more only while workers catch up.
TAIL_IDS_MAX = 50_000
TOP_MAX = 500  # lines of a page; a file has all


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums in the base currency; `refunded` is out of `charged`, `returned` out of `cost`."""

    orders: int = 0
    charged: Decimal = ZERO
    refunded: Decimal = ZERO
    deposited: Decimal = ZERO
    other: Decimal = ZERO
    cost: Decimal = ZERO
    returned: Decimal = ZERO

    @property
    def revenue(self) -> Decimal:
        """Return what customers paid in the end."""
        return self.charged - self.refunded

    @property
    def net_cost(self) -> Decimal:
        """Return what providers kept."""
        return self.cost - self.returned

    @property
    def profit(self) -> Decimal:
        """Return what is left."""
        return self.revenue - self.net_cost

    @property
    def margin_percent(self) -> Decimal | None:
        """Return the profit's share of the revenue, to a tenth; None without revenue."""
        return _percent(self.profit, self.revenue)

    @property
    def refund_percent(self) -> Decimal | None:
        """Return the refunds' share of what was charged, to a tenth; None where nothing was."""
        return _percent(self.refunded, self.charged)

    def __add__(self, more: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(more, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Days:
    """Days without a gap, oldest first; what was posted from `gap_at` on is not all in them yet."""

    days: Mapping[date, Figures]
    gap_at: datetime | None = None

    @property
    def total(self) -> Figures:
        """Return all days together."""
        return sum(self.days.values(), Figures())

    @property
    def is_behind(self) -> bool:
        """Say whether something is missing."""
        return self.gap_at is not None


@dataclass(frozen=True, slots=True)
class Subjects:
    """Figures of a period by service, provider or customer, the highest profit first; `gap_at` as of `Days`."""

    subjects: Mapping[int, Figures]
    gap_at: datetime | None = None


_SUBJECT = "subject_id"
_FOLDED = "SELECT coalesce(jsonb_object_agg(source, folded), jsonb_build_object()) AS folded FROM reports_foldcursor"
_NEWEST = ", ".join(f"(SELECT coalesce(max(id), 0) FROM {source.table})" for source in FIGURE_SOURCES)
_POSITION = f"""
SELECT ({_FOLDED}), (SELECT candidate FROM reports_foldcursor WHERE source = '{past.SOURCE}'), ARRAY({months.COMPLETE}),
    {_NEWEST}
"""
# One row at least, so that it always says what the days contained while they were read.
_READ = f"""
SELECT position.folded, parts.* FROM ({_FOLDED}) position
LEFT JOIN (SELECT {{by}}, {FIGURES_SUMMED} FROM ({{parts}}) part GROUP BY 1) parts ON true
"""


@dataclass(frozen=True, slots=True)
class _Position:
    """Where things stand: what is folded, the last attempt of the past, complete months, the newest ids."""

    folded: Mapping[str, int]
    past: int | None
    months: Set[date]
    newest: Sequence[int]


def list_days(*, since: date, until: date) -> Days:
    """Return the panel's days, both ends included."""
    rows, gap_at = _read(DayFigure.Kind.PANEL, by="day", since=since, until=until)
    found: dict[date, Figures] = dict(rows)
    wanted = (since + timedelta(days=number) for number in range((until - since).days + 1))
    return Days({day: found.get(day) or Figures() for day in wanted}, gap_at)


def list_subjects(kind: DayFigure.Kind, *, since: date, until: date) -> Subjects:
    """Return a period by service, provider or customer: whoever has figures in it."""
    rows, gap_at = _read(kind, by=_SUBJECT, since=since, until=until)
    # Who had some in a month, but outside of the period, comes to nothing.
    rows = [row for row in rows if row[1] != Figures()]
    rows.sort(key=lambda row: (-row[1].profit, row[0]))
    return Subjects(dict(rows), gap_at)


def today() -> date:
    """Return the present day in UTC."""
    return datetime.now(UTC).date()


def _read(
    kind: DayFigure.Kind, *, by: str, since: date, until: date
) -> tuple[list[tuple[Any, Figures]], datetime | None]:
    """Add up folded months and days and what came since, and say from when on something is missing.

    Where that begins is read first, so that the planner knows how little it is. When somebody folds in between, the
    days say so and all is read again.
    """
    period: dict[str, Any] = {"since": since, "until": until, "base": settings.BASE_CURRENCY}
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_POSITION)
            folded, last_of_past, complete, *newest = cursor.fetchone()
            position = _Position(_parse(folded), last_of_past, set(complete), newest)
            folded_parts, spans = _spell_folded(kind, by=by, since=since, until=until, position=position)
            tail_parts, ranges, behind = _spell_tail(kind, by=by, position=position)
            parts = " UNION ALL ".join([*folded_parts, *tail_parts])
            cursor.execute(_READ.format(by=by, parts=parts), period | spans | ranges)
            rows = cursor.fetchall()
            if _parse(rows[0][0]) == position.folded:
                break
    gap_at = _find_gap(position, behind, until=until)
    return [(key, Figures(int(orders), *sums)) for _, key, orders, *sums in rows if key is not None], gap_at


def _spell_folded(
    kind: DayFigure.Kind, *, by: str, since: date, until: date, position: _Position
) -> tuple[list[str], dict[str, Any]]:
    """Spell what reads folded rows, and its days."""
    complete: Set[date] = position.months if by == _SUBJECT else frozenset()
    spans = months.split(since=since, until=until, complete=complete, today=today())
    parts: list[str] = []
    parameters: dict[str, Any] = {}
    if spans.months:
        parts.append(_spell_part(kind, by=by, table="reports_monthfigure", where="month = ANY(%(months)s::date[])"))
        parameters["months"] = spans.months
    for name, sign, days in (("added", "", spans.added), ("taken_off", "-", spans.taken_off)):
        for number, (first, last) in enumerate(days):
            where = f"day BETWEEN %({name}_from_{number})s::date AND %({name}_to_{number})s::date"
            parts.append(_spell_part(kind, by=by, table="reports_dayfigure", where=where, sign=sign))
            parameters |= {f"{name}_from_{number}": first, f"{name}_to_{number}": last}
    return parts, parameters


def _spell_tail(
    kind: DayFigure.Kind, *, by: str, position: _Position
) -> tuple[list[str], dict[str, int], dict[Source, int]]:
    """Spell what adds up the ids that are not folded, its ranges of ids, and where they leave something out."""
    parts: list[str] = []
    ranges: dict[str, int] = {}
    behind: dict[Source, int] = {}
    for source, last in zip(FIGURE_SOURCES, position.newest, strict=True):
        after = position.folded.get(source.name, 0)
        if last <= after:
            continue
        upto = min(last, after + TAIL_IDS_MAX)
        if upto < last:
            behind[source] = upto
        ranges |= {f"after_{source.name}": after, f"upto_{source.name}": upto}
        rows = source.parts.replace("%(after)s", f"%(after_{source.name})s")
        rows = rows.replace("%(upto)s", f"%(upto_{source.name})s")
        where = "day BETWEEN %(since)s::date AND %(until)s::date"
        parts.append(_spell_part(kind, by=by, table=f"({sum_up(f'({rows})', kind.value)})", where=where))
    return parts, ranges, behind


def _spell_part(kind: DayFigure.Kind, *, by: str, table: str, where: str, sign: str = "") -> str:
    columns = ", ".join(f"{sign}{column} AS {column}" for column in FIGURES)
    return f"SELECT {by}, {columns} FROM {table} part WHERE kind = '{kind.value}' AND {where}"


def _find_gap(position: _Position, behind: Mapping[Source, int], *, until: date) -> datetime | None:
    """Return from when on something is missing, where that is within the period."""
    done = position.folded.get(past.SOURCE, 0)
    left = (done, position.past) if position.past is not None and done < position.past else None
    gap_at = gaps.find_gap(behind, past=left) if behind or left else None
    return gap_at if gap_at is not None and gap_at.astimezone(UTC).date() <= until else None


def _parse(folded: Any) -> dict[str, int]:
    return json.loads(folded) if isinstance(folded, str) else folded


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return None if whole == ZERO else (part * 100 / whole).quantize(Decimal("0.1"))
