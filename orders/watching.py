"""Notice runs that do not get on: sent late, delivered late, or not known to their provider."""

import logging
from datetime import timedelta
from typing import Any

from django.db import connection

from orders.models import Run
from orders.transitions import TRACKED_RUN_STATES

WAITING_MAX = timedelta(minutes=5)  # due for so long and not sent: its provider is paused, down or busy
TO_TAKE_MAX = timedelta(days=1)  # due for so long and not taken, where orders are delivered by hand: people sleep
SAMPLED_RUNS_MIN = 20  # fewer say nothing about how a service usually goes
SAMPLED_RUNS_MAX = 200_000  # the newest; more cost time and say the same
SAMPLED_DAYS = 30
EXPECTED_MIN = timedelta(minutes=10)  # a service that usually takes seconds is not late after a minute
EXPECTED_WITHOUT_SAMPLES = timedelta(hours=24)
AVERAGE_FACTOR = 3  # of the average that the catalogue states, where nothing was measured
PUT_OFF_MAX = timedelta(minutes=30)  # due for so long and put off again and again: its link is busy, nobody is reached
PUT_OFF_WITHIN = timedelta(hours=1)  # its last try, which is never longer ago than the longest wait between two
FLAGGED_MAX = 1000  # in one statement

logger = logging.getLogger(__name__)

# Finished orders are found by the index that archiving uses.
_MEASURE = """
INSERT INTO orders_servicepace (service_id, sampled_runs, p50, p95, measured_at)
SELECT service_id, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY took),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY took), statement_timestamp()
FROM (
    SELECT o.service_id, r.finished_at - r.submitted_at AS took
    FROM orders_order o JOIN orders_run r ON r.order_id = o.id
    WHERE o.archived_at IS NULL AND o.finished_at > statement_timestamp() - make_interval(days => %(days)s)
        AND r.state = 'completed' AND r.submitted_at IS NOT NULL
    ORDER BY o.finished_at DESC LIMIT %(most)s
) sample
GROUP BY service_id HAVING count(*) >= %(least)s
ON CONFLICT (service_id) DO UPDATE SET
    sampled_runs = excluded.sampled_runs, p50 = excluded.p50, p95 = excluded.p95, measured_at = excluded.measured_at
"""

_FLAG = """
UPDATE orders_run SET alarm = %(alarm)s, alarm_at = statement_timestamp()
WHERE id = ANY(ARRAY(
    SELECT id FROM orders_run WHERE {condition} LIMIT %(most)s FOR UPDATE SKIP LOCKED
))
"""
_IS_LATE = "state = ANY(%(tracked)s) AND alarm = '' AND expected_at <= statement_timestamp()"
# By provider, because that is how the queue is indexed.
_IS_WAITING = """
    provider_id = ANY(ARRAY(SELECT id FROM providers_provider WHERE kind <> 'manual'))
    AND state = 'queued' AND held_at IS NULL AND alarm = '' AND due_at <= statement_timestamp() - %(waiting)s
"""
_IS_NOT_TAKEN = """
    provider_id = ANY(ARRAY(SELECT id FROM providers_provider WHERE kind = 'manual'))
    AND state = 'queued' AND held_at IS NULL AND alarm = '' AND due_at <= statement_timestamp() - %(to_take)s
"""

# Each time it is put off it is due later, so the time counts from when it was due first. A run of a drip-feed may have
# kept an interval since then, so of these it counts from the first try.
_IS_PUT_OFF = """
    state = 'queued' AND held_at IS NULL AND alarm = '' AND id IN (
        SELECT r.id FROM orders_attempt a JOIN orders_run r ON r.id = a.run_id JOIN orders_order o ON o.id = r.order_id
        WHERE a.provider_id = ANY(ARRAY(SELECT id FROM providers_provider))
            AND a.started_at > statement_timestamp() - %(put_off_within)s
            AND r.state = 'queued' AND r.alarm = '' AND r.held_at IS NULL
            AND r.provider_id = ANY(ARRAY(SELECT id FROM providers_provider WHERE kind <> 'manual'))
            AND o.created_at + make_interval(mins => coalesce(o.interval_minutes, 0) * (r.number - 1))
                <= statement_timestamp() - %(put_off)s
            AND (o.run_count = 1 OR EXISTS (
                SELECT 1 FROM orders_attempt tried
                WHERE tried.run_id = r.id AND tried.started_at <= statement_timestamp() - %(put_off)s
            ))
    )
"""


_PACE = """
SELECT p.p95, s.average_minutes FROM catalog_service s LEFT JOIN orders_servicepace p ON p.service_id = s.id
WHERE s.id = %(service)s
"""


def expected_duration(service_id: int) -> timedelta:
    """Say within which time a run of a service is finished if it goes as 95 of 100 do."""
    with connection.cursor() as cursor:
        cursor.execute(_PACE, {"service": service_id})
        p95, average_minutes = cursor.fetchone()
    if p95 is not None:
        return max(p95, EXPECTED_MIN)
    if average_minutes is not None:
        return max(timedelta(minutes=average_minutes) * AVERAGE_FACTOR, EXPECTED_MIN)
    return EXPECTED_WITHOUT_SAMPLES


def measure_paces() -> int:
    """Measure how long runs of each service took lately; return how many services had enough of them."""
    parameters: dict[str, Any] = {"days": SAMPLED_DAYS, "least": SAMPLED_RUNS_MIN, "most": SAMPLED_RUNS_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, parameters)
        return cursor.rowcount


def flag_stuck() -> int:
    """Raise the alarm for runs that are late or wait too long; return how many."""
    parameters: dict[str, Any] = {
        "tracked": sorted(TRACKED_RUN_STATES), "waiting": WAITING_MAX, "most": FLAGGED_MAX,
        "put_off": PUT_OFF_MAX, "put_off_within": PUT_OFF_WITHIN, "to_take": TO_TAKE_MAX,
    }  # fmt: skip
    flagged = 0
    with connection.cursor() as cursor:
        for alarm, condition in (
            (Run.Alarm.LATE, _IS_LATE),
            (Run.Alarm.WAITING, _IS_WAITING),
            (Run.Alarm.WAITING, _IS_NOT_TAKEN),
            (Run.Alarm.WAITING, _IS_PUT_OFF),
        ):
            found = FLAGGED_MAX
            while found == FLAGGED_MAX:
                cursor.execute(_FLAG.format(condition=condition), parameters | {"alarm": alarm.value})
                found = cursor.rowcount
                flagged += found
    if flagged:
        logger.warning("%s runs are stuck; see `manage.py status`", flagged)
    return flagged
