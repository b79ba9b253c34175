"""What clients saw: each call with when it was sent, when it was answered, and how."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

# The wall's clock as it was at the start, then the one that nobody sets: what two threads see keeps its order, and
# the database's and the providers' times can be held against it.
_OFFSET = time.time() - time.monotonic()


def now() -> float:
    """Return seconds since 1970 that never go back."""
    return _OFFSET + time.monotonic()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one customer. Without `answered` nobody knows what came of it: `problem` says how it ended."""

    customer: int
    action: str
    request: dict[str, str]
    sent: float
    ended: float  # answered, or given up
    status: int | None = None  # of HTTP
    answer: Any = None
    problem: str = ""
    expected_charge: str = ""  # of an `add` that must be accepted at this price

    @property
    def is_answered(self) -> bool:
        """Say whether an answer in JSON came."""
        return not self.problem

    @property
    def error(self) -> str | None:
        """Return the text of an error answer."""
        if self.is_answered and isinstance(self.answer, dict) and "error" in self.answer:
            return str(self.answer["error"])
        return None

    @property
    def acknowledged_order(self) -> int | None:
        """Return the id that an `add` was answered with."""
        if self.action == "add" and self.is_answered and isinstance(self.answer, dict):
            order = self.answer.get("order")
            return order if isinstance(order, int) else None
        return None

    @property
    def milliseconds(self) -> float:
        """Return how long it took."""
        return (self.ended - self.sent) * 1000


@dataclass
class History:
    """Every call, in memory and in a file of one line each. Safe for threads."""

    path: Path
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._file: IO[str] = self.path.open("w")
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Write a call down."""
        line = json.dumps(asdict(call))
        with self._lock:
            self.calls.append(call)
            self._file.write(line + "\n")

    def between(self, start: float, end: float, action: str | None = None) -> list[Call]:
        """Return the calls sent within a time."""
        with self._lock:
            calls = list(self.calls)
        return [call for call in calls if start <= call.sent < end and action in (None, call.action)]

    def close(self) -> None:
        """Write the rest out."""
        with self._lock:
            self._file.close()


def read(path: Path) -> Iterator[Call]:
    """Read a history that was kept."""
    with path.open() as file:
        for line in file:
            yield Call(**json.loads(line))
