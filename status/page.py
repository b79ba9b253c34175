"""What the public status page tells: figures that were counted, and what staff wrote.

Nobody is named: who delivers for us is our customers' business as little as our competitors'.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from django.db.models import Q

from api_v2 import times
from api_v2.models import Outcome
from api_v2.times import Timed
from orders import monitoring, watching
from reports import figures, paces
from reports.paces import Paces
from status import heartbeat
from status.models import Incident

HOURS_SHOWN = 24
PACE_DAYS = 7
INCIDENT_DAYS = 30
INCIDENTS_MAX = 30
# The same answer to everybody for so long: a page that everyone opens when something is wrong must stay cheap then.
KEPT_SECONDS = 10.0
# Of the calls of the last two hours; single failures happen.
FAILED_SHARE_MINOR, FAILED_SHARE_MAJOR = 0.01, 0.25
FAILED_CALLS_MIN = 3


class Level(IntEnum):
    """How a component is doing, from well to worst."""

    OK = 0
    MAINTENANCE = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True, slots=True)
class HourFigures:
    """The calls of one hour; times are None where there were none."""

    hour: datetime
    calls: int
    failed: int
    p50_us: int | None
    p99_us: int | None


@dataclass(frozen=True, slots=True)
class Delays:
    """What was found out about orders by looking at them."""

    are_workers_away: bool
    failing_providers: int
    waiting: timedelta | None  # when that is longer than it should be


@dataclass(frozen=True, slots=True)
class PublicStatus:
    """All of it, at one moment."""

    at: datetime
    levels: Mapping[str, Level]
    hours: Sequence[HourFigures]
    day: HourFigures
    paces: Paces
    delays: Delays
    open_incidents: Sequence[Incident]
    past_incidents: Sequence[Incident]

    @property
    def level(self) -> Level:
        """Return the worst of all components."""
        return max(self.levels.values())


_kept: tuple[float, PublicStatus] | None = None


def read_status() -> PublicStatus:
    """Return what everybody may know; a few seconds old at most."""
    global _kept
    if _kept is None or time.monotonic() - _kept[0] > KEPT_SECONDS:
        _kept = time.monotonic(), _read()
    return _kept[1]


def forget() -> None:
    """Read anew the next time."""
    global _kept
    _kept = None


def _read() -> PublicStatus:
    now = datetime.now(UTC)
    hours = _list_hours(now)
    delays = _find_delays()
    recent = Incident.objects.filter(is_public=True).filter(
        Q(ended_at=None) | Q(started_at__gte=now - timedelta(days=INCIDENT_DAYS))
    )
    incidents = list(recent[:INCIDENTS_MAX])
    still_open = [one for one in incidents if one.ended_at is None or one.ended_at > now]
    today = figures.today()
    return PublicStatus(
        at=now,
        levels=_judge(hours, delays, [one for one in still_open if one.started_at <= now]),
        hours=hours,
        day=_sum_up(now, _timed_since(now)),
        paces=paces.list_panel_paces(since=today - timedelta(days=PACE_DAYS - 1), until=today),
        delays=delays,
        open_incidents=still_open,
        past_incidents=[one for one in incidents if one not in still_open],
    )


def _list_hours(now: datetime) -> list[HourFigures]:
    by_hour: dict[datetime, list[Timed]] = {}
    for timed in _timed_since(now):
        by_hour.setdefault(timed.hour, []).append(timed)
    first = _first_hour(now)
    wanted = (first + timedelta(hours=number) for number in range(HOURS_SHOWN))
    return [_sum_up(hour, by_hour.get(hour, [])) for hour in wanted]


def _timed_since(now: datetime) -> list[Timed]:
    return times.list_times(since=_first_hour(now))


def _first_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS_SHOWN - 1)


def _sum_up(hour: datetime, found: Sequence[Timed]) -> HourFigures:
    """Put the calls of all actions together; how long a crash took is no answer's time."""
    answered = times.add_up([timed for timed in found if timed.outcome != Outcome.FAILED])
    failed = sum(sum(timed.steps) for timed in found if timed.outcome == Outcome.FAILED)
    return HourFigures(
        hour,
        calls=sum(answered) + failed,
        failed=failed,
        p50_us=times.percentile_us(answered, 50),
        p99_us=times.percentile_us(answered, 99),
    )


def _find_delays() -> Delays:
    age = heartbeat.read_age()
    condition = monitoring.read_condition()
    waiting = condition.due.oldest
    return Delays(
        are_workers_away=age is None or age > heartbeat.SILENT_AFTER,
        failing_providers=sum(one.state == monitoring.ProviderState.DOWN for one in condition.providers),
        waiting=waiting if waiting is not None and waiting >= watching.WAITING_MAX else None,
    )


def _judge(hours: Sequence[HourFigures], delays: Delays, incidents: Sequence[Incident]) -> dict[str, Level]:
    """Say how each component is doing: the worst of what was counted and what staff say."""
    levels = dict.fromkeys(Incident.Component.values, Level.OK)
    levels[Incident.Component.API] = _judge_calls(hours[-2:])
    if delays.are_workers_away:
        levels[Incident.Component.ORDERS] = Level.MAJOR
    elif delays.waiting is not None or delays.failing_providers:
        levels[Incident.Component.ORDERS] = Level.MINOR
    for incident in incidents:
        levels[incident.component] = max(levels[incident.component], Level[incident.severity.upper()])
    return levels


def _judge_calls(hours: Sequence[HourFigures]) -> Level:
    calls, failed = sum(one.calls for one in hours), sum(one.failed for one in hours)
    if failed < FAILED_CALLS_MIN or failed < calls * FAILED_SHARE_MINOR:
        return Level.OK
    return Level.MAJOR if failed >= calls * FAILED_SHARE_MAJOR else Level.MINOR
