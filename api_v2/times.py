"""How long calls take: the steps in which that is counted, and what is read from the counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api_v2.models import CallTime

# Calls up to so many microseconds are in the step, the rest in one more. Fine where calls usually are.
BOUNDS_US = (
    500, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 50_000, 75_000, 100_000,
    150_000, 200_000, 300_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
)  # fmt: skip
STEPS = len(BOUNDS_US) + 1
ALL_TIME_HOUR = 0  # since 1970
ALL_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timed:
    """The calls of one hour, or of all time, by action and outcome."""

    hour: datetime
    action: str
    outcome: str
    steps: Sequence[int]
    total_us: int


def list_times(*, since: datetime) -> list[Timed]:
    """List the hours from a moment on."""
    rows = CallTime.objects.filter(hour__gte=since).order_by("hour", "action", "outcome")
    return [Timed(*row) for row in rows.values_list("hour", "action", "outcome", "steps", "total_us")]


def list_all_times() -> list[Timed]:
    """List what was counted since the panel was installed: what only ever grows."""
    rows = CallTime.objects.filter(hour=ALL_TIME).order_by("action", "outcome")
    return [Timed(*row) for row in rows.values_list("hour", "action", "outcome", "steps", "total_us")]


def add_up(times: Sequence[Timed]) -> list[int]:
    """Return the steps of all together. Pure."""
    return [sum(column) for column in zip(*(timed.steps for timed in times), strict=True)] or [0] * STEPS


def percentile_us(steps: Sequence[int], percent: int) -> int | None:
    """Return the time within which so many percent of the calls were answered; None without calls.

    Within its step calls are taken to be spread evenly. What took longer than the last bound took just that.
    """
    total = sum(steps)
    if not total:
        return None
    wanted, before = total * percent / 100, 0
    for number, count in enumerate(steps[: len(BOUNDS_US)]):
        if count and before + count >= wanted:
            low = BOUNDS_US[number - 1] if number else 0
            return round(low + (BOUNDS_US[number] - low) * (wanted - before) / count)
        before += count
    return BOUNDS_US[-1]
