"""The reports as tables: the same rows for a page and for a file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from django.urls import reverse

from accounts.models import User
from catalog.models import Service
from panel.money import PLACES
from providers.models import Provider
from reports import balances, figures, paces
from reports.figures import Figures
from reports.models import DayFigure
from reports.paces import Pace, Paces

LINES_MAX = 500  # of a page; a file has all

REPORTS = {
    "days": "By day",
    "services": "By service",
    "providers": "By provider",
    "customers": "By customer",
    "paces": "Times by service",
    "provider-paces": "Times by provider",
    "ledger": "Trial balance",
}


@dataclass(frozen=True, slots=True)
class Share:
    """A percentage, which is a number in a file."""

    percent: Decimal

    def __str__(self) -> str:
        return f"{self.percent} %"


@dataclass(frozen=True, slots=True)
class Line:
    """One row: what it is about, where that is, and cells as texts and numbers."""

    name: str
    url: str
    cells: Sequence[object]


@dataclass(frozen=True, slots=True)
class Table:
    """A report, or a part of one that has several; `note` says what to know of it."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Line]
    total: Line | None = None
    note: str = ""
    left_out: int = 0
    is_exact: bool = False  # all decimals are shown, and what is below zero is no loss

    def cut(self) -> "Table":
        """Return what a page shows of it."""
        left_out = max(len(self.lines) - LINES_MAX, 0)
        return replace(self, lines=self.lines[:LINES_MAX], left_out=self.left_out + left_out)


@dataclass(frozen=True, slots=True)
class Report:
    """Tables of a period; what was posted from `gap_at` on is not all in them yet."""

    tables: Sequence[Table]
    gap_at: datetime | None = None


def make_report(name: str, *, since: date, until: date, is_for_page: bool = False) -> Report:
    """Put a report together; `name` is one of `REPORTS`.

    :param is_for_page: of services, providers and customers only as many as a page shows: thousands of names and
        addresses would take longer than their figures.
    """
    return _MAKERS[name](since, until, LINES_MAX if is_for_page else None)


_MONEY_HEADINGS = ("Orders", "Charged", "Refunded", "Refunded, %", "Revenue", "Cost", "Profit", "Margin, %")


