"""A fake provider that also notes how it failed whom: `python -m chaos.upstream`, one process each.

The fake provider's book says what it took. For the accounts of a chaos run that is not enough: which call it failed
on purpose, and how, is known to nobody else.
"""

import argparse
import signal
import threading
from typing import Any

from chaos import recording
from panel import processes
from tests.fake_provider.faults import Fault, Programme
from tests.fake_provider.server import FakeProvider


class Notes(list[Any]):
    """What came in, shortened: time, action, link, number of ids, and the fault once it is drawn.

    It stands in for the provider's list of received calls, so it is read with the book.
    """

    def __init__(self) -> None:
        super().__init__()
        self._of_thread = threading.local()

    def append(self, fields: dict[str, str]) -> None:
        """Note a call; the calling thread is the one that will draw its fault."""
        note = {"at": recording.now(), "action": fields.get("action", ""), "fault": None}
        if "link" in fields:
            note["link"] = fields["link"]
        if ids := fields.get("orders") or fields.get("order"):
            note["ids"] = ids.count(",") + 1
        self._of_thread.note = note
        super().append(note)

    def note_fault(self, name: str) -> None:
        """Add to this thread's call how it will fail."""
        self._of_thread.note["fault"] = name


class NotingProgramme(Programme):
    """A programme of faults that notes what it draws."""

    def __init__(self, notes: Notes, *, seed: int) -> None:
        super().__init__(seed=seed)
        self._notes = notes

    def choose(self, action: str) -> Fault | None:
        """Draw, and note it."""
        fault = super().choose(action)
        if fault is not None:
            self._notes.note_fault(fault.name)
        return fault


class _Nothing(list[Any]):
    """Keeps nothing: nobody reads the headers here, and a run may last for hours."""

    def append(self, _item: Any) -> None:
        """Forget it."""


def main() -> None:
    """Serve until SIGTERM, or until whoever started it is gone."""
    processes.die_with_parent()
    parser = argparse.ArgumentParser(prog="python -m chaos.upstream")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True, help="how fast orders are delivered")
    arguments = parser.parse_args()

    fake = FakeProvider(port=arguments.port, seed=arguments.seed, speed=arguments.speed)
    notes = Notes()
    fake.received, fake.headers = notes, _Nothing()
    fake.programme = NotingProgramme(notes, seed=arguments.seed)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    fake.start()
    ended.wait()
    fake.stop()


if __name__ == "__main__":
    main()
