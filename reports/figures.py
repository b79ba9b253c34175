"""Questions about what the business brought: folded days, and what came since, from one moment."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from panel.money import ZERO
from reports.models import DayFigure
from reports.sources import FIGURE_SOURCES, sum_up

# A reader adds up no more ids than this of each table. There are more only while nobody folds.
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
    """Days without a gap, oldest first; `is_behind` when the newest movements are not in them yet."""

    days: Mapping[date, Figures]
    is_behind: bool

    @property
    def total(self) -> Figures:
        """Return all days together."""
        return sum(self.days.values(), Figures())


@dataclass(frozen=True, slots=True)
class Subjects:
    """Figures of a period by service, provider or customer, the highest profit first."""

    subjects: Mapping[int, Figures]
    is_behind: bool


_COLUMNS = ("orders", "charged", "refunded", "deposited", "other", "cost", "returned")
_SUMS = ", ".join(f"sum({column}) AS {column}" for column in _COLUMNS)
_FOLDED = "SELECT coalesce(jsonb_object_agg(source, folded), jsonb_build_object()) AS folded FROM reports_foldcursor"
# One row at least, so that it always says what the days contained while they were read.
_READ = f"""
SELECT position.folded, parts.* FROM ({_FOLDED}) position
LEFT JOIN (SELECT {{by}}, {_SUMS} FROM ({{parts}}) part GROUP BY 1) parts ON true
"""
_PARTS = f"""
SELECT {{by}}, {", ".join(_COLUMNS)} FROM {{table}} part
WHERE kind = '{{kind}}' AND day BETWEEN %(since)s::date AND %(until)s::date
"""
_NEWEST = ", ".join(f"(SELECT coalesce(max(id), 0) FROM {source.table})" for source in FIGURE_SOURCES)


def list_days(*, since: date, until: date) -> Days:
    """Return the panel's days, both ends included."""
    rows, is_behind = _read(DayFigure.Kind.PANEL, by="day", since=since, until=until)
    found: dict[date, Figures] = dict(rows)
    wanted = (since + timedelta(days=number) for number in range((until - since).days + 1))
    return Days({day: found.get(day) or Figures() for day in wanted}, is_behind)


def list_subjects(kind: DayFigure.Kind, *, since: date, until: date) -> Subjects:
    """Return a period by service, provider or customer."""
    rows, is_behind = _read(kind, by="subject_id", since=since, until=until)
    rows.sort(key=lambda row: (-row[1].profit, row[0]))
    return Subjects(dict(rows), is_behind)


def today() -> date:
    """Return the present day in UTC."""
    return datetime.now(UTC).date()


def _read(kind: DayFigure.Kind, *, by: str, since: date, until: date) -> tuple[list[tuple[Any, Figures]], bool]:
    """Add up folded days and what came since.

    Where that begins is read first, so that the planner knows how little it is. When somebody folds in between, the
    days say so and all is read again.
    """
    period: dict[str, Any] = {"since": since, "until": until, "base": settings.BASE_CURRENCY}
    with connection.cursor() as cursor:
        folded: dict[str, int] = {}
        while True:
            cursor.execute(f"SELECT ({_FOLDED}), {_NEWEST}")
            found, *newest = cursor.fetchone()
            folded = _parse(found)
            statement, ranges, is_behind = _spell(kind, by=by, folded=folded, newest=newest)
            cursor.execute(statement, period | ranges)
            rows = cursor.fetchall()
            if _parse(rows[0][0]) == folded:
                break
    return [(key, Figures(int(orders), *sums)) for _, key, orders, *sums in rows if key is not None], is_behind


def _spell(
    kind: DayFigure.Kind, *, by: str, folded: Mapping[str, int], newest: Sequence[int]
) -> tuple[str, dict[str, int], bool]:
    """Spell the statement, its ranges of ids, and say whether they leave something out."""
    parts = [_PARTS.format(by=by, table="reports_dayfigure", kind=kind.value)]
    ranges: dict[str, int] = {}
    is_behind = False
    for source, last in zip(FIGURE_SOURCES, newest, strict=True):
        after = folded.get(source.name, 0)
        if last <= after:
            continue
        is_behind = is_behind or last - after > TAIL_IDS_MAX
        ranges |= {f"after_{source.name}": after, f"upto_{source.name}": min(last, after + TAIL_IDS_MAX)}
        rows = source.parts.replace("%(after)s", f"%(after_{source.name})s")
        rows = rows.replace("%(upto)s", f"%(upto_{source.name})s")
        parts.append(_PARTS.format(by=by, table=f"({sum_up(f'({rows})', kind.value)})", kind=kind.value))
    return _READ.format(by=by, parts=" UNION ALL ".join(parts)), ranges, is_behind


def _parse(folded: Any) -> dict[str, int]:
    return json.loads(folded) if isinstance(folded, str) else folded


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return None if whole == ZERO else (part * 100 / whole).quantize(Decimal("0.1"))
