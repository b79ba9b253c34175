"""Look at pages as a browser asks for them: how long each takes, how many queries, how many bytes."""

import gzip
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

VIEWS = 30
WARM_UP_VIEWS = 5
AUTHENTICATION = "allauth.account.auth_backends.AuthenticationBackend"  # who logs in is known to it

_ASSET = re.compile(r'(?:<script src|<link rel="stylesheet" href|<link rel="icon" href|<use href)="/static/([^"#]+)')


@dataclass(frozen=True, slots=True)
class Page:
    """An address, and whether rows are to be found on it; None where it is no list of these."""

    title: str
    address: str
    has_rows: bool | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a page took."""

    page: Page
    milliseconds: Sequence[float]
    queries: int
    html_bytes: int  # compressed
    all_bytes: int  # with everything the page loads

    @property
    def p50(self) -> float:
        """Return the median."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """Return what one view in twenty exceeds."""
        return sorted(self.milliseconds)[int(len(self.milliseconds) * 0.95)]


def measure(client: Client, page: Page, wrong: list[str], *, row: re.Pattern[str]) -> Cost:
    """View a page again and again.

    :param row: what is on a page that shows rows.
    :param wrong: gets a line when the page is not what it should be.
    """
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(page.address)
    query_count = len(queries)
    html = answer.content.decode()
    if answer.status_code != 200 or page.has_rows not in (None, bool(row.search(html))):  # noqa: PLR2004
        wrong.append(f"{page.title}: {page.address[:100]} gave {answer.status_code}, or not the rows it should")
    for _ in range(WARM_UP_VIEWS):
        client.get(page.address)
    milliseconds = []
    for _ in range(VIEWS):
        started = time.perf_counter()
        client.get(page.address)
        milliseconds.append((time.perf_counter() - started) * 1000)
    html_bytes = len(gzip.compress(answer.content))
    assets = sum(_compressed_bytes(name) for name in set(_ASSET.findall(html)))
    cost = Cost(page, milliseconds, query_count, html_bytes, html_bytes + assets)
    print(f"bench: {page.title:34} {cost.p50:6.1f} ms", flush=True)
    return cost


def _compressed_bytes(name: str) -> int:
    """Return what a static file takes as it is served; small ones have no compressed copy."""
    compressed = Path(settings.STATIC_ROOT, f"{name}.gz")
    return (compressed if compressed.exists() else Path(settings.STATIC_ROOT, name)).stat().st_size
