"""What is broken when: a list made of a seed before anything runs, so that the same seed breaks the same things.

Pure: no clock, no processes. How many calls fall into a fault depends on the machine all the same.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

UPSTREAMS = ("north", "south", "bad")
WORKERS = ("worker1", "worker2")
LONG_RUN_MINUTES = 6  # from here on outages last as long as the promises say, and storms fill the time
ROUND_MINUTES = 10
FREEZE_SECONDS, FREEZE_SECONDS_LONG = 10.0, 60.0
STORM_SECONDS = 60.0
AFTERMATH_SECONDS = 150.0  # at most; it ends when what it waits for has come

# How often calls fail while the panel's own processes are being hurt too. "accept" means that the provider did what
# it was asked.
MIXED: Mapping[str, float] = {
    "add:hang": 0.003,
    "add:accept_hang": 0.005,
    "add:reset": 0.005,
    "add:accept_reset": 0.01,
    "add:http_500": 0.005,
    "add:accept_http_500": 0.01,
    "add:html": 0.005,
    "add:accept_html": 0.01,
    "add:accept_truncated": 0.01,
    "add:accept_cut": 0.005,
    "add:accept_both": 0.005,
    "add:unknown_error": 0.005,
    "add:reused_id": 0.003,
    "add:refuse": 0.02,
    "status:reset": 0.02,
    "status:html": 0.02,
    "status:http_500": 0.02,
    "status:accept_truncated": 0.02,
    "status:accept_negative": 0.02,
    "status:accept_absurd": 0.02,
    "cancel:reset": 0.05,
    "cancel:accept_reset": 0.05,
}
HANGING: Mapping[str, float] = {"hang": 1.0}


class PhaseKind(StrEnum):
    """What a part of the run is there to show."""

    CALM = "calm"
    HANGING = "hanging"  # one provider does not answer at all
    BROKER = "broker"
    DATABASE = "database"
    DEPLOYS = "deploys"
    WORKERS = "workers"
    AFTERMATH = "aftermath"
    STORM = "storm"


@dataclass(frozen=True, slots=True)
class Fault:
    """One blow, so many seconds after its phase begins; `seconds` is how long an outage lasts."""

    at: float
    kind: str
    target: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {' '.join(filter(None, (self.kind, self.target)))}{lasting}"


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run with its faults; `chances` says how the providers fail meanwhile."""

    kind: PhaseKind
    seconds: float
    faults: Sequence[Fault] = ()
    chances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def plan(*, seed: int, minutes: float) -> list[Phase]:
    """Lay a run out. Below `LONG_RUN_MINUTES` every kind of phase comes once, in about three minutes."""
    chance = random.Random(seed)
    if minutes < LONG_RUN_MINUTES:
        return _round(chance, stretch=max(minutes / 3, 0.5), freeze_seconds=FREEZE_SECONDS)
    phases: list[Phase] = []
    while (left := minutes * 60 - sum(phase.seconds for phase in phases)) > 0:
        if not phases or left > ROUND_MINUTES * 60 / 2:
            phases += _round(chance, stretch=2, freeze_seconds=FREEZE_SECONDS_LONG)
        else:
            phases.append(_storm(chance))
    return phases


def _round(chance: random.Random, *, stretch: float, freeze_seconds: float) -> list[Phase]:
    return [
        Phase(PhaseKind.CALM, 25 * stretch),
        Phase(PhaseKind.HANGING, 25 * stretch, chances={"bad": HANGING}),
        _broker(chance, freeze_seconds=freeze_seconds),
        _database(chance, stops=max(3, round(3 * stretch))),
        _deploys(chance, times=max(1, round(stretch))),
        _workers(chance, seconds=20 * stretch),
        Phase(PhaseKind.AFTERMATH, AFTERMATH_SECONDS, chances=_everybody(MIXED)),
    ]


def _everybody(chances: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    return dict.fromkeys(UPSTREAMS, chances)


def _broker(chance: random.Random, *, freeze_seconds: float) -> Phase:
    """Forget everything, freeze, forget again, disappear; between them enough time to see the effect."""
    gone = round(chance.uniform(2, 5), 1)
    faults = [
        Fault(2, "flush"),
        Fault(5, "freeze", seconds=freeze_seconds),
        Fault(5 + freeze_seconds + 8, "flush"),
        Fault(5 + freeze_seconds + 10, "stop-broker", seconds=gone),
    ]
    return Phase(PhaseKind.BROKER, 5 + freeze_seconds + 10 + gone + 8, faults)


def _database(chance: random.Random, *, stops: int) -> Phase:
    kinds = ["immediate", "kill", "backend"]
    chance.shuffle(kinds)
    faults = [
        Fault(2 + 8 * number, "stop-database", kinds[number % 3], round(chance.uniform(1, 3), 1))
        for number in range(stops)
    ]
    return Phase(PhaseKind.DATABASE, 8 * stops + 4, faults, _everybody(MIXED))


def _deploys(chance: random.Random, *, times: int) -> Phase:
    faults: list[Fault] = []
    for number in range(times):
        steps = [("deploy", WORKERS[0]), ("deploy", WORKERS[1]), ("deploy", "web"), ("kill-child", "web"),
                 ("deploy", "beat")]  # fmt: skip
        chance.shuffle(steps)
        faults += [Fault(1 + 15 * number + 3 * step, kind, target) for step, (kind, target) in enumerate(steps)]
    return Phase(PhaseKind.DEPLOYS, 15 * times + 2, faults, _everybody(MIXED))


def _workers(chance: random.Random, *, seconds: float) -> Phase:
    """Kill a random worker every two seconds."""
    faults = [Fault(float(at), "kill", chance.choice(WORKERS)) for at in range(2, int(seconds), 2)]
    return Phase(PhaseKind.WORKERS, seconds, faults, _everybody(MIXED))


def _storm(chance: random.Random) -> Phase:
    """Everything at random."""
    return Phase(PhaseKind.STORM, STORM_SECONDS, list(_random_faults(chance)), _everybody(MIXED))


def _random_faults(chance: random.Random) -> Iterator[Fault]:
    at = 0.0
    while (at := at + chance.uniform(2, 8)) < STORM_SECONDS - 5:
        kind = chance.choice(
            ["flush", "freeze", "stop-broker", "stop-database", "deploy", "kill", "kill", "kill-child"]
        )
        seconds = round(chance.uniform(1, 5), 1)
        moment = round(at, 1)
        match kind:
            case "freeze" | "stop-broker":
                yield Fault(moment, kind, seconds=seconds)
            case "stop-database":
                yield Fault(moment, kind, chance.choice(["immediate", "kill", "backend"]), seconds)
            case "deploy":
                yield Fault(moment, kind, chance.choice([*WORKERS, "web", "beat"]))
            case "kill":
                yield Fault(moment, kind, chance.choice(WORKERS))
            case "kill-child":
                yield Fault(moment, kind, "web")
            case _:
                yield Fault(moment, kind)
