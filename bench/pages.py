"""Look at pages as a browser asks for them: how long each takes, how many queries, how many bytes."""

import gzip
import re
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import machine, markdown
from panel import serving

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


def prepare_panel(scratch: Path) -> dict[str, str]:
    """Make tables and files in an empty panel; return the facts about the machine, which are printed, too."""
    facts = machine.describe(scratch)
    print(markdown.facts_list(facts))
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("build_css")
    call_command("collectstatic", interactive=False, verbosity=0)
    return facts


def reshape(statements: Sequence[str], parameters: Mapping[str, int]) -> None:
    """Write into seeded tables what no operation would, past their rules and in one transaction."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement, parameters)


def settle() -> None:
    """Leave tables as a panel's are that has run for a while, and this process as one that serves it."""
    serving.spare_the_collector()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def conclude(
    facts: dict[str, str], table: str, wrong: Sequence[str], *, document: Path | None, begin: str, end: str
) -> int:
    """Print what was measured and write it into a document; return 1 when a page was not what it should be.

    :param begin: the line of the document after which it goes, as far as `end`. Nothing is written that is wrong.
    """
    facts["Measured"] = f"{VIEWS} views of each page in one process, everything from the first middleware to the HTML"
    text = f"{markdown.facts_list(facts)}\n\n{table}"
    print(f"\n{text}\n")
    for mistake in wrong:
        print(f"bench: WRONG: {mistake}", file=sys.stderr)
    if document is not None and not wrong:
        markdown.write(document, text, begin=begin, end=end)
        tell(f"written to {document}")
    return 1 if wrong else 0


def tell(line: str) -> None:
    """Print a line about what goes on."""
    print(f"bench: {line}", flush=True)


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
    tell(f"{page.title:34} {cost.p50:6.1f} ms")
    return cost


def _compressed_bytes(name: str) -> int:
    """Return what a static file takes as it is served; small ones have no compressed copy."""
    compressed = Path(settings.STATIC_ROOT, f"{name}.gz")
    return (compressed if compressed.exists() else Path(settings.STATIC_ROOT, name)).stat().st_size
