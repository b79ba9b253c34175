"""Ask the server for a while with `wrk`, or the database with `pgbench`, and say how fast and how right it was."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")
# wrk waits for answers that are on their way; a run that hangs is a failure, not a wait.
GRACE_SECONDS = 30


class LoadToolMissing(Exception):
    """A program that makes the load is not installed; the message says how to install it."""


@dataclass
class Outcome:
    """What one or several runs of the same load measured; outcomes add up."""

    requests: int = 0
    seconds: float = 0.0
    latencies: Counter[int] = field(default_factory=Counter)  # microseconds -> answers
    wrong: int = 0
    example: str = ""

    def __iadd__(self, other: "Outcome") -> "Outcome":
        self.requests += other.requests
        self.seconds += other.seconds
        self.latencies += other.latencies
        self.wrong += other.wrong
        self.example = self.example or other.example
        return self

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """Return the milliseconds within which so many percent of the answers came."""
        remaining = sum(self.latencies.values()) * percent / 100
        for microseconds in sorted(self.latencies):
            remaining -= self.latencies[microseconds]
            if remaining <= 0:
                return microseconds / 1000
        return 0.0


def check_tools() -> None:
    """Look for wrk before anything is started.

    :raises LoadToolMissing:
    """
    if shutil.which("wrk") is None:
        raise LoadToolMissing("wrk is not installed: apt-get install wrk")


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of one kind, in a file of one line each, and how a right answer to them starts."""

    path: str
    method: str
    file: Path
    answer_start: str
    once: bool = False  # each may be sent a single time
    answer_bytes: int | None = None  # when it is known


def run_wrk(address: str, requests: Requests, *, connections: int, seconds: float) -> Outcome:
    """Send requests over so many connections, each with one at a time."""
    ended, printed = _run(
        [
            *("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"),
            *("--script", str(SCRIPT), address + requests.path, "--", str(requests.file), requests.method),
            *("once" if requests.once else "cycle", requests.answer_start, str(requests.answer_bytes or "")),
        ],
        seconds,
    )
    outcome = _read_result(printed.partition("=== result\n")[2], requests)
    if ended != 0:
        outcome.wrong += 1
        outcome.example = f"wrk failed: {printed[-300:]}"
    return outcome


def _read_result(text: str, requests: Requests) -> Outcome:
    """Read what `load.lua` prints at the end: names with a value, `latency` with two, many times."""
    facts = {"requests": "0", "microseconds": "0", "wrong": "0", "broken": "0", "exhausted": "0", "example": ""}
    outcome = Outcome()
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "latency":
            microseconds, count = value.split()
            outcome.latencies[int(microseconds)] += int(count)
        else:
            facts[name] = value
    outcome.requests = int(facts["requests"])
    outcome.seconds = int(facts["microseconds"]) / 1_000_000
    outcome.wrong = int(facts["wrong"]) + int(facts["broken"]) + int(facts["exhausted"])
    outcome.example = facts["example"]
    if int(facts["exhausted"]):
        outcome.example = outcome.example or f"{requests.file.name}: ran out of requests that may be sent once"
    return outcome


_TRANSACTIONS = re.compile(r"number of transactions actually processed: (\d+)")


def run_pgbench(program: Path, database_url: str, script: Path, *, clients: int, seconds: float, logs: Path) -> Outcome:
    """Run one statement over and over from so many clients, prepared once by each."""
    prefix = logs / "pgbench"
    ended, printed = _run(
        [
            *(str(program), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1"),
            *(f"--time={max(1, round(seconds))}", f"--file={script}", "--log", f"--log-prefix={prefix}", database_url),
        ],
        seconds,
    )
    outcome = Outcome(seconds=max(1, round(seconds)))
    for log in logs.glob("pgbench.*"):
        for line in log.read_text().splitlines():
            # client, number, microseconds, script, epoch, fraction
            outcome.latencies[int(line.split()[2])] += 1
        log.unlink()
    processed = _TRANSACTIONS.search(printed)
    outcome.requests = int(processed[1]) if processed else 0
    if ended != 0 or not outcome.requests:
        outcome.wrong += 1
        outcome.example = f"pgbench failed: {printed[-300:]}"
    return outcome


def _run(command: Sequence[str], seconds: float) -> tuple[int, str]:
    """Return a program's exit code and what it printed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + GRACE_SECONDS)
    return done.returncode, done.stdout + done.stderr
