"""In which ways a provider can fail, and when it does."""

import random
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

ANY = "any"  # stands for every action

# What does not begin with accept_ fails before the action is carried out, the others after.
FAULTS = {
    "refuse": "a known no",
    "refuse_for_now": "a known no to everything",
    "link_busy": "a known no while another order runs",
    "unknown_error": "an error in words nobody knows",
    "rate_limited": "HTTP 429",
    "hang": "no answer, ever",
    "reset": "the connection breaks",
    "http_500": "HTTP 500 with JSON",
    "html": "HTTP 200 with a page",
    "redirect": "HTTP 302 to this machine",
    "drip": "blanks, one after the other, for ever",
    "reused_id": "the id of an order that was taken before",
    "accept_hang": "no answer, ever",
    "accept_reset": "the connection breaks",
    "accept_http_500": "HTTP 500 with the true answer",
    "accept_html": "HTTP 200 with a page",
    "accept_truncated": "JSON that breaks off",
    "accept_cut": "fewer bytes than announced",
    "accept_huge": "50 MB",
    "accept_gzip": "few packed bytes that unpack to 50 MB",
    "accept_drip": "blanks, one after the other, for ever",
    "accept_echo": "our key as the order's id",
    "accept_both": "an id and an error",
    "accept_negative": "remains below zero",
    "accept_absurd": "more remains than were ordered",
    "accept_flapping": "statuses that go back and forth",
}


@dataclass(frozen=True)
class Fault:
    """One way to fail; `text` replaces the words of a refusal."""

    name: str
    text: str | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"no fault is called {self.name!r}; there are {', '.join(sorted(FAULTS))}")


class Programme:
    """Which call fails how: what was asked for the next calls comes first, then chance. Safe for threads."""

    def __init__(self, *, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._next: dict[str, list[Fault | None]] = defaultdict(list)
        self._chances: list[tuple[str, Fault, float]] = []

    def fail_next(self, *names: str | None, action: str = ANY, text: str | None = None) -> None:
        """Let the coming calls fail, each in its own way; None lets one pass."""
        with self._lock:
            self._next[action].extend(None if name is None else Fault(name, text) for name in names)

    def fail_by_chance(self, name: str, probability: float, *, action: str = ANY) -> None:
        """Let calls fail with this probability from now on."""
        with self._lock:
            self._chances.append((action, Fault(name), probability))

    def clear(self) -> None:
        """Fail no more."""
        with self._lock:
            self._next.clear()
            self._chances.clear()

    def choose(self, action: str) -> Fault | None:
        """Choose how a call fails, if it does."""
        with self._lock:
            for queue in (self._next[action], self._next[ANY]):
                if queue:
                    return queue.pop(0)
            drawn = self._random.random()
            for wanted, fault, probability in self._chances:
                if wanted in (action, ANY):
                    if drawn < probability:
                        return fault
                    drawn -= probability
            return None

    def load(self, programme: dict[str, Any]) -> None:
        """Take a programme from JSON: {"next": {action: [name, ...]}, "chances": {"name" or "action:name": 0.01}}."""
        self.clear()
        for action, names in programme.get("next", {}).items():
            self.fail_next(*names, action=action)
        for key, probability in programme.get("chances", {}).items():
            action, _, name = key.rpartition(":")
            self.fail_by_chance(name, float(probability), action=action or ANY)
