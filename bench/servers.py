"""Everything a run starts, and stops again: database, Redis protocol, web server; on loopback only."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from panel import processes
from panel.embedded import Lease

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 20


class ServerDidNotStart(Exception):
    """The web server ended or did not answer in time."""


@contextmanager
def database_and_redis() -> Iterator[Path]:
    """Run embedded servers in a new directory, which is removed afterwards, and point the settings at them."""
    with new_directory() as scratch, storage(scratch) as environment:
        os.environ |= environment
        yield scratch


@contextmanager
def new_directory() -> Iterator[Path]:
    """Make a directory, which is removed afterwards, also when the run is ended from outside."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave_in_order)
    scratch = Path(tempfile.mkdtemp(prefix="panel-bench-"))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def storage(scratch: Path) -> Iterator[dict[str, str]]:
    """Run embedded servers below a directory, and give the environment of a panel that uses them.

    They are started as `make run` starts them: every commit is flushed to the disk. The operator's own
    environment is set aside; a benchmark must never write a million orders into a real panel.
    """
    lease = Lease(scratch / "data")
    try:
        lease.acquire()
        (scratch / "data" / "css").mkdir()  # where `build_css` writes; the settings look for it
        yield os.environ | {
            "ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "DATABASE_URL": lease.database_url,
            "REDIS_URL": lease.redis_url,
            "PANEL_DATA": str(scratch / "data"),
            "DEBUG": "0",
            "SECRET_KEY": secrets.token_urlsafe(),
            "API_KEY_PEPPER": secrets.token_urlsafe(),
            "PROVIDER_KEYS_SECRET": secrets.token_urlsafe(),
            "ALLOWED_HOSTS": HOST,
            "BASE_URL": f"http://{HOST}",
            "HOST": HOST,
            "PORT": str(processes.free_port()),
            "LOG_LEVEL": "WARNING",
        }
    finally:
        lease.release()


@contextmanager
def web_server(log: Path, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Run the web server with the command line of `manage.py web` and give its address.

    :raises ServerDidNotStart: its last words are in the message.
    """
    address = f"http://{HOST}:{environment['PORT']}"
    with log.open("wb") as output:
        running = processes.running(
            [sys.executable, "manage.py", "web"],
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
            stdout=output,
            stderr=output,
            env=environment,
        )
        with running as process:
            _wait_for(f"{address}/bench/empty", process, log)
            yield address


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except urllib.error.HTTPError as error:
            raise ServerDidNotStart(f"{url} answers {error.code}: {log.read_text()[-2000:]}") from error
        except OSError:
            time.sleep(0.1)
    raise ServerDidNotStart(log.read_text()[-2000:])


def _leave_in_order(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
