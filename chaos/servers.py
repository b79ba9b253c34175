"""Database and broker of a run: durable, in a directory of their own, on sockets only; and how to hurt them."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from chaos import recording
from panel import processes, startup
from panel.embedded import Lease

HOST = "127.0.0.1"
ATTEND_SECONDS = 0.2  # as `manage.py run` does
UP_TIMEOUT_SECONDS = 120


class Servers:
    """The two servers, started again as the panel's own supervisor would, unless an outage is to last."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lease = Lease(data)
        self._hold = threading.Lock()  # whoever has it keeps dead servers dead
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="servers", daemon=True)
        self.failure = ""

    @property
    def database_url(self) -> str:
        """Where the panel's database is."""
        return self._lease.database_url

    @property
    def redis_url(self) -> str:
        """Where the broker is."""
        return self._lease.redis_url

    def start(self) -> None:
        """Start both and look after them."""
        self._lease.acquire()
        self._thread.start()

    def stop(self) -> None:
        """Stop both."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(psutil.Error, FileNotFoundError):
            self._process("valkey").send_signal(signal.SIGCONT)  # a frozen one would not hear that it should stop
        self._lease.release()

    def stop_database(self, how: str, *, seconds: float) -> float:
        """Stop PostgreSQL at once and keep it down for a while; return when it answers again.

        :param how: `immediate` is what `pg_ctl -m immediate` does, `kill` is kill -9 of the postmaster, `backend` is
            kill -9 of one session, after which PostgreSQL throws everybody out and recovers by itself.
        """
        postmaster = self._process("postgres")
        if how == "backend":
            sessions = [child for child in postmaster.children() if _is_session(child)]
            (sessions or [postmaster])[0].send_signal(signal.SIGKILL)
        else:
            with self._hold:
                postmaster.send_signal(signal.SIGQUIT if how == "immediate" else signal.SIGKILL)
                time.sleep(seconds)
        return self._wait_for_database()

    def flush_broker(self) -> None:
        """Forget everything that Valkey holds."""
        import redis

        with redis.Redis.from_url(self.redis_url, socket_timeout=5) as client:
            client.flushall()

    def freeze_broker(self, seconds: float) -> None:
        """Let Valkey neither answer nor hang up for a while."""
        process = self._process("valkey")
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    def stop_broker(self, seconds: float) -> None:
        """Kill Valkey and keep it down for a while."""
        with self._hold:
            self._process("valkey").send_signal(signal.SIGKILL)
            time.sleep(seconds)
        deadline = time.monotonic() + UP_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            with suppress(psutil.Error, OSError, ValueError):
                if self._process("valkey").is_running():
                    return
            time.sleep(ATTEND_SECONDS)

    def _attend(self) -> None:
        while not self._over.wait(ATTEND_SECONDS):
            with self._hold:
                try:
                    self._lease.restart_dead()
                except Exception as error:  # noqa: BLE001 - a server that does not come back ends the run
                    self.failure = str(error)
                    return

    def _wait_for_database(self) -> float:
        deadline = time.monotonic() + UP_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            with suppress(psycopg.OperationalError), psycopg.connect(self.database_url, connect_timeout=2) as session:
                session.execute("SELECT 1")
                return recording.now()
            time.sleep(0.02)
        raise TimeoutError(f"PostgreSQL did not come back within {UP_TIMEOUT_SECONDS} s")

    def _process(self, name: str) -> psutil.Process:
        file = "postmaster.pid" if name == "postgres" else "valkey.pid"
        return psutil.Process(int((self._data / name / file).read_text().split()[0]))


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Make a directory for one run. What was kept by `keep` stays, also when this process is killed."""
    scratch = Path(tempfile.mkdtemp(prefix="panel-chaos-"))
    mark = scratch / "running"
    mark.touch()
    guard = subprocess.Popen(
        [sys.executable, "-m", "chaos.guard", str(scratch)],
        cwd=startup.BASE_DIR,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield scratch
    finally:
        mark.unlink(missing_ok=True)
        guard.communicate()
        if not (scratch / "keep").exists():
            shutil.rmtree(scratch, ignore_errors=True)


def point_settings_at(servers: Servers, scratch: Path) -> None:
    """Complete the environment of this process and its children. The operator's own is set aside."""
    for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL", "WEB_WORKERS", "WEB_THREADS", "WORKER_CONCURRENCY"):
        os.environ.pop(name, None)
    os.environ |= {
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "panel.settings",
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "PANEL_DATA": str(scratch / "data"),
        "DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(),
        "API_KEY_PEPPER": secrets.token_urlsafe(),
        "PROVIDER_KEYS_SECRET": secrets.token_urlsafe(),
        "PROVIDERS_ALLOW_PRIVATE": "1",
        "ALLOWED_HOSTS": HOST,
        "BASE_URL": f"http://{HOST}",
        "HOST": HOST,
        "PORT": str(processes.free_port()),
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }


def _is_session(process: psutil.Process) -> bool:
    """Tell whether a child of PostgreSQL serves the panel; one that has just ended does not."""
    with suppress(psutil.NoSuchProcess):
        return "panel" in " ".join(process.cmdline())
    return False
