"""The panel's processes, and who starts them again: a stand-in for systemd, which knows what it killed itself."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from chaos import recording
from panel import processes, startup

ATTEND_SECONDS = 0.05
RESTART_SECONDS = 0.2  # what systemd waits (100 ms), and what it takes to notice
# A worker may be in a call to a provider, which takes 25 s at most.
STOP_TIMEOUT_SECONDS = 30


@dataclass
class Part:
    """One process that should always run."""

    name: str
    command: Sequence[str]
    log: Path
    # What the kernel sends when nobody is left to stop it. Granian has children to take along, the others none.
    orphan_signal: signal.Signals = signal.SIGKILL
    process: "subprocess.Popen[bytes] | None" = None
    due_at: float = 0.0  # when to start it, on this machine's clock
    end_is_ours: bool = False  # it was killed or stopped on purpose
    kill_at: float | None = None  # when a stop in good order has taken too long


class Keeper:
    """Starts parts and starts them again whenever they end. One thread of its own does, for as long as it lives:
    the kernel ends a process whose parent thread is gone.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = {part.name: part for part in parts}
        self.ended_by_themselves: list[str] = []
        self.stops_that_needed_a_kill: list[str] = []
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="keeper", daemon=True)

    def start(self) -> None:
        """Start all parts and keep them running."""
        self._thread.start()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> bool:
        """Kill a part's first process; return False if it is just not running."""
        with self._lock:
            part = self.parts[name]
            if part.process is None or part.process.poll() is not None:
                return False
            part.end_is_ours = True
            part.process.send_signal(number)
            return True

    def stop_in_order(self, name: str) -> bool:
        """Ask a part to end, as a deploy does; what takes too long is killed and written down."""
        with self._lock:
            if self.parts[name].kill_at is not None or not self.kill(name, signal.SIGTERM):
                return False
            self.parts[name].kill_at = time.monotonic() + STOP_TIMEOUT_SECONDS
            return True

    def kill_child(self, name: str, chance: random.Random) -> bool:
        """Kill one process below a part, which the part itself should replace."""
        with self._lock:
            process = self.parts[name].process
        if process is None:
            return False
        with suppress(psutil.Error):
            children = psutil.Process(process.pid).children()
            if children:
                chance.choice(children).send_signal(signal.SIGKILL)
                return True
        return False

    def is_up(self, name: str, seconds: float) -> bool:
        """Say whether a part has been running for so long."""
        with self._lock:
            process = self.parts[name].process
            if process is None or process.poll() is not None:
                return False
            with suppress(psutil.Error):
                return time.time() - psutil.Process(process.pid).create_time() >= seconds
            return False

    def end(self) -> None:
        """Stop everything, politely first, and leave nothing."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        running = [part.process for part in self.parts.values() if part.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for process in running:
            processes.end(process, timeout_seconds=max(0.0, deadline - time.monotonic()))

    def _attend(self) -> None:
        while True:
            with self._lock:
                for part in self.parts.values():
                    self._attend_to(part)
            if self._over.wait(ATTEND_SECONDS):
                break
        # The kernel will end what this thread has started; `end` waits for that. Until then, stop in order.
        for part in self.parts.values():
            if part.process is not None and part.process.poll() is None:
                part.process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for part in self.parts.values():
            if part.process is not None:
                with suppress(subprocess.TimeoutExpired):
                    part.process.wait(max(0.0, deadline - time.monotonic()))

    def _attend_to(self, part: Part) -> None:
        now = time.monotonic()
        if part.process is not None:
            code = part.process.poll()
            if code is None:
                if part.kill_at is not None and now > part.kill_at:
                    self.stops_that_needed_a_kill.append(part.name)
                    part.process.kill()
                return
            processes.signal_group(part.process.pid, signal.SIGKILL)  # granian's workers outlive a killed master
            if not part.end_is_ours:
                self.ended_by_themselves.append(f"{part.name} with code {code} at {recording.now():.1f}")
            part.process, part.end_is_ours, part.kill_at = None, False, None
            part.due_at = now + RESTART_SECONDS
        if now >= part.due_at:
            part.process = self._spawn(part)

    def _spawn(self, part: Part) -> "subprocess.Popen[bytes]":
        with part.log.open("ab") as log:
            return processes.start(
                part.command,
                orphan_signal=part.orphan_signal,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=startup.BASE_DIR,
                env=os.environ,
            )
