"""Everything a run starts, and stops again: database, Redis protocol, web server; on loopback only."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
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
    """Run embedded servers in a new directory, which is removed afterwards, and point the settings at them.

    They are started as `make run` starts them: every commit is flushed to the disk. The operator's own
    environment is set aside; a benchmark must never write a million orders into a real panel.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave_in_order)
    scratch = Path(tempfile.mkdtemp(prefix="panel-bench-"))
    lease = Lease(scratch / "data")
    try:
        lease.acquire()
        os.environ |= {
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
        yield scratch
    finally:
        lease.release()
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def web_server(log: Path) -> Iterator[str]:
    """Run the web server with the command line of `manage.py web` and give its address.

    :raises ServerDidNotStart: its last words are in the message.
    """
    from panel.management.commands import web

    address = f"http://{HOST}:{os.environ['PORT']}"
    with log.open("wb") as output:
        running = processes.running(
            web.command_line(), stop_timeout_seconds=STOP_TIMEOUT_SECONDS, stdout=output, stderr=output
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
