"""The pages of one customer who has every order there is: what each costs, how many queries, how many bytes."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from accounts.models import User
from bench import markdown, seed, servers
from bench.pages import (
    AUTHENTICATION,
    Cost,
    Page,
    conclude,
    measure,
    prepare_panel,
    reshape,
    settle,
    tell,
)
from orders.models import Order, Refill
from wallet import days

BEGIN = "<!-- measured by `make bench-dashboard`: begin -->"
END = "<!-- measured by `make bench-dashboard`: end -->"
PAGE_MAX_MS = 50  # promise: first and deep pages of a customer with a million orders
PAGE_MAX_KILOBYTES = 150  # promise: compressed, with style sheet and scripts
EVERY_DRIPFEED, DRIPFEED_RUNS = 100, 10
EVERY_REFILL = 50
FOLDING_SECONDS = 300

# Some of the orders become drip-feeds and some have been refilled; both are lists of their own.
_LISTS = (
    "UPDATE orders_order SET run_count = %(runs)s, interval_minutes = 60 WHERE id %% %(dripfeed)s = 0",
    """
    INSERT INTO orders_run (
        order_id, number, quantity, state, due_at, provider_id, provider_order, start_count, remains, submitted_at,
        finished_at
    )
    SELECT r.order_id, n, r.quantity, r.state, r.due_at + interval '1 hour' * n, r.provider_id,
        CASE WHEN r.provider_order <> '' THEN r.provider_order || '/' || n ELSE '' END,
        r.start_count, r.remains, r.submitted_at, r.finished_at
    FROM orders_run r CROSS JOIN generate_series(2, %(runs)s) n WHERE r.order_id %% %(dripfeed)s = 0
    """,
    """
    INSERT INTO orders_refill (order_id, customer_id, status, created_at, poll_at, finished_at)
    SELECT id, customer_id, 'Completed', finished_at, finished_at, finished_at FROM orders_order
    WHERE id %% %(refill)s = 0 AND finished_at IS NOT NULL ORDER BY id
    """,
)

_ROW = re.compile(r'<tr id="(?:order|refill)-\d+"')


def run(*, orders: int, document: Path | None, scratch: Path) -> int:
    """Seed, look at every page, export everything; the exit code is 1 when a page was not what it should be."""
    facts = prepare_panel(scratch)
    tell(f"seeding {orders:,} orders of one customer")
    started = time.monotonic()
    world = seed.seed(orders, customers=1)
    _fill_lists()
    user = User.objects.get(pk=world.customers[0].user_id)
    dripfeeds, refills = Order.objects.filter(run_count__gt=1).count(), Refill.objects.count()
    facts["Table"] = (
        f"{world.orders:,} orders of one customer, {dripfeeds:,} of them drip-feeds, {refills:,} refills; "
        f"seeded in {time.monotonic() - started:.0f} s"
    )
    tell(f"seeded in {time.monotonic() - started:.0f} s")
    client = Client(SERVER_NAME=servers.HOST)
    client.force_login(user, backend=AUTHENTICATION)
    wrong: list[str] = []
    costs = [measure(client, page, wrong, row=_ROW) for page in _pages(orders, first_service=world.service_ids[0])]
    facts["Export"] = _export(client, orders, wrong)
    return conclude(facts, _table(costs), wrong, document=document, begin=BEGIN, end=END)


def _fill_lists() -> None:
    parameters = {"runs": DRIPFEED_RUNS, "dripfeed": EVERY_DRIPFEED, "refill": EVERY_REFILL}
    reshape(_LISTS, parameters)
    days.fold_wallets(seconds=FOLDING_SECONDS)  # as beat does, so that pages add up only what came since
    settle()


def _pages(orders: int, *, first_service: int) -> list[Page]:
    deep = orders // 100  # ninety-nine hundredths of the way down
    middle = Order.objects.values_list("created_at", flat=True).get(pk=orders // 2).date().isoformat()
    ids = ",".join(str(number) for number in range(1, orders, orders // 100))
    refill_deep = Refill.objects.order_by("pk").values_list("pk", flat=True)[200]
    live = ",".join(f"{number}-0" for number in range(orders - 49, orders + 1))

    def listed(title: str, *, path: str = "/orders/", has_rows: bool = True, **query: object) -> Page:
        return Page(title, f"{path}?{urlencode(query)}" if query else path, has_rows)

    return [
        listed("orders, first page"),
        listed("orders, deep page", before=deep),
        listed("by status, first page", status="Pending"),
        listed("by status, deep page", status="Completed", before=deep),
        listed("by status, nothing found", status="Canceled", has_rows=False),
        listed("by service, first page", service=first_service + 17),
        listed("by service, deep page", service=first_service + 17, before=orders // 2),
        listed("by a part of the link", q=f"customer_{orders - 4321}"),
        listed("by a link that nobody has", q="no-such-link", has_rows=False),
        listed("a hundred pasted ids", q=ids),
        listed("one day", since=middle, until=middle),
        listed("one day by status, nothing found", since=middle, until=middle, status="Pending", has_rows=False),
        listed("the rows that may have changed", path="/orders/live/", rows=live),
        listed("drip-feeds, first page", path="/orders/drip-feed/"),
        listed("drip-feeds, deep page", path="/orders/drip-feed/", before=deep),
        listed("refills, first page", path="/orders/refills/"),
        listed("refills, deep page", path="/orders/refills/", before=refill_deep),
        Page("one order", f"/orders/{deep + 1}/"),
        Page("one drip-feed", f"/orders/{deep // EVERY_DRIPFEED * EVERY_DRIPFEED}/"),
        Page("statement, first page", "/wallet/"),
        Page("statement, deep page", f"/wallet/?before={deep}"),
        Page("overview", "/dashboard/"),
    ]


def _export(client: Client, orders: int, wrong: list[str]) -> str:
    started = time.monotonic()
    answer: Any = client.get("/orders/export.csv")  # the client types none of what is streamed
    lines = size = 0
    first = None
    for chunk in answer.streaming_content:
        first = first or time.monotonic() - started
        lines += chunk.count(b"\r\n")
        size += len(chunk)
    seconds = time.monotonic() - started
    if lines != orders + 1:
        wrong.append(f"the export has {lines:,} lines")
    return (
        f"{lines - 1:,} orders as CSV in {seconds:.0f} s, {size / 2**20:.0f} MiB, "
        f"the first bytes after {(first or 0) * 1000:.0f} ms"
    )


def _table(costs: Sequence[Cost]) -> str:
    rows = [["page", "p50 ms", "p95 ms", "queries", "HTML KB", "all KB", "towards"]]
    for cost in costs:
        marks = [
            f"{markdown.mark(cost.p50 <= PAGE_MAX_MS)} ≤ {PAGE_MAX_MS} ms",
            f"{markdown.mark(cost.all_bytes <= PAGE_MAX_KILOBYTES * 1000)} ≤ {PAGE_MAX_KILOBYTES} KB",
        ]
        rows.append(
            [
                cost.page.title,
                f"{cost.p50:.1f}",
                f"{cost.p95:.1f}",
                str(cost.queries),
                f"{cost.html_bytes / 1000:.1f}",
                f"{cost.all_bytes / 1000:.1f}",
                ", ".join(marks),
            ]
        )
    return markdown.aligned(rows, texts=(0, 6))
