"""Ask providers about the runs they have, and record what they report."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from orders import settlement
from orders.errors import ReportImpossible
from orders.models import Order, Run
from orders.transitions import FINAL_RUN_STATES, TRACKED_RUN_STATES, RunState, may_follow
from panel import checkpoints
from providers import adapter, health
from providers.adapter import STATUS_IDS_MAX, Report, ReportedStatus
from providers.errors import ProviderError, Refused
from providers.models import Provider

ASKING = timedelta(seconds=35)  # a call takes at most 25 s; what a killed worker was asking about waits for the rest
# While a worker asks a provider nobody else does, but for no longer than this: a call that hangs, a worker that was
# killed, or one that cannot say it is done as the database is away keeps only those runs waiting that it asks about.
TURN = timedelta(seconds=10)
# Fresh orders are watched closely, old ones seldom: a tenth of a run's age, within these bounds.
POLL_SHARE_OF_AGE = 0.1
POLL_MIN = timedelta(seconds=2)
POLL_MAX = timedelta(minutes=10)
# A call for one order costs what one for a hundred does: it takes along those whose turn comes within this share of
# the time between two of theirs. So turns meet, and 10,000 orders need about 100 calls a round.
AHEAD_SHARE = 0.25
SPLIT_CALLS_MAX = 16  # one bad id among a hundred is found in 14
SPLIT_WITHIN_SECONDS = 5.0  # and one more call still fits into `ASKING`
NOT_KNOWN_MAX = 3  # answers in a row without it, before staff are told: a provider's own lists may lag behind

START_COUNT_MAX = 2**63 - 1  # what the column holds

News = tuple[RunState, int, int | None]  # the state, what remains, and the start count

STATE_OF_REPORT = {
    ReportedStatus.PENDING: RunState.SUBMITTED,
    ReportedStatus.PROCESSING: RunState.PROCESSING,
    ReportedStatus.IN_PROGRESS: RunState.IN_PROGRESS,
    ReportedStatus.COMPLETED: RunState.COMPLETED,
    ReportedStatus.PARTIAL: RunState.PARTIAL,
    ReportedStatus.CANCELED: RunState.CANCELED,
}

logger = logging.getLogger(__name__)

# Whoever is too late for a turn that somebody else takes at the same moment comes again in a second.
_TAKE_TURN = f"""
INSERT INTO orders_trackingturn AS turn (provider_id, until)
SELECT p.id, statement_timestamp() + %(turn)s
FROM providers_provider p
CROSS JOIN LATERAL (
    SELECT r.poll_at FROM orders_run r
    WHERE r.provider_id = p.id AND r.state = ANY(%(states)s) AND r.poll_at <= statement_timestamp()
    ORDER BY r.poll_at LIMIT 1
) longest
WHERE {health.IS_REACHABLE} AND NOT EXISTS (
    SELECT FROM orders_trackingturn taken WHERE taken.provider_id = p.id AND taken.until > statement_timestamp()
)
ORDER BY longest.poll_at LIMIT 1
ON CONFLICT (provider_id) DO UPDATE SET until = excluded.until WHERE turn.until <= statement_timestamp()
RETURNING provider_id
"""

_END_TURN = "UPDATE orders_trackingturn SET until = statement_timestamp() WHERE provider_id = %(provider)s"

_INTERVAL = "least(greatest((statement_timestamp() - submitted_at) * %(share)s, %(min)s), %(max)s)"

# An array is read once. What stands in `IN (...)` the planner may read again for each row it joins, and then its limit
# counts for nothing: more ids than one call may carry.
_CLAIM_RUNS = f"""
UPDATE orders_run SET poll_at = statement_timestamp() + %(asking)s
WHERE id = ANY(ARRAY(
    SELECT id FROM orders_run
    WHERE provider_id = %(provider)s AND state = ANY(%(states)s)
        AND poll_at <= statement_timestamp() + %(max)s * %(ahead)s
        AND poll_at <= statement_timestamp() + {_INTERVAL} * %(ahead)s
    ORDER BY poll_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
RETURNING id, provider_order, state, quantity, remains, start_count, start_count_by_staff
"""

# A cancellation of a drip-feed locks its runs by their numbers. Locked here as they happen to be found, each of the two
# might have a run that the other one waits for.
_LOCKED_BY_NUMBER = """
id = ANY(ARRAY(
    SELECT id FROM orders_run WHERE id = ANY(%(run_ids)s) AND {condition} ORDER BY order_id, number FOR NO KEY UPDATE
))
"""
_ARE_TRACKED = _LOCKED_BY_NUMBER.format(condition="state = ANY(%(states)s)")

_NEXT_POLL = f"UPDATE orders_run SET poll_at = statement_timestamp() + {_INTERVAL} WHERE {_ARE_TRACKED}"

# The next call begins with these: the last one ended before it came to them.
_ASK_SOON = f"UPDATE orders_run SET poll_at = statement_timestamp() WHERE {_ARE_TRACKED}"

_COUNT_NOT_KNOWN = f"""
UPDATE orders_run SET
    unknown_count = least(unknown_count + 1, 1000),
    alarm = CASE WHEN unknown_count + 1 >= %(most)s THEN 'not_known' ELSE alarm END,
    alarm_at = CASE WHEN unknown_count + 1 >= %(most)s THEN coalesce(alarm_at, statement_timestamp()) ELSE alarm_at END
WHERE {_ARE_TRACKED}
"""

_FORGET_NOT_KNOWN = f"""
UPDATE orders_run SET
    unknown_count = 0,
    alarm_at = CASE WHEN alarm = 'not_known' THEN NULL ELSE alarm_at END,
    alarm = CASE WHEN alarm = 'not_known' THEN '' ELSE alarm END
WHERE {_LOCKED_BY_NUMBER.format(condition="unknown_count > 0")}
"""

_STATES = sorted(TRACKED_RUN_STATES)
_POLLING: dict[str, Any] = {"share": POLL_SHARE_OF_AGE, "min": POLL_MIN, "max": POLL_MAX, "states": _STATES}


def track_due() -> int:
    """Ask the provider whose runs wait longest about at most one call's worth of them; return how many."""
    provider_id = _take_turn()
    if provider_id is None:
        return 0
    try:
        provider = Provider.objects.get(pk=provider_id)
        runs = _claim_runs(provider)
        if runs:
            _ask(provider, runs)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_END_TURN, {"provider": provider_id})
    return len(runs)


def _take_turn() -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN, _POLLING | {"turn": TURN})
        taken = cursor.fetchone()
    return taken and taken[0]


