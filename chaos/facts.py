"""What the database says: for the history checker, for the figures, and for waiting."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from chaos.history import EntryRow, OrderRow

# Orders that cannot end by themselves while customers are at work: nobody sells them, or they take minutes.
UNHURRIED = "o.service_id = %(idle)s OR o.link LIKE '%%/slow/%%'"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with its order, as far as the accounts need them. All orders of a chaos run have one run."""

    order_id: int
    link: str
    quantity: int
    charge: Decimal
    refunded: Decimal
    status: str
    state: str
    remains: int
    provider: str
    provider_order: str
    alarm: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try to send a run, with its review if it had one; `at` times are seconds since 1970."""

    id: int
    link: str
    order_id: int
    provider: str
    state: str
    started_at: float
    review_id: int | None
    resolution: str
    resolved_at: float | None


def read_orders() -> list[OrderRow]:
    """Read every order."""
    rows = _fetch("SELECT id, customer_id, link, charge FROM orders_order")
    return [OrderRow(*row) for row in rows]


def read_entries() -> list[EntryRow]:
    """Read the customers' ledger."""
    rows = _fetch("""
        SELECT w.user_id, e.seq, e.key, e.amount, e.balance_after, extract(epoch FROM e.created_at)::float8
        FROM wallet_ledgerentry e JOIN wallet_wallet w ON w.account_id = e.wallet_id
    """)
    return [EntryRow(*row) for row in rows]


def read_runs() -> list[RunRow]:
    """Read every run with its order."""
    rows = _fetch("""
        SELECT o.id, o.link, o.quantity, o.charge, o.refunded, o.status, r.state, r.remains, coalesce(p.name, ''),
            r.provider_order, r.alarm
        FROM orders_run r
        JOIN orders_order o ON o.id = r.order_id LEFT JOIN providers_provider p ON p.id = r.provider_id
    """)
    return [RunRow(*row) for row in rows]


def read_attempts() -> list[AttemptRow]:
    """Read every attempt."""
    rows = _fetch("""
        SELECT a.id, o.link, o.id, p.name, a.state, extract(epoch FROM a.started_at)::float8, i.id,
            coalesce(i.resolution, ''), extract(epoch FROM i.resolved_at)::float8
        FROM orders_attempt a
        JOIN orders_run r ON r.id = a.run_id JOIN orders_order o ON o.id = r.order_id
        JOIN providers_provider p ON p.id = a.provider_id
        LEFT JOIN orders_reviewitem i ON i.attempt_id = a.id
        ORDER BY a.id
    """)
    return [AttemptRow(*row) for row in rows]


def count_unsettled(*, idle: int, before: float) -> int:
    """Count orders placed before a moment that are neither final nor in review, though they could be."""
    return _count(
        f"""
        SELECT count(*) FROM orders_run r JOIN orders_order o ON o.id = r.order_id
        WHERE r.state NOT IN ('completed', 'partial', 'canceled', 'rejected', 'unknown')
            AND o.created_at < to_timestamp(%(before)s) AND NOT ({UNHURRIED})
        """,
        idle=idle, before=before,
    )  # fmt: skip


def describe_unsettled(*, idle: int, before: float) -> list[str]:
    """Say of each order that `count_unsettled` counts where it is and what it waits for."""
    return [
        " ".join(map(str, row))
        for row in _fetch(
            f"""
            SELECT 'run', r.id, r.state, 'at', p.name, 'age', date_trunc('second', now() - o.created_at),
                'due in', date_trunc('second', r.due_at - now()), 'asked in', date_trunc('second', r.poll_at - now()),
                'held:', r.held_because, 'alarm:', r.alarm,
                'provider failures', p.failures, 'down for', date_trunc('second', p.down_until - now()),
                'paused for', date_trunc('second', p.paused_until - now()),
                'asked until', date_trunc('second', t.until - now())
            FROM orders_run r JOIN orders_order o ON o.id = r.order_id JOIN providers_provider p ON p.id = r.provider_id
            LEFT JOIN orders_trackingturn t ON t.provider_id = p.id
            WHERE r.state NOT IN ('completed', 'partial', 'canceled', 'rejected', 'unknown')
                AND o.created_at < to_timestamp(%(before)s) AND NOT ({UNHURRIED})
            ORDER BY r.id LIMIT 10
            """,
            idle=idle, before=before,
        )
    ]  # fmt: skip


def count_unsent(*, idle: int) -> int:
    """Count runs that are still to be sent, or on their way."""
    return _count(
        """
        SELECT count(*) FROM orders_run r JOIN orders_order o ON o.id = r.order_id
        WHERE r.state IN ('queued', 'submitting') AND o.service_id <> %(idle)s
        """,
        idle=idle,
    )


def describe_unrest() -> list[str]:
    """Say what is not at rest: runs without an end, attempts in flight, open reviews, refills and cancellations."""
    rows = _fetch("""
        SELECT 'runs ' || state, count(*) FROM orders_run
        WHERE state NOT IN ('completed', 'partial', 'canceled', 'rejected') GROUP BY state
        UNION ALL SELECT 'attempts in flight', count(*) FROM orders_attempt WHERE state = 'in_flight'
        UNION ALL SELECT 'open reviews', count(*) FROM orders_reviewitem WHERE resolved_at IS NULL
        UNION ALL SELECT 'open refills', count(*) FROM orders_refill WHERE status IN ('Pending', 'In progress')
    """)
    return [f"{count} {what}" for what, count in rows if count]


