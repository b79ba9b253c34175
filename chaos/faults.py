"""Carry the schedule's faults out, and remember when each began and ended."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from chaos import recording
from chaos.parts import Keeper
from chaos.schedule import Fault
from chaos.servers import Servers


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was carried out. `ended` is when what was taken away was there again."""

    fault: Fault
    began: float
    ended: float


class Striker:
    """Does the damage. Outages last here: while one does, the next fault waits."""

    def __init__(self, servers: Servers, keeper: Keeper, *, seed: int) -> None:
        self._servers = servers
        self._keeper = keeper
        self._chance = random.Random(f"{seed} striker")

    def strike(self, fault: Fault) -> Struck | None:
        """Carry a fault out; None if there was nothing to hit."""
        began = recording.now()
        ended = began
        match fault.kind:
            case "flush":
                self._servers.flush_broker()
            case "freeze":
                self._servers.freeze_broker(fault.seconds)
                ended = recording.now()
            case "stop-broker":
                self._servers.stop_broker(fault.seconds)
                ended = recording.now()
            case "stop-database":
                ended = self._servers.stop_database(fault.target, seconds=fault.seconds)
            case _:
                if not self._parts_fault(fault):
                    return None
        return Struck(fault, began, ended)

    def _parts_fault(self, fault: Fault) -> bool:
        hits: dict[str, Callable[[], bool]] = {
            "kill": lambda: self._keeper.kill(fault.target),
            "kill-child": lambda: self._keeper.kill_child(fault.target, self._chance),
            "deploy": lambda: self._keeper.stop_in_order(fault.target),
        }
        return hits[fault.kind]()
