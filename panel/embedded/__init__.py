"""The PostgreSQL and Valkey that pip installed, run on behalf of the panel.

Every process that uses the servers of a data directory holds a `Lease` on it. The first to come starts them, the
last to go stops them. A process that dies without a word loses its lease with its file lock, and whoever comes next
takes over the servers it left running. Nothing here needs Django.
"""

import fcntl
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

from panel.embedded.postgres import DATABASE, Postgres
from panel.embedded.server import EmbeddedServerError, Server
from panel.embedded.valkey import Valkey

__all__ = ["EmbeddedServerError", "Lease"]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Lease:
    """One process's claim on the embedded servers of a data directory."""

    def __init__(self, data: Path, *, postgres: bool = True, valkey: bool = True, durable: bool = True) -> None:
        self._data = data
        self._postgres = Postgres(data, durable=durable)
        self._valkey = Valkey(data)
        self._wanted: list[Server] = [self._postgres] * postgres + [self._valkey] * valkey
        self._claim: IO[bytes] | None = None

    @property
    def database_url(self) -> str:
        """Where the panel's database is, as `DATABASE_URL` wants it."""
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(self._postgres.socket.parent), safe='')}"

    @property
    def redis_url(self) -> str:
        """Where Valkey is, as `REDIS_URL` wants it."""
        return f"unix://{quote(str(self._valkey.socket))}?db=0"

    def acquire(self) -> None:
        """Claim the servers and wait until they answer, starting those that are not running.

        :raises EmbeddedServerError: the data directory cannot be used, or a server does not start
        """
        with _explained(self._data):
            self._data.mkdir(parents=True, exist_ok=True)
            self._claim = (self._data / "embedded.lock").open("ab")
            with self._alone():
                fcntl.flock(self._claim, fcntl.LOCK_SH)
                try:
                    self._start_wanted()
                except BaseException:
                    self._leave()
                    raise

    def restart_dead(self) -> None:
        """Start a claimed server again that somebody killed; the data directory knows whether it is running."""
        if all(server.is_alive() for server in self._wanted):
            return
        with _explained(self._data), self._alone():
            if self._claim is not None:
                self._start_wanted()

    def release(self) -> None:
        """Give the claim up, and stop the servers if nobody else has one. Calling it again does nothing."""
        if self._claim is None:
            return
        with self._alone():
            self._leave()

    def _start_wanted(self) -> None:
        for server in self._wanted:
            server.ensure_running()

    def _leave(self) -> None:
        claim, self._claim = self._claim, None
        assert claim is not None
        with claim, _undisturbed():
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # someone else uses the servers, and will stop them
            self._valkey.stop()
            self._postgres.stop()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other process from starting, joining or leaving meanwhile."""
        with (self._data / "embedded-start.lock").open("ab") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield


@contextmanager
def _explained(data: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or data
        raise EmbeddedServerError(
            f"the data directory {data} cannot be used: {place}: {error.strerror}; "
            "set PANEL_DATA to a directory that this user may write"
        ) from error
    except subprocess.CalledProcessError as error:
        raise EmbeddedServerError(f"{' '.join(error.cmd)} failed: {error.stderr.decode().strip()}") from error


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore an impatient second Ctrl-C, which would leave servers behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