def _claim_runs(provider: Provider) -> dict[str, Run]:
    claim = _POLLING | {"provider": provider.pk, "asking": ASKING, "ahead": AHEAD_SHARE, "limit": STATUS_IDS_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_RUNS, claim)
        return read_runs(cursor)


def _ask(provider: Provider, runs: dict[str, Run]) -> None:
    reports, asked = _list_reports(provider, list(runs))
    checkpoints.reached("after_ask")
    record_reports(runs, reports)
    answered = {run.pk for provider_order, run in runs.items() if provider_order in asked}
    known = {run.pk for provider_order, run in runs.items() if provider_order in reports}
    left = {run.pk for run in runs.values()} - answered
    # Whoever refuses everything is not asked again at once.
    soon, later = (left, answered) if reports else (set[int](), left | answered)
    with connection.cursor() as cursor:
        if soon:
            cursor.execute(_ASK_SOON, {"run_ids": list(soon), "states": _STATES})
        cursor.execute(_NEXT_POLL, _POLLING | {"run_ids": list(later)})
        cursor.execute(_FORGET_NOT_KNOWN, {"run_ids": list(known)})
        missing: dict[str, Any] = {"run_ids": list(answered - known), "states": _STATES, "most": NOT_KNOWN_MAX}
        cursor.execute(_COUNT_NOT_KNOWN, missing)


def _list_reports(provider: Provider, provider_orders: list[str]) -> tuple[dict[str, Report], set[str]]:
    """Return what a provider reports, and about which orders it answered at all.

    Some panels refuse a whole list for one id in it. Such a list is asked about in halves until the bad id is alone,
    as long as that is quick; what is not asked about then comes first the next time.
    """
    client = adapter.connect(provider)
    reports: dict[str, Report] = {}
    asked: set[str] = set()
    started = time.monotonic()
    lists = [provider_orders]
    for call in range(SPLIT_CALLS_MAX):
        if not lists or (call > 0 and time.monotonic() - started > SPLIT_WITHIN_SECONDS):
            break
        ids = lists.pop()
        try:
            with health.watched(provider):
                reports |= client.statuses(ids)
        except Refused as error:
            logger.warning("provider %s refused %s ids: %s", provider, len(ids), error.evidence)
            if len(ids) > 1:
                middle = len(ids) // 2
                lists += [ids[middle:], ids[:middle]]
                continue
        except ProviderError as error:
            logger.warning("provider %s did not report: %s", provider, error.evidence)
            break
        except Exception:
            # A bug in one provider's adapter must not keep the other providers' orders waiting.
            logger.exception("asking provider %s failed", provider)
            break
        asked.update(ids)
    return reports, asked


