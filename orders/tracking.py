"""Ask providers about the runs they have, and record what they report."""

import logging
from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from orders import settlement
from orders.models import Run
from orders.transitions import FINAL_RUN_STATES, TRACKED_RUN_STATES, RunState, may_follow
from providers import adapter
from providers.adapter import STATUS_IDS_MAX, Report, ReportedStatus
from providers.errors import ProviderError
from providers.models import Provider

# While a process asks, nobody else does; it is given back by the time the answer is recorded.
ASKING = timedelta(seconds=60)
# Fresh orders are watched closely, old ones seldom: a tenth of a run's age, within these bounds.
POLL_SHARE_OF_AGE = 0.1
POLL_MIN = timedelta(seconds=2)
POLL_MAX = timedelta(minutes=10)

START_COUNT_MAX = 2**63 - 1  # what the column holds

STATE_OF_REPORT = {
    ReportedStatus.PENDING: RunState.SUBMITTED,
    ReportedStatus.PROCESSING: RunState.PROCESSING,
    ReportedStatus.IN_PROGRESS: RunState.IN_PROGRESS,
    ReportedStatus.COMPLETED: RunState.COMPLETED,
    ReportedStatus.PARTIAL: RunState.PARTIAL,
    ReportedStatus.CANCELED: RunState.CANCELED,
}

logger = logging.getLogger(__name__)

_CLAIM = """
UPDATE orders_run SET poll_at = statement_timestamp() + %(asking)s
WHERE id IN (
    SELECT id FROM orders_run
    WHERE state = ANY(%(states)s) AND poll_at <= statement_timestamp()
    ORDER BY poll_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id, provider_id, provider_order
"""

_NEXT_POLL = """
UPDATE orders_run SET poll_at = statement_timestamp()
    + least(greatest((statement_timestamp() - submitted_at) * %(share)s, %(min)s), %(max)s)
WHERE id = ANY(%(run_ids)s) AND state = ANY(%(states)s)
"""


def track_due() -> int:
    """Ask about the runs whose turn it is, at most one call's worth per provider; return how many."""
    due: dict[int, dict[str, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        claim: dict[str, Any] = {
            "asking": ASKING,
            "states": sorted(TRACKED_RUN_STATES),
            "limit": STATUS_IDS_MAX,
        }
        cursor.execute(_CLAIM, claim)
        for run_id, provider_id, provider_order in cursor.fetchall():
            due[provider_id][provider_order] = run_id
    for provider in Provider.objects.filter(pk__in=due):
        _ask(provider, due[provider.pk])
    return sum(len(runs) for runs in due.values())


def _ask(provider: Provider, runs: dict[str, int]) -> None:
    try:
        reports = adapter.connect(provider).statuses(list(runs))
    except ProviderError as error:
        logger.warning("provider %s did not report: %s", provider, error.evidence)
        reports = {}
    except Exception:
        # A bug in one provider's adapter must not keep the other providers' orders waiting.
        logger.exception("asking provider %s failed", provider)
        reports = {}
    for provider_order, report in reports.items():
        if provider_order not in runs:
            continue
        try:
            record_report(runs[provider_order], report)
        except Exception:
            # One order that cannot be recorded must not keep the others of this answer waiting.
            logger.exception("recording a report of run %s failed", runs[provider_order])
    next_poll: dict[str, Any] = {
        "share": POLL_SHARE_OF_AGE,
        "min": POLL_MIN,
        "max": POLL_MAX,
        "run_ids": list(runs.values()),
        "states": sorted(TRACKED_RUN_STATES),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_POLL, next_poll)


def record_report(run_id: int, report: Report) -> None:
    """Store what a provider reports of a run, and settle the order in the same transaction.

    Reports that cannot be are left out with a log line: a state that may not follow, or more remaining than
    was ordered. The same report again changes nothing.
    """
    with transaction.atomic(durable=True):
        order = settlement.lock_order(Run.objects.values_list("order_id", flat=True).get(pk=run_id))
        run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
        target = STATE_OF_REPORT[report.status]
        remains = _remains(run, report, target)
        if remains is None or not (target == run.state or may_follow(RunState(run.state), target)):
            logger.warning("run %s (%s): impossible report %s", run_id, run.state, report)
            return
        start_count = _start_count(run, report)
        if (target, remains, start_count) == (run.state, run.remains, run.start_count):
            return
        if target == run.state and target in FINAL_RUN_STATES and remains < run.remains:
            # What was refunded stays refunded, so the story keeps the number that explains it.
            logger.warning("run %s: %s more delivered after the end", run_id, run.remains - remains)
            return
        settlement.move_run(run, target, remains=remains, start_count=start_count)
        settlement.settle(order)


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
    """Return the counter before delivery: the last one that can be true."""
    if report.start_count is None or not 0 <= report.start_count <= START_COUNT_MAX:
        return run.start_count
    return report.start_count
