"""The staff's pages about orders, with every order there is: what each costs and how many queries."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.db import connection
from django.http import HttpRequest
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
from orders.models import Order

BEGIN = "<!-- measured by `make bench-admin`: begin -->"
END = "<!-- measured by `make bench-admin`: end -->"
PAGE_MAX_MS = 200  # promise: the first and any filtered page
EVERY_CANCELED, EVERY_PARTIAL, EVERY_WEB = 500, 300, 10
INSERTS = 20_000

_ROW = re.compile(r'href="/admin/orders/order/\d+/change/')

_ENDINGS = (
    """
    UPDATE orders_order SET status = 'Canceled', remains = quantity
    WHERE finished_at IS NOT NULL AND id %% %(canceled)s = 0
    """,
    """
    UPDATE orders_order SET status = 'Partial', remains = quantity / 2
    WHERE finished_at IS NOT NULL AND id %% %(partial)s = 0 AND status = 'Completed'
    """,
    """
    UPDATE orders_order SET api_key_id = NULL WHERE id %% %(web)s = 0
    """,
    """
    UPDATE orders_run r SET state = replace(lower(o.status), ' ', '_'), remains = o.remains
    FROM orders_order o WHERE o.id = r.order_id AND o.status IN ('Canceled', 'Partial')
    """,
)

_INSERT = """
INSERT INTO orders_order (
    customer_id, api_key_id, service_id, service_type, link, quantity, parameters, rate, charge, refunded,
    refund_count, run_count, status, remains
)
SELECT customer_id, api_key_id, service_id, service_type, link || '/' || n, quantity, parameters, 0, 0, 0,
    0, 1, 'Pending', quantity
FROM orders_order o JOIN generate_series(1, %(count)s) n ON o.id = n * 7
"""


def run(*, orders: int, document: Path | None, scratch: Path) -> int:
    """Seed, look at every page, measure what the indexes cost; the exit code is 1 when a page was not as it should."""
    facts = prepare_panel(scratch)
    tell(f"seeding {orders:,} orders")
    started = time.monotonic()
    world = seed.seed(orders)
    vary()
    seconds = time.monotonic() - started
    facts["Table"] = f"{world.orders:,} orders of {len(world.customers)} customers, seeded in {seconds:.0f} s"
    client = log_in()
    wrong: list[str] = []
    costs = [measure(client, page, wrong, row=_ROW) for page in pages(world)]
    facts["Indexes"] = _measure_indexes()
    return conclude(facts, _table(costs), wrong, document=document, begin=BEGIN, end=END)


def vary() -> None:
    """End some orders otherwise, and let some come from the website."""
    parameters = {"canceled": EVERY_CANCELED, "partial": EVERY_PARTIAL, "web": EVERY_WEB}
    reshape(_ENDINGS, parameters)
    settle()


def log_in() -> Client:
    """Return a browser of a superuser who gave a second factor."""
    staff = User.objects.create_superuser(username="bench-staff", email="staff@example.com")
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "not-used-here"})
    client = Client(SERVER_NAME=servers.HOST)
    client.force_login(staff, backend=AUTHENTICATION)
    request: Any = HttpRequest()
    request.session = client.session
    record_authentication(request, staff, "mfa")
    request.session.save()
    return client


def pages(world: seed.World) -> list[Page]:
    """List the staff's pages about orders that are measured."""
    orders = world.orders
    deep = orders // 100  # ninety-nine hundredths of the way down
    customer = User.objects.get(pk=world.customers[17].user_id)
    moment = Order.objects.values_list("created_at", flat=True).get(pk=orders // 2)
    middle = moment.date().isoformat()
    service = world.service_ids[17]
    ids = ",".join(str(number) for number in range(1, orders, orders // 1000))
    provider = Order.objects.values_list("runs__provider", flat=True).get(pk=deep)

    def listed(title: str, has_rows: bool | None = True, **query: object) -> Page:
        address = "/admin/orders/order/"
        return Page(title, f"{address}?{urlencode(query)}" if query else address, has_rows)

    return [
        listed("first page"),
        listed("deep page", before=deep),
        listed("deep page, upwards", after=deep),
        listed("by status Pending", status="Pending"),
        listed("by status Canceled", status="Canceled", has_rows=False),
        listed("by status Canceled, deep page", status="Canceled", before=orders // 2),
        listed("by status Partial and source web", status="Partial", source="web", before=orders // 2, has_rows=None),
        listed("by status, nothing found", status="Processing", before=orders // 2, has_rows=False),
        listed("by provider", provider=provider),
        listed("by service", service=service),
        listed("by service, deep page", service=service, before=orders // 2),
        listed("by service and status", service=service, status="Canceled", has_rows=None),
        listed("by customer", customer=customer.username),
        listed("by customer, deep page", customer=customer.pk, before=deep),
        listed("by customer and status", customer=customer.pk, status="Canceled", has_rows=None),
        listed("from the website", source="web"),
        listed("one day", since=middle, until=middle),
        listed("one day and status Canceled", since=middle, until=middle, status="Canceled", has_rows=None),
        listed("by link", link=f"https://instagram.com/customer_{deep}"),
        listed("by a link that nobody has", link="https://instagram.com/nobody", has_rows=False),
        listed("a thousand pasted ids", ids=ids),
        listed("search: order id", q=deep),
        listed("search: provider's id", q=f"bench-{deep}"),
        listed("search: link", q=f"https://instagram.com/customer_{deep}"),
        listed("search: user name", q=customer.username),
        listed("search: nothing found", q="nobody", has_rows=False),
        Page("one order", f"/admin/orders/order/{deep}/change/"),
    ]


def _measure_indexes() -> str:
    """Say what inserting orders takes with and without the index that the staff's list added."""
    parameters = {"count": INSERTS}

    def insert(*, without: str | None) -> tuple[float, int]:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SET LOCAL session_replication_role = replica")
            if without:
                cursor.execute(f"DROP INDEX {without}")
            cursor.execute("SELECT pg_current_wal_insert_lsn()")
            (begin,) = cursor.fetchone()
            started = time.perf_counter()
            cursor.execute(_INSERT, parameters)
            seconds = time.perf_counter() - started
            cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", [begin])
            (size,) = cursor.fetchone()
            cursor.execute("ROLLBACK")
        return seconds / INSERTS * 1e6, int(size) // INSERTS

    insert(without=None)  # warm
    with_it, without_it = insert(without=None), insert(without="order_by_link")
    return (
        f"a row of orders takes {with_it[0]:.1f} µs and {with_it[1]} bytes of log to insert, "
        f"{without_it[0]:.1f} µs and {without_it[1]} bytes without the index of links"
    )


def _table(costs: Sequence[Cost]) -> str:
    rows = [["page", "p50 ms", "p95 ms", "queries", "HTML KB", "towards"]]
    for cost in costs:
        mark = markdown.REACHED if cost.p50 <= PAGE_MAX_MS else markdown.MISSED
        rows.append(
            [
                cost.page.title,
                f"{cost.p50:.1f}",
                f"{cost.p95:.1f}",
                str(cost.queries),
                f"{cost.html_bytes / 1000:.1f}",
                f"{mark} ≤ {PAGE_MAX_MS} ms",
            ]
        )
    return markdown.aligned(rows, texts=(0, 5))