def hurry() -> None:
    """Bring forward what waits for its turn: long runs put old orders' turns minutes away. Nothing measured follows."""
    for table, column, condition in (
        ("orders_run", "poll_at", "poll_at > statement_timestamp()"),
        ("orders_run", "due_at", "state = 'queued' AND due_at > statement_timestamp()"),
        ("orders_refill", "poll_at", "poll_at > statement_timestamp()"),
        ("providers_provider", "down_until", "down_until > statement_timestamp()"),
        ("providers_provider", "paused_until", "paused_until > statement_timestamp()"),
    ):
        # Past the rows that workers hold: to wait for several of them in another order than theirs is a deadlock.
        _execute(f"""
            UPDATE {table} SET {column} = statement_timestamp()
            WHERE id IN (SELECT id FROM {table} WHERE {condition} FOR UPDATE SKIP LOCKED)
        """)


def make_stuck(*, idle: int, within_seconds: float) -> int:
    """Let the runs that nobody sends be as old as the alarm asks for, so many seconds from now."""
    from orders.watching import WAITING_MAX

    return _execute(
        """
        UPDATE orders_run r SET due_at = statement_timestamp() - %(age)s + make_interval(secs => %(within)s)
        FROM orders_order o WHERE o.id = r.order_id AND o.service_id = %(idle)s AND r.state = 'queued' AND r.alarm = ''
        """,
        age=WAITING_MAX, within=within_seconds, idle=idle,
    )  # fmt: skip


def seconds_to_alarm(*, idle: int) -> list[float | None]:
    """Return how long after it was stuck each of these runs was flagged; None if it was not."""
    from orders.watching import WAITING_MAX

    rows = _fetch(
        """
        SELECT extract(epoch FROM r.alarm_at - (r.due_at + %(age)s))::float8
        FROM orders_run r JOIN orders_order o ON o.id = r.order_id WHERE o.service_id = %(idle)s
        """,
        age=WAITING_MAX, idle=idle,
    )  # fmt: skip
    return [seconds for (seconds,) in rows]


def count_charges_without_order() -> int:
    """Count charges that pay for nothing."""
    return _count("""
        SELECT count(*) FROM wallet_ledgerentry e LEFT JOIN orders_order o ON o.charge_entry_id = e.id
        WHERE e.key LIKE 'charge:%%' AND o.id IS NULL
    """)


def count_orders_without_charge() -> int:
    """Count orders that are not paid for by exactly their own charge."""
    return _count("""
        SELECT count(*) FROM orders_order o LEFT JOIN wallet_ledgerentry e ON e.id = o.charge_entry_id
        WHERE e.key IS DISTINCT FROM 'charge:order:' || o.id OR e.amount <> o.charge
    """)


def count_refunds_apart() -> tuple[int, int]:
    """Return how many refunds there are, and how many were not posted in the transaction that explains them.

    Rows tell the transaction that wrote them; both tables are only ever appended to.
    """
    ((refunds, apart),) = _fetch("""
        SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
            SELECT FROM orders_orderevent v
            WHERE v.order_id = split_part(e.key, ':', 3)::int AND v.kind = 'refunded' AND v.xmin = e.xmin
                AND (v.data->>'amount')::numeric = e.amount
        ))
        FROM wallet_ledgerentry e WHERE e.key LIKE 'refund:%%'
    """)
    return refunds, apart


def read_refunds() -> dict[int, list[tuple[Decimal, float]]]:
    """Return each order's refunds with their times.

    An entry carries the time at which its transaction began, which is before the decision that it follows. The event
    beside it carries its own.
    """
    refunds: dict[int, list[tuple[Decimal, float]]] = {}
    for order_id, amount, at in _fetch("""
        SELECT e.order_id, e.amount, extract(epoch FROM coalesce(v.at, e.created_at))::float8
        FROM (
            SELECT *, xmin AS written_by, split_part(key, ':', 3)::int AS order_id
            FROM wallet_ledgerentry WHERE key LIKE 'refund:%%'
        ) e
        LEFT JOIN (SELECT *, xmin AS written_by FROM orders_orderevent WHERE kind = 'refunded') v
            ON v.order_id = e.order_id AND v.written_by = e.written_by
        ORDER BY e.id
    """):
        refunds.setdefault(order_id, []).append((amount, at))
    return refunds


def refills_in_doubt() -> list[tuple[int, str, str]]:
    """Return refills that were sent without a certain end: refill, provider, the order's number there."""
    rows = _fetch("""
        SELECT p.refill_id, v.name, r.provider_order
        FROM orders_refillpart p JOIN orders_refill f ON f.id = p.refill_id
        JOIN orders_run r ON r.id = p.run_id JOIN providers_provider v ON v.id = r.provider_id
        WHERE f.status IN ('Pending', 'In progress') AND p.sent_at IS NOT NULL AND p.provider_refill = ''
            AND p.status = 'Pending'
    """)
    return [(refill, provider, number) for refill, provider, number in rows]


def open_reviews() -> list[AttemptRow]:
    """Return the attempts that wait for a person."""
    return [attempt for attempt in read_attempts() if attempt.review_id is not None and attempt.resolved_at is None]


def _fetch(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    _renew_connection()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _execute(sql: str, **parameters: Any) -> int:
    _renew_connection()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def _renew_connection() -> None:
    """Replace a connection that a stop of the database has broken."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def _count(sql: str, **parameters: Any) -> int:
    ((count,),) = _fetch(sql, **parameters)
    return count
