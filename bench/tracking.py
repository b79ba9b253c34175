"""How many calls it takes to follow ten thousand open orders, and what a call costs us."""

import time
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from orders import tracking

OPEN_RUNS = 10_000
ROUND = tracking.POLL_MAX  # runs of a day's age are asked about so often
FIRST_ID = 10**9  # of the sandbox's orders; beyond all that there are
STEPS = 60  # a round is passed through in so many steps
ROUNDS = 3  # in the first, turns are still scattered


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the last round took."""

    runs: int
    calls: int
    seconds: float  # of ours, the provider's own time aside: the sandbox answers from a table

    def __str__(self) -> str:
        return (
            f"{self.runs:,} open orders were followed with {self.calls} provider calls a round "
            f"({self.seconds / self.calls * 1000:.0f} ms a call)"
        )


# Orders at the sandbox that have not begun, so that every answer is the one of the last time, as most are.
_PREPARE = (
    """
    CREATE TEMPORARY TABLE followed ON COMMIT DROP AS
    SELECT r.id, r.quantity, row_number() OVER () AS n
    FROM orders_run r WHERE r.state = 'completed' ORDER BY r.id LIMIT %(runs)s
    """,
    "UPDATE orders_run SET poll_at = NULL WHERE poll_at IS NOT NULL",
    """
    INSERT INTO providers_sandboxorder (id, service, link, quantity, outcome, created_at)
    SELECT %(first)s + n, 'bench', 'https://example.com', quantity, 'slow', now() + interval '10 days' FROM followed
    """,
    """
    UPDATE orders_run r SET state = 'submitted', provider_order = %(first)s + f.n, finished_at = NULL,
        remains = r.quantity, start_count = NULL, submitted_at = now() - interval '1 day',
        poll_at = now() + %(round)s * random()
    FROM followed f WHERE f.id = r.id
    """,
)

_PASS = "UPDATE orders_run SET poll_at = poll_at - %(step)s WHERE poll_at IS NOT NULL"


def measure() -> Tracking:
    """Follow orders for some rounds, moving the clock instead of waiting, and return what the last one took."""
    parameters: dict[str, Any] = {"runs": OPEN_RUNS, "round": ROUND, "first": FIRST_ID}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in _PREPARE:
            cursor.execute(statement, parameters)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_run")
    last = Tracking(0, 0, 0.0)
    for _ in range(ROUNDS):
        last = _follow_one_round()
    return last


def _follow_one_round() -> Tracking:
    step: dict[str, Any] = {"step": ROUND / STEPS}
    runs = calls = 0
    seconds = 0.0
    for _ in range(STEPS):
        with connection.cursor() as cursor:
            cursor.execute(_PASS, step)
        started = time.monotonic()
        while asked := tracking.track_due():
            runs += asked
            calls += 1
        seconds += time.monotonic() - started
    return Tracking(runs, calls, seconds)
