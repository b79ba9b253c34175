"""One run: every ceiling and every action, round by round, so that a machine that drifts drifts for both."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import load
from bench.load import Outcome, Requests
from bench.traffic import Traffic

CONNECTIONS = (1, 16)
WARM_UP_SECONDS = 1
P99_MAX_MS = 15.0  # promise: all seven actions at 16 connections


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a load, the ceiling it is held against, and what it should reach."""

    name: str
    title: str
    ceiling: str | None = None
    ratio_target: float | None = None
    per_second_target: int | None = None
    p99_max_ms: float | None = None
    places_orders: bool = False


LINES = (
    Line("empty", "empty view"),
    Line("query", "one-query view", ceiling="empty"),
    Line("balance", "`balance`", ceiling="query", ratio_target=0.8, p99_max_ms=P99_MAX_MS),
    Line("status", "`status`", ceiling="query", ratio_target=0.8, p99_max_ms=P99_MAX_MS),
    Line("status_batch", "`status` × 100", ceiling="query", p99_max_ms=P99_MAX_MS),
    Line("refill_status", "`refill_status`", ceiling="query", p99_max_ms=P99_MAX_MS),
    Line("bytes", "empty view, as many bytes", ceiling="empty"),
    Line("services", "`services` (5,000)", ceiling="bytes", ratio_target=0.6, p99_max_ms=P99_MAX_MS),
    Line("pgbench", "order SQL through pgbench", places_orders=True),
    Line("order", "order-SQL view", ceiling="pgbench", places_orders=True),
    Line("add", "`add`, 250 wallets", ceiling="order", ratio_target=0.6, p99_max_ms=P99_MAX_MS, places_orders=True),
    Line("add_one_wallet", "`add`, one wallet", ceiling="order", per_second_target=500, places_orders=True),
    Line("cancel", "`cancel`", ceiling="order", p99_max_ms=P99_MAX_MS),
    Line("refill", "`refill`", ceiling="order", p99_max_ms=P99_MAX_MS),
)


@dataclass
class Results:
    """What was measured, by line and number of connections."""

    outcomes: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    orders_acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)

    def ratio(self, line: Line, connections: int) -> float | None:
        """Return a line's throughput as a share of its ceiling's."""
        if line.ceiling is None:
            return None
        ceiling = self.outcomes[line.ceiling, connections].per_second
        return self.outcomes[line.name, connections].per_second / ceiling if ceiling else None


def phases(rounds: int) -> int:
    """Return how often each line runs, the warm-up included."""
    return 1 + rounds * len(CONNECTIONS)


@dataclass(frozen=True, slots=True)
class Pgbench:
    """The program, its script, and where it may write."""

    program: Path
    script: Path
    database_url: str
    logs: Path


def measure(
    *,
    address: str,
    traffic: Traffic,
    pgbench: Pgbench,
    catalogue_bytes: int,
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> Results:
    """Warm up, then run every line `rounds` times for `seconds` at each number of connections."""
    results = Results()
    loads = _loads(traffic, catalogue_bytes=catalogue_bytes, seconds=seconds)

    def run(line: Line, connections: int, duration: float) -> Outcome:
        if line.name == "pgbench":
            outcome = load.run_pgbench(
                pgbench.program,
                pgbench.database_url,
                pgbench.script,
                clients=connections,
                seconds=duration,
                logs=pgbench.logs,
            )
        else:
            requests = loads[line.name]()
            outcome = load.run_wrk(address, requests, connections=connections, seconds=duration)
        if line.places_orders:
            results.orders_acknowledged += outcome.requests
        if outcome.wrong:
            results.wrong.append(f"{line.title}: {outcome.wrong} wrong answers, for example: {outcome.example}")
        return outcome

    for line in sorted(LINES, key=lambda line: line.name == "refill_status"):  # asks for what `refill` has opened
        run(line, max(CONNECTIONS), WARM_UP_SECONDS)
    for number in range(1, rounds + 1):
        for connections in CONNECTIONS:
            for line in LINES:
                outcome = results.outcomes.setdefault((line.name, connections), Outcome())
                outcome += run(line, connections, seconds)
                tell(
                    f"round {number}/{rounds}  {connections:2} conn.  {line.title:30}"
                    f" {outcome.per_second:9,.0f}/s  p99 {outcome.percentile(99):7.2f} ms"
                )
    return results


def _loads(traffic: Traffic, *, catalogue_bytes: int, seconds: float) -> dict[str, Callable[[], Requests]]:
    """Say how to make the requests of each line: files that may be sent again are made once."""
    fixed = {
        "empty": traffic.ceiling("empty", '{"empty":'),
        "query": traffic.ceiling("query", '{"balance":"'),
        "bytes": traffic.ceiling("bytes", "[", size=catalogue_bytes),
        "order": traffic.ceiling("order", '{"order":'),
        "balance": traffic.balance(),
        "status": traffic.status(),
        "status_batch": traffic.status_batch(),
        "services": traffic.services(size=catalogue_bytes),
        "add": traffic.add(),
        "add_one_wallet": traffic.add_one_wallet(),
    }
    return {
        **{name: functools.partial(fixed.__getitem__, name) for name in fixed},
        "cancel": lambda: traffic.cancel(seconds=seconds),
        "refill": lambda: traffic.refill(seconds=seconds),
        "refill_status": traffic.refill_status,
    }
