"""How long calls take, counted by steps."""

from datetime import UTC, datetime, timedelta

import pytest

from api_v2 import recording, tasks, times
from api_v2.models import CallTime
from tests.fixtures import call_api

STEPS = len(times.BOUNDS_US) + 1


def steps(**counts):
    found = [0] * STEPS
    for number, count in counts.items():
        found[int(number.removeprefix("s"))] = count
    return found


@pytest.mark.parametrize(
    ("counted", "percent", "expected"),
    [
        (steps(), 50, None),
        (steps(s0=10), 50, 250),  # half of the way to 500
        (steps(s0=10), 99, 495),
        (steps(s0=50, s3=50), 50, 500),
        (steps(s0=50, s3=50), 75, 1750),  # half of the way from 1,500 to 2,000
        (steps(s23=5), 50, 10_000_000),
        (steps(s0=99, s22=1), 100, 10_000_000),
    ],
)
def test_percentiles(counted, percent, expected):
    assert times.percentile_us(counted, percent) == expected


@pytest.mark.django_db
def test_hours_and_all_time_are_counted_together(customer):
    call_api(customer, action="balance")
    recording.recorder.write()
    call_api(customer, action="balance")
    call_api(customer, action="balance")
    recording.recorder.write()

    (hour,) = times.list_times(since=datetime.now(UTC) - timedelta(hours=2))
    (total,) = times.list_all_times()

    assert (hour.action, hour.outcome, sum(hour.steps)) == ("balance", "ok", 3)
    assert (total.steps, total.total_us) == (hour.steps, hour.total_us)
    assert times.add_up([hour, total]) == [2 * count for count in hour.steps]


@pytest.mark.django_db
def test_old_hours_are_forgotten_and_their_sum_is_not():
    now = datetime.now(UTC)
    for hour in (times.ALL_TIME, now - timedelta(days=32), now - timedelta(days=30)):
        CallTime.objects.create(hour=hour, action="add", outcome="ok", steps=steps(s0=1), total_us=1)

    tasks.prune_times()

    assert [row.hour for row in CallTime.objects.order_by("hour")] == [times.ALL_TIME, now - timedelta(days=30)]
