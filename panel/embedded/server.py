"""What every embedded server is: a program, a directory, a log and a Unix socket."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

import psutil

# Crash recovery replays up to max_wal_size; on a slow disk that is minutes, not seconds.
START_TIMEOUT_SECONDS = 120
START_ATTEMPTS = 2
POLL_SECONDS = 0.05
# A fast shutdown writes one checkpoint; after this it is cut short, and the next start recovers.
STOP_TIMEOUT_SECONDS = 30
ANSWER_TIMEOUT_SECONDS = 2
# `sockaddr_un.sun_path` holds 108 bytes on Linux and 104 on macOS, the closing zero included.
SOCKET_PATH_BYTES_MAX = 100
LOG_BYTES_MAX = 10 * 1024 * 1024


class EmbeddedServerError(Exception):
    """The embedded servers cannot be used; the message is one line for the operator."""


class Server(ABC):
    """One server program with its directory, its log and its Unix socket."""

    label: str
    program: str
    pid_file: str
    socket_file: str
    stop_signals: tuple[signal.Signals, ...]  # from polite to rude

    def __init__(self, data: Path, name: str) -> None:
        self.directory = data / name
        self.log = data / f"{name}.log"
        self.socket = _socket_directory(self.directory, self.socket_file) / self.socket_file
        self._child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def answers(self) -> bool:
        """Ask the server whether it is ready for work."""

    @abstractmethod
    def _prepare(self, attempt: int) -> None:
        """Bring the directory into the state that the program expects."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    def is_alive(self) -> bool:
        """Tell whether the program runs at all, be it busy, starting or stopping."""
        return self._find_process() is not None

    def ensure_running(self) -> None:
        """Return when the server answers.

        A server that another process left starting is waited for, one that it left stopping is started again.

        :raises EmbeddedServerError: it does not start
        """
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        attempt = 0
        while not self.answers():
            if not self.is_alive():
                if attempt == START_ATTEMPTS:
                    raise self._failure("does not start")
                self._prepare(attempt)
                self._spawn()
                attempt += 1
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {START_TIMEOUT_SECONDS} seconds")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server in good order; one that does not obey, in bad order. Needs not be running."""
        process = self._find_process()
        if process is not None:
            for stop_signal in (*self.stop_signals, signal.SIGKILL):
                if self._end(process, stop_signal):
                    break
        if self.socket.parent != self.directory:
            shutil.rmtree(self.socket.parent, ignore_errors=True)

    def _end(self, process: psutil.Process, stop_signal: signal.Signals) -> bool:
        """Send a signal and tell whether the process ended of it."""
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        with suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
            # A zombie has ended too: in a container, nobody may ever collect what a dead starter left.
            while process.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > deadline:
                    return False
                time.sleep(POLL_SECONDS)
        if self._child is not None:
            self._child.poll()
        return True

    def _system_user(self) -> pwd.struct_passwd | None:
        """Name the user the program runs as, if that is not the present one."""
        return None

    def _spawn(self) -> None:
        _rotate(self.log)
        user = self._system_user()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal must reach the panel's processes only; they still need their servers.
                start_new_session=True,
                user=user and user.pw_uid,
                group=user and user.pw_gid,
                extra_groups=[] if user else None,
                # A locale that the machine does not have would keep PostgreSQL from starting.
                env={**os.environ, "LC_ALL": "C"},
            )

    def _find_process(self) -> psutil.Process | None:
        """Find the running program: our own child, or the one whose pid is in the directory.

        The pid in a file that a crash left behind may belong to something else by now.
        """
        if self._child is not None and self._child.poll() is None:
            return psutil.Process(self._child.pid)
        try:
            process = psutil.Process(int((self.directory / self.pid_file).read_text().split()[0]))
            ours = process.name() == self.program and Path(process.cwd()) == self.directory
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _failure(self, what: str) -> EmbeddedServerError:
        with suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()
            reasons = [line for line in lines if "FATAL" in line or "# " in line] or lines
            if reasons:
                what += f" ({reasons[-1].strip()})"
        return EmbeddedServerError(f"the embedded {self.label} {what}; see {self.log}")


def _socket_directory(directory: Path, socket_file: str) -> Path:
    """Choose where a server's socket goes: its own directory, or a short one when that path is too long."""
    if len(os.fsencode(directory / socket_file)) <= SOCKET_PATH_BYTES_MAX:
        return directory
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"panel-{os.getuid()}-{digest}"


def private_directory(path: Path, user: pwd.struct_passwd | None = None) -> None:
    """Make a directory that nobody else may enter; one that a stranger made first in a shared place is refused."""
    owner = user.pw_uid if user else os.geteuid()
    with suppress(FileExistsError):
        path.mkdir(mode=stat.S_IRWXU)
        os.chown(path, owner, -1)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
        raise EmbeddedServerError(f"{path} is in the way: it belongs to the user {user_name(found.st_uid)}")
    path.chmod(stat.S_IRWXU)


def user_name(uid: int) -> str:
    """Return a user's name, or the number of one who has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _rotate(log: Path) -> None:
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES_MAX:
            log.rename(log.with_suffix(".log.1"))
