"""The panel that a run drives: everything that `manage.py run` starts, with the demo's data, in a new directory."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from panel import processes, startup
from panel.embedded import Lease

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 240  # a busy machine installs nothing, but migrates and loads the demo
STOP_TIMEOUT_SECONDS = 40  # the supervisor itself waits 25 s for its processes
SANDBOX_SPEED = 4  # an ordinary order is watched for three seconds, a slow one can be canceled for two minutes
LOG_TAIL_CHARACTERS = 4000


class PanelDidNotStart(Exception):
    """A process of the panel ended or did not answer in time."""


class Panel:
    """Where the running panel is and how to get in."""

    def __init__(self, data: Path, *, url: str, staff_url: str) -> None:
        self.data = data
        self.url = url
        self.staff_url = staff_url
        self.facts: dict[str, Any] = json.loads((data / "demo.json").read_text())
        self.database_url = Lease(data).database_url

    @property
    def log(self) -> str:
        """What its processes said last."""
        return "\n".join(_tail(file) for file in sorted(self.data.glob("*.log")))


@contextmanager
def running_panel() -> Iterator[Panel]:
    """Run the panel in a new directory, which is removed afterwards.

    Two web servers share its database. Customers meet one in production's dress (DEBUG off, collected and compressed
    files); staff meet the one of `manage.py run`, which has the demo's data and asks them for no second factor.
    """
    data = Path(tempfile.mkdtemp(prefix="panel-e2e-"))
    try:
        with ExitStack() as stack:
            staff_port, port = processes.free_port(), processes.free_port()
            environment = bare_environment() | {
                "PANEL_DATA": str(data),
                "PORT": str(staff_port),
                "SANDBOX_SPEED": str(SANDBOX_SPEED),
                "PROVIDERS_ALLOW_PRIVATE": "1",  # its own API is the other panel that staff import from
            }
            stack.enter_context(_process("run", environment, data))
            _wait_for(f"http://{HOST}:{staff_port}/", data / "run.log")
            production = environment | _production(data, port)
            subprocess.run(
                [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"],
                cwd=startup.BASE_DIR,
                env=production,
                check=True,
            )
            stack.enter_context(_process("web", production, data))
            _wait_for(f"http://{HOST}:{port}/", data / "web.log")
            yield Panel(data, url=f"http://{HOST}:{port}", staff_url=f"http://{HOST}:{staff_port}")
    finally:
        shutil.rmtree(data, ignore_errors=True)


def bare_environment() -> dict[str, str]:
    """Set the operator's own environment aside: a run must never write into a real panel."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"ENV_FILE": os.devnull, "PYTHONUNBUFFERED": "1", "LOG_LEVEL": "WARNING"}


def _production(data: Path, port: int) -> dict[str, str]:
    lease = Lease(data)
    return json.loads((data / "secrets.json").read_text()) | {
        "DEBUG": "0",
        "DATABASE_URL": lease.database_url,
        "REDIS_URL": lease.redis_url,
        "ALLOWED_HOSTS": HOST,
        "BASE_URL": f"http://{HOST}:{port}",
        "HOST": HOST,
        "PORT": str(port),
        "WEB_WORKERS": "1",
    }


@contextmanager
def _process(command: str, environment: dict[str, str], data: Path) -> Iterator[None]:
    with (data / f"{command}.log").open("wb") as output:
        running = processes.running(
            [sys.executable, "manage.py", command],
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
            cwd=startup.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
        )
        with running:
            yield


def _wait_for(url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            raise PanelDidNotStart(f"{url} answers {error.code}: {_tail(log)}") from error
        except OSError:
            time.sleep(0.2)
    raise PanelDidNotStart(_tail(log))


def _tail(log: Path) -> str:
    return f"--- {log.name}\n{log.read_text(errors='replace')[-LOG_TAIL_CHARACTERS:]}"