def _days(since: date, until: date, _limit: int | None) -> Report:
    days = figures.list_days(since=since, until=until)
    report = reverse("admin:reports_dayfigure_changelist")
    lines = [
        Line(
            day.isoformat(),
            f"{report}?by=services&since={day}&until={day}",
            (*_money_cells(found), found.deposited, found.other),
        )
        for day, found in reversed(list(days.days.items()))
    ]
    total = Line("Together", "", (*_money_cells(days.total), days.total.deposited, days.total.other))
    headings = ("Day", *_MONEY_HEADINGS, "Deposits", "Bonuses and adjustments")
    return Report([Table("By day", headings, lines, total)], days.gap_at)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a report can be by: its heading, the names of some by id, and the page of each."""

    kind: DayFigure.Kind
    heading: str
    read_names: Callable[[Iterable[int]], dict[int, str]]
    page: str

    def link(self, subject_id: int, names: dict[int, str], cells: Sequence[object]) -> Line:
        """Make the line of one, also of one that is gone."""
        return Line(names.get(subject_id, str(subject_id)), reverse(self.page, args=[subject_id]), cells)


_SERVICE = _Subject(
    DayFigure.Kind.SERVICE,
    "Service",
    lambda ids: {pk: f"{pk} {name}" for pk, name in Service.objects.filter(pk__in=ids).values_list("pk", "name")},
    "admin:catalog_service_change",
)
_PROVIDER = _Subject(
    DayFigure.Kind.PROVIDER,
    "Provider",
    lambda ids: dict(Provider.objects.filter(pk__in=ids).values_list("pk", "name")),
    "admin:providers_provider_change",
)
_CUSTOMER = _Subject(
    DayFigure.Kind.CUSTOMER,
    "Customer",
    lambda ids: dict(User.objects.filter(pk__in=ids).values_list("pk", "username")),
    "admin:accounts_user_change",
)
_OF_PROVIDERS = "Orders are runs that the provider accepted, at our price; what it was not sent is not in it."


def _by_subject(subject: _Subject, since: date, until: date, limit: int | None, *, note: str = "") -> Report:
    found = figures.list_subjects(subject.kind, since=since, until=until)
    # A customer who only paid in has nothing to compare.
    ranked = [
        (subject_id, one)
        for subject_id, one in found.subjects.items()
        if one.orders or one.charged or one.refunded or one.cost or one.returned
    ]
    shown = ranked[:limit]
    names = subject.read_names([subject_id for subject_id, _ in shown])
    lines = [subject.link(subject_id, names, _money_cells(one)) for subject_id, one in shown]
    total = Line("Together", "", _money_cells(sum(found.subjects.values(), Figures())))
    title = f"By {subject.heading.lower()}"
    table = Table(title, (subject.heading, *_MONEY_HEADINGS), lines, total, note, left_out=len(ranked) - len(shown))
    return Report([table], found.gap_at)


def _paces(subject: _Subject, since: date, until: date, limit: int | None) -> Report:
    found = paces.list_paces(subject.kind, since=since, until=until)
    ranked = sorted(found.items(), key=lambda item: (-item[1].finish.orders, item[0]))
    shown = ranked[:limit]
    names = subject.read_names([subject_id for subject_id, _ in shown])
    lines = [subject.link(subject_id, names, _pace_cells(one)) for subject_id, one in shown]
    total = Line("Together", "", _pace_cells(paces.list_panel_paces(since=since, until=until)))
    headings = (
        subject.heading,
        "Started", "To start, half", "To start, 9 of 10", "Finished", "To finish, half", "To finish, 9 of 10",
    )  # fmt: skip
    note = "From the order on; orders in one run that were delivered, at most five percent off, about a minute behind."
    title = f"Times by {subject.heading.lower()}"
    table = Table(title, headings, lines, total, note, left_out=len(ranked) - len(shown))
    return Report([table], paces.find_gap(until=until))


def _ledger(since: date, until: date, _limit: int | None) -> Report:
    found = balances.read_trial_balances(since=since, until=until)
    tables = [
        Table(
            one.currency,
            ("Account", "Debited in the period", "Credited in the period", "Stands there now"),
            [Line(line.name, "", (line.debited, line.credited, line.balance)) for line in one.lines],
            Line("Difference", "", (None, None, one.difference)),
            "It adds up." if not one.difference else "It does not add up: run manage.py audit_ledger.",
            is_exact=True,
        )
        for one in found.balances
    ]
    return Report(tables, found.gap_at)


_MAKERS: dict[str, Callable[[date, date, int | None], Report]] = {
    "days": _days,
    "services": partial(_by_subject, _SERVICE),
    "providers": partial(_by_subject, _PROVIDER, note=_OF_PROVIDERS),
    "customers": partial(_by_subject, _CUSTOMER),
    "paces": partial(_paces, _SERVICE),
    "provider-paces": partial(_paces, _PROVIDER),
    "ledger": _ledger,
}


def _money_cells(one: Figures) -> tuple[object, ...]:
    return (
        one.orders, one.charged, one.refunded, _share(one.refund_percent), one.revenue, one.net_cost, one.profit,
        _share(one.margin_percent),
    )  # fmt: skip


def _pace_cells(one: Paces) -> tuple[object, ...]:
    return (*_cells_of(one.start), *_cells_of(one.finish))


def _cells_of(pace: Pace) -> tuple[object, ...]:
    return pace.orders, pace.p50, pace.p90


def _share(percent: Decimal | None) -> Share | None:
    return None if percent is None else Share(percent)


def cell_for_file(cell: object) -> object:
    """Write a cell for a program: amounts with all decimals, times in seconds; what is below zero stays a number."""
    if isinstance(cell, Decimal):
        return cell.quantize(PLACES)
    if isinstance(cell, Share):
        return cell.percent
    if isinstance(cell, timedelta):
        return round(cell.total_seconds(), 3)
    return cell