def read_runs(cursor: Any) -> dict[str, Run]:
    """Read the claimed runs of one provider, by its ids, with what a report is compared with."""
    columns = [column.name for column in cursor.description]
    runs = [Run(**dict(zip(columns, row, strict=True))) for row in cursor.fetchall()]
    return {run.provider_order: run for run in runs}


def record_reports(runs: Mapping[str, Run], reports: Mapping[str, Report]) -> None:
    """Record what is new of what a provider reports, order by order."""
    for provider_order, report in reports.items():
        run = runs.get(provider_order)
        # Most answers are the ones of the last time, and those need no transaction.
        if run is None or _news(run, report) is None:
            continue
        try:
            record_report(run.pk, report)
        except Exception:
            # One order that cannot be recorded must not keep the others of this answer waiting.
            logger.exception("recording a report of run %s failed", run.pk)
        checkpoints.reached("after_report")


def record_report(run_id: int, report: Report) -> None:
    """Store what a provider reports of a run, and settle the order in the same transaction.

    Reports that cannot be are left out with a log line: a state that may not follow, or more remaining than
    was ordered. The same report again changes nothing.
    """
    with transaction.atomic(durable=True):
        order = settlement.lock_order("run", run_id)
        run = settlement.lock_run(run_id)
        news = _news(run, report)
        if news is not None:
            take_over(order, run, news)
            checkpoints.reached("in_report")


def take_over(order: Order, run: Run, news: News) -> None:
    """Write what a report brings of a locked run and settle its locked order, in the caller's transaction."""
    target, remains, start_count = news
    settlement.move_run(run, target, remains=remains, start_count=start_count)
    settlement.settle(order)


def read_news(run: Run, report: Report) -> News | None:
    """Return what a report brings that is not known yet; None when it brings nothing.

    :raises ReportImpossible: a state that may not follow, more remaining than was ordered, or less than was given back.
    """
    target = STATE_OF_REPORT[report.status]
    remains = _remains(run, report, target)
    if remains is None or not (target == run.state or may_follow(RunState(run.state), target)):
        raise ReportImpossible(f"impossible report {report}")
    start_count = _start_count(run, report)
    if (target, remains, start_count) == (run.state, run.remains, run.start_count):
        return None
    if target == run.state and target in FINAL_RUN_STATES and remains < run.remains:
        # What was refunded stays refunded, so the story keeps the number that explains it.
        raise ReportImpossible(f"{run.remains - remains} more delivered after the end")
    return target, remains, start_count


def _news(run: Run, report: Report) -> News | None:
    """Do the same of what a provider says: what cannot be is left out with a log line."""
    try:
        return read_news(run, _of_one(report) if run.quantity == 1 else report)
    except ReportImpossible as error:
        logger.warning("run %s (%s): %s", run.pk, run.state, error.why)
        return None


def _of_one(report: Report) -> Report:
    """Read a report of one piece, which either came whole or did not.

    That is a package, and what remains of it providers count in units of their own. How many those were at first no
    report says, so a part of the charge would be a guess: what did not come whole is given back whole.
    """
    is_counted_in_units = report.remains is not None and report.remains > 1
    return replace(report, remains=1) if is_counted_in_units else report


def _remains(run: Run, report: Report, target: RunState) -> int | None:
    """Return what remains after a report, or None when it cannot be true.

    The final words say it themselves: nothing after completion, everything after cancellation.
    """
    if target == RunState.COMPLETED:
        return 0
    if target == RunState.CANCELED:
        return run.quantity
    if report.remains is None:
        return None if target == RunState.PARTIAL else run.remains
    return report.remains if 0 <= report.remains <= run.quantity else None


def _start_count(run: Run, report: Report) -> int | None:
    """Return the counter before delivery: what staff say, else the last one that can be true."""
    if run.start_count_by_staff or report.start_count is None or not 0 <= report.start_count <= START_COUNT_MAX:
        return run.start_count
    return report.start_count
