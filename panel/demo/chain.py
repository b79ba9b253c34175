"""Two panels on one machine, the second buying from the first as any customer of it would."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from panel import processes, startup

START_SECONDS = 180  # a slow machine, with the servers' first start
STOP_SECONDS = 60  # each panel gives its own processes 25
LOOK_SECONDS = 0.2
CALL_SECONDS = 30
PROVIDER_NAME = "First panel"
MARKUP_PERCENT = "25"
SEARCH = "Instagram Followers"
# Each panel of a chain has servers and secrets of its own, whatever the environment names.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "API_KEY_PEPPER", "PROVIDER_KEYS_SECRET", "MAKELEVEL")


@dataclass
class Panel:
    """One of the panels: its data, its port, and its process while it runs."""

    name: str
    data: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where its dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Where its processes write."""
        return self.data / "panel.log"

    def start(self) -> None:
        """Start it as `make run` does; it ends with this process."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = self._manage("run", stdout=log, stderr=subprocess.STDOUT)

    def wait_until_ready(self) -> None:
        """Wait until it answers and has told its demo facts.

        :raises StartupError: it ended, or took too long
        """
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise startup.StartupError(f"the {self.name} panel ended by itself; see {self.log}")
            if self._answers():
                return
            time.sleep(LOOK_SECONDS)
        raise startup.StartupError(f"the {self.name} panel does not answer; see {self.log}")

    def facts(self) -> dict[str, Any]:
        """Return what it wrote for people who try it out: addresses, log-ins, an API key."""
        return json.loads((self.data / "demo.json").read_text())

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a management command of this panel and return what it prints.

        :raises StartupError: it fails
        """
        command = self._manage(*arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = command.communicate(stdin.encode())
        if command.returncode != 0:
            raise startup.StartupError(f"{self.name} panel, {arguments[0]}: {errors.decode().strip()}")
        return output.decode()

    def is_running(self) -> bool:
        """Say whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Tell it to stop, if it runs."""
        if self.process is not None and self.is_running():
            self.process.send_signal(signal.SIGTERM)

    def wait_until_stopped(self) -> None:
        """Wait for its end, and make sure of it."""
        if self.process is None:
            return
        processes.end(self.process, timeout_seconds=STOP_SECONDS)

    def _manage(self, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        own = {"PANEL_DATA": str(self.data), "PORT": str(self.port), "DEBUG": "1", "ENV_FILE": os.devnull}
        outer = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        return processes.start(
            [sys.executable, str(startup.BASE_DIR / "manage.py"), *arguments],
            env={**outer, **own, **self.variables},
            **options,
        )

    def _answers(self) -> bool:
        if not (self.data / "demo.json").exists():
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def describe_pair(*, data: Path, port: int) -> tuple[Panel, Panel]:
    """Name the two panels of a chain; the second may call the first, which has a private address."""
    first = Panel("first", data / "first", port)
    second = Panel("second", data / "second", port + 1, {"PROVIDERS_ALLOW_PRIVATE": "1"})
    return first, second


def connect(first: Panel, second: Panel) -> dict[str, int]:
    """Let the second panel buy from the first, once, and return what it resells: names and its ids of them.

    :raises StartupError: a command fails
    """
    written = second.data / "chain.json"
    if not written.exists():
        before = _list_services(second)
        # As the owner of the second panel would do it, with the key that the first one issued to a customer.
        second.manage(
            *("provider", "add", PROVIDER_NAME, "--url", f"{first.base_url}/api/v2", "--markup", MARKUP_PERCENT),
            stdin=first.facts()["api_key"] + "\n",
        )
        second.manage("provider", "import", PROVIDER_NAME, "--search", SEARCH)
        after = _list_services(second)
        resold = {name: service for service, name in after.items() if service not in before}
        written.write_text(json.dumps(resold, ensure_ascii=False, indent=1))
    return json.loads(written.read_text())


def call_api(panel: Panel, **parameters: object) -> Any:
    """Call a panel's API with the key of its demo customer."""
    body = urlencode({"key": panel.facts()["api_key"], **parameters})
    connection = http.client.HTTPConnection("127.0.0.1", panel.port, timeout=CALL_SECONDS)
    try:
        connection.request("POST", "/api/v2", body, {"Content-Type": "application/x-www-form-urlencoded"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _list_services(panel: Panel) -> dict[int, str]:
    return {entry["service"]: entry["name"] for entry in call_api(panel, action="services")}
