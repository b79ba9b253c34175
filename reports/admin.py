"""The reports, each as a page and as a file; for whoever may see money."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.http import urlencode

from orders.monitoring import describe_age
from panel.admin_pages import ReadOnlyAdmin
from panel.csv_export import stream_csv
from panel.money import print_amount
from reports import figures, pages
from reports.models import DayFigure
from reports.pages import Line, Report

PERIODS = (7, 30, 90, 365)  # days
PERIOD_DEFAULT = 30
PERIOD_MAX = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included."""

    since: date
    until: date

    @property
    def query(self) -> str:
        """Write it for an address."""
        return urlencode({"since": self.since.isoformat(), "until": self.until.isoformat()})


@admin.register(DayFigure)
class ReportAdmin(ReadOnlyAdmin):
    """One page for all reports: nobody looks at their rows one by one."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Show a report, or send it as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        name = request.GET.get("by", "days")
        if name not in pages.REPORTS:
            raise Http404
        period = _read_period(request)
        report = pages.make_report(name, since=period.since, until=period.until, is_for_page="csv" not in request.GET)
        if "csv" in request.GET:
            return stream_csv(
                filename=f"{name}-{period.since}-{period.until}.csv",
                header=_header(report),
                rows=_rows(report),
            )
        return TemplateResponse(
            request,
            "admin/reports.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Reports",
                "name": name,
                "reports": pages.REPORTS,
                "tables": [_shown(table) for table in report.tables],
                "gap_at": report.gap_at,
                "period": period,
                "periods": [
                    (f"{days} days", Period(figures.today() - timedelta(days=days - 1), figures.today()))
                    for days in PERIODS
                ],
                "currency": settings.BASE_CURRENCY,
            },
        )

    def change_view(self, *_args: Any, **_options: Any) -> HttpResponseBase:
        """Have no page for a row."""
        raise Http404


def _read_period(request: HttpRequest) -> Period:
    """Read the days asked for; whatever cannot be read, or is too much, becomes what can be shown."""
    until = min(_read_day(request.GET.get("until", "")) or figures.today(), figures.today())
    since = _read_day(request.GET.get("since", "")) or until - timedelta(days=PERIOD_DEFAULT - 1)
    return Period(min(max(since, until - PERIOD_MAX), until), until)


def _read_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year > PERIOD_MAX.days // 365 else None


def _shown(table: pages.Table) -> dict[str, Any]:
    cut = table.cut()
    return {
        "title": cut.title,
        "headings": cut.headings,
        "note": cut.note,
        "left_out": cut.left_out,
        "lines": [_shown_line(line, is_exact=cut.is_exact) for line in cut.lines],
        "total": cut.total and _shown_line(cut.total, is_exact=cut.is_exact),
    }


def _shown_line(line: Line, *, is_exact: bool) -> dict[str, Any]:
    cells = [(_print(cell, is_exact=is_exact), not is_exact and _is_loss(cell)) for cell in line.cells]
    return {"name": line.name, "url": line.url, "cells": cells}


def _print(cell: object, *, is_exact: bool) -> str:
    """Write a cell for people: a file has all decimals."""
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:,.5f}" if is_exact else print_amount(cell)
        case timedelta():
            return describe_age(cell)
        case int():
            return f"{cell:,}"
    return str(cell)


def _is_loss(cell: object) -> bool:
    number = cell.percent if isinstance(cell, pages.Share) else cell
    return isinstance(number, Decimal) and number < 0


def _header(report: Report) -> list[object]:
    headings: list[object] = list(report.tables[0].headings) if report.tables else []
    return ["Currency", *headings] if len(report.tables) > 1 else headings


def _rows(report: Report) -> Iterator[list[object]]:
    for table in report.tables:
        first = [table.title] if len(report.tables) > 1 else []
        for line in table.lines:
            yield [*first, line.name, *map(pages.cell_for_file, line.cells)]
