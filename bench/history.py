"""What calls and pages cost with little history and with a thousand times as much, side by side.

Two panels run at once, each with a database and a web server of its own, and are asked alternately, so that whatever
else the machine does meets both.
"""

import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench import markdown, servers
from bench.past import ADMIN, API, CUSTOMER, Ask, Past

BEGIN = "<!-- measured by `make bench-history`: begin -->"
END = "<!-- measured by `make bench-history`: end -->"
FEW, MANY = 10_000, 10_000_000
RATIO_MAX = 1.5  # promise: cost does not grow with history
PAGE_MAX_MS = {API: None, CUSTOMER: 50, ADMIN: 200}  # promises
ASKED, WARM_UP = 30, 5
TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Panel:
    """A running panel and what is to be asked of it."""

    past: Past
    connection: http.client.HTTPConnection


@dataclass(slots=True)
class Cost:
    """How long the answers to one question took in both panels, in milliseconds."""

    title: str
    group: str
    few: list[float]
    many: list[float]

    @property
    def ratio(self) -> float:
        """Return how much more it costs with much history, by the medians."""
        return statistics.median(self.many) / statistics.median(self.few)


def run(*, orders: int, document: Path | None, scratch: Path) -> int:
    """Seed both panels, ask, compare; the exit code is 1 when an answer was not as it should be."""
    wrong: list[str] = []
    with ExitStack() as stack:
        few = stack.enter_context(_panel(FEW, scratch))
        many = stack.enter_context(_panel(orders, scratch))
        costs = [
            _compare(one, other, few, many, wrong) for one, other in zip(few.past.asks, many.past.asks, strict=True)
        ]
        facts = dict(many.past.facts)
    facts["Measured"] = f"{ASKED} answers of each panel in turn, over HTTP, one at a time"
    text = f"{markdown.facts_list(facts)}\n\n{_table(costs, orders)}"
    print(f"\n{text}\n")
    for mistake in wrong:
        print(f"bench: WRONG: {mistake}", file=sys.stderr)
    if document is not None and not wrong:
        markdown.write(document, text, begin=BEGIN, end=END)
        print(f"bench: written to {document}", flush=True)
    return 1 if wrong else 0


@contextmanager
def _panel(orders: int, scratch: Path) -> Iterator[Panel]:
    directory = scratch / str(orders)
    with servers.storage(directory) as environment:
        print(f"bench: seeding {orders:,} orders", flush=True)
        output = directory / "past.json"
        # A process of its own, because settings name one database for good.
        subprocess.run([sys.executable, "-m", "bench.past", str(orders), str(output)], env=environment, check=True)
        past = Past.read(output)
        print(f"bench: {past.facts['Table']}", flush=True)
        with servers.web_server(directory / "web.log", environment) as address:
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_SECONDS)
            yield Panel(past, connection)
            connection.close()


def _compare(few_ask: Ask, many_ask: Ask, few: Panel, many: Panel, wrong: list[str]) -> Cost:
    cost = Cost(few_ask.title, few_ask.group, [], [])
    for number in range(WARM_UP + ASKED):
        for panel, ask, times in ((few, few_ask, cost.few), (many, many_ask, cost.many)):
            milliseconds, mistake = _ask(panel.connection, ask, number)
            if number >= WARM_UP:
                times.append(milliseconds)
            if mistake and mistake not in wrong:
                wrong.append(mistake)
    print(f"bench: {cost.title:40} {cost.ratio:5.2f} times", flush=True)
    return cost


def _ask(connection: http.client.HTTPConnection, ask: Ask, number: int) -> tuple[float, str]:
    """Return how long the answer took, and what is wrong with it."""
    body = ask.body.replace("{number}", str(number)) if ask.body else None
    headers: Mapping[str, str] = {"Cookie": ask.cookie} if ask.cookie else {}
    if body:
        headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    started = time.perf_counter()
    connection.request("POST" if body else "GET", ask.address, body, dict(headers))
    answer = connection.getresponse()
    text = answer.read().decode()
    milliseconds = (time.perf_counter() - started) * 1000
    is_right = answer.status == http.client.OK and ask.expected in text
    return milliseconds, "" if is_right else f"{ask.title}: {answer.status} {text[:200]!r}"


def _table(costs: list[Cost], orders: int) -> str:
    rows = [["", f"p50 ms at {FEW:,}", f"p50 ms at {orders:,}", "p95 ms", "times", "towards"]]
    for cost in costs:
        many, slowest = statistics.median(cost.many), sorted(cost.many)[int(len(cost.many) * 0.95)]
        marks = [f"{markdown.mark(cost.ratio <= RATIO_MAX)} ≤ {RATIO_MAX} times"]
        limit = PAGE_MAX_MS[cost.group]
        if limit is not None:
            marks.append(f"{markdown.mark(many <= limit)} ≤ {limit} ms")
        rows.append(
            [
                f"{cost.group}: {cost.title}",
                f"{statistics.median(cost.few):.1f}",
                f"{many:.1f}",
                f"{slowest:.1f}",
                f"{cost.ratio:.2f}",
                ", ".join(marks),
            ]
        )
    return markdown.aligned(rows, texts=(0, 5))
