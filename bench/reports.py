"""The staff's reports over long periods, with thousands of services: what each costs."""

import re
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

from django.db import connection

from bench import markdown, seed
from bench.admin import log_in
from bench.pages import Cost, Page, conclude, measure, prepare_panel, reshape, settle, tell
from panel.money import ZERO
from reports import figures, folding
from reports.figures import Figures
from reports.models import DayFigure
from reports.sources import SOURCES

BEGIN = "<!-- measured by `make bench-reports`: begin -->"
END = "<!-- measured by `make bench-reports`: end -->"
PAGE_MAX_MS = 500  # a page that staff look at now and then
DAYS = 400  # of history: a year that begins and ends within a month
EVERY_PARTIAL = 50

_HISTORY = (
    """
    INSERT INTO orders_attempt (run_id, provider_id, cost, state, started_at, lease_until, finished_at, evidence)
    SELECT r.id, r.provider_id, round(o.charge * 0.7, 5), 'accepted', r.submitted_at, r.submitted_at, r.submitted_at, ''
    FROM orders_run r JOIN orders_order o ON o.id = r.order_id WHERE r.state <> 'queued' ORDER BY r.id
    """,
    """
    UPDATE orders_run SET state = 'partial', remains = quantity / 4 WHERE state = 'completed' AND id %% %(partial)s = 0
    """,
    """
    INSERT INTO orders_orderevent (order_id, kind, data, at)
    SELECT id, 'finished', '{"status": "Completed"}', finished_at FROM orders_order WHERE finished_at IS NOT NULL
    ORDER BY id
    """,
)
_COSTS = (
    """
    INSERT INTO reports_costentry (attempt_id, run_id, provider_id, units, amount, at)
    SELECT a.id, a.run_id, a.provider_id, r.quantity, a.cost, a.finished_at
    FROM orders_attempt a JOIN orders_run r ON r.id = a.run_id ORDER BY a.id
    """,
    """
    INSERT INTO reports_costentry (attempt_id, run_id, provider_id, units, amount, at)
    SELECT m.attempt_id, r.id, m.provider_id, -r.remains, -trunc(m.amount * r.remains / r.quantity, 5), r.finished_at
    FROM reports_costentry m JOIN orders_run r ON r.id = m.run_id WHERE r.state = 'partial' ORDER BY m.id
    """,
)
_ROW = re.compile(r'href="/admin/catalog/service/\d+/change/')


def run(*, orders: int, document: Path | None, scratch: Path) -> int:
    """Seed, add up, look at reports; the exit code is 1 when a report does not say what the ledger does."""
    facts = prepare_panel(scratch)
    tell(f"seeding {orders:,} orders")
    started = time.monotonic()
    world = seed.seed(orders, days=DAYS)
    reshape((*_HISTORY, *_COSTS), {"partial": EVERY_PARTIAL})
    settle()
    facts["Table"] = (
        f"{world.orders:,} orders of {DAYS} days, {len(world.service_ids):,} services, {len(world.customers)} buyers;"
        f" seeded in {time.monotonic() - started:.0f} s"
    )
    facts["Folding"] = _fold(world.orders)
    settle()
    client = log_in()
    wrong: list[str] = []
    costs = [measure(client, page, wrong, row=_ROW) for page in _pages()]
    _check(wrong)
    return conclude(facts, _table(costs), wrong, document=document, begin=BEGIN, end=END)


def _fold(orders: int) -> str:
    """Add up everything at once: nobody else writes."""
    started = time.monotonic()
    for source in SOURCES:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {source.table}")
            (newest,) = cursor.fetchone()
        while folding.fold_next(source, upto=newest):
            pass
    seconds = time.monotonic() - started
    return (
        f"{seconds:.0f} s for all of it, {seconds / orders * 1e6:.0f} µs an order; {DayFigure.objects.count():,} rows"
    )


def _pages() -> list[Page]:
    until = figures.today() - timedelta(days=3)

    def asked(name: str, days: int, *, has_rows: bool | None = None) -> Page:
        period = {"since": until - timedelta(days=days - 1), "until": until}
        return Page(f"{name}, {days} days", f"/admin/reports/dayfigure/?{urlencode({'by': name, **period})}", has_rows)

    return [
        *(asked("services", days, has_rows=True) for days in (7, 30, 90, 365)),
        *(asked("customers", days) for days in (30, 365)),
        asked("providers", 365),
        asked("days", 365),
        *(asked("paces", days, has_rows=True) for days in (90, 365)),
    ]


def _check(wrong: list[str]) -> None:
    """Hold a report against the ledger and the attempts themselves."""
    until = figures.today() - timedelta(days=3)
    since = until - timedelta(days=364)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(amount), 0) FROM wallet_ledgerentry WHERE key LIKE 'charge:%%'"
            " AND (created_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s",
            [since, until],
        )
        (charged,) = cursor.fetchone()
        cursor.execute(
            "SELECT coalesce(sum(cost), 0) FROM orders_attempt"
            " WHERE (finished_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s",
            [since, until],
        )
        (cost,) = cursor.fetchone()
    for kind in (DayFigure.Kind.SERVICE, DayFigure.Kind.CUSTOMER):
        found = sum(figures.list_subjects(kind, since=since, until=until).subjects.values(), Figures())
        if (found.charged, found.cost) != (charged, cost) or charged == ZERO or cost == Decimal(0):
            wrong.append(f"by {kind}: {found.charged} charged, {found.cost} cost; the ledger says {charged} and {cost}")


def _table(costs: Sequence[Cost]) -> str:
    titles = ["report", "p50 ms", "p95 ms", "queries", "HTML KB", "towards"]
    rows = [
        [
            cost.page.title,
            f"{cost.p50:.0f}",
            f"{cost.p95:.0f}",
            str(cost.queries),
            f"{cost.html_bytes / 1000:.1f}",
            f"{markdown.mark(cost.p50 <= PAGE_MAX_MS)} ≤ {PAGE_MAX_MS} ms",
        ]
        for cost in costs
    ]
    return markdown.aligned([titles, *rows], texts=(0, 5))
