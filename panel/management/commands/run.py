"""`manage.py run`: the whole panel on one machine, under one supervisor."""

import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import honcho.manager
import honcho.process
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.urls import reverse

from panel import processes, startup
from panel.management.commands import beat, web, worker

# What `manage.py web`, `worker` and `beat` become; started directly, as everything they look for has been found.
PROGRAMS = {"web": web, "worker": worker, "beat": beat}
# Longer than the slowest call to a provider (20 s): a worker killed in one leaves its order for a person to review.
STOP_TIMEOUT_SECONDS = 25
ATTEND_SECONDS = 0.2
ANSWER_TIMEOUT_SECONDS = 5


class Command(BaseCommand):
    """Bring the machine up to date, then run web server, worker and beat until told to stop."""

    help = "Run web server, worker and beat under one supervisor."

    def handle(self, **_options: object) -> None:  # noqa: D102
        if "MAKELEVEL" in os.environ:
            processes.die_with_parent()  # make cannot pass on a kill -9
        base_url = f"http://{_local_host()}:{settings.PORT}"
        startup.check_port(settings.HOST, settings.PORT)
        startup.check_data_directory()
        startup.check_database()
        startup.check_redis()
        self._prepare(base_url)
        supervisor = Supervisor(base_url)
        supervisor.run()
        if supervisor.failure is not None:
            raise startup.StartupError(supervisor.failure)

    def _prepare(self, base_url: str) -> None:
        self._say("migrating the database")
        call_command("migrate", verbosity=0, interactive=False)
        self._say("building the style sheet")
        call_command("build_css")
        if settings.DEBUG:
            self._say("loading the demo data")
            self._load_demo(base_url)
        else:
            self._say("collecting static files")
            # In a process of its own: settings list the style sheet's folder only if it was there when they loaded.
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "collectstatic", "--noinput", "-v", "0"]
            if subprocess.run(command, check=False).returncode != 0:
                raise startup.StartupError("the static files cannot be collected; see above")
        self._say(f"starting {', '.join(PROGRAMS)}")

    def _load_demo(self, base_url: str) -> None:
        # In a process of its own: placing the demo's orders starts a thread that talks to the broker, and the
        # supervisor forks; a fork copies the locks that such a thread holds, for ever.
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "load_demo", "--base-url", base_url]
        if subprocess.run(command, check=False).returncode != 0:
            self._say("going on without the demo")  # a developer may have put something else there

    def _say(self, what: str) -> None:
        print(f"panel: {what}", flush=True)


class Supervisor(honcho.manager.Manager):
    """Honcho's manager, made safe against signals at any moment and against its own death."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **worker.variables()}
        self._base_url = base_url
        self._process_ctor = _Process
        self._stop_asked = (
            False  # no Event: the handler of a second signal would wait for the lock of the first for ever
        )
        self._over = threading.Event()
        self._attendant = threading.Thread(target=self._attend, daemon=True)
        self.failure: str | None = None
        for name, program in PROGRAMS.items():
            # `exec`: no shell stays in between.
            self.add_process(name, f"exec {shlex.join(program.command_line())}", env=environment, cwd=settings.BASE_DIR)

    def run(self) -> None:
        """Run all processes until one ends or a signal comes; `failure` tells afterwards if that was not asked for."""
        honcho.manager.KILL_WAIT = STOP_TIMEOUT_SECONDS
        try:
            self.loop()
        finally:
            self._over.set()
            self._end_leftovers()
            self._attendant.join()

    def terminate(self) -> None:
        """Stop all processes; called by the loop when it sees that one of them has ended."""
        if not self._stop_asked:
            ended = [name for name, process in self._processes.items() if "returncode" in process]
            self.failure = f"{', '.join(ended)} ended by itself, so everything was stopped"
        super().terminate()

    def _start(self) -> None:
        # The loop's own handlers print, which breaks when a signal interrupts a print, and need the pids of
        # processes that may not have started yet.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        super()._start()
        self._attendant.start()  # after the forks, which copy no threads

    def _attend(self) -> None:
        """Look after everything that is not output: the welcome, embedded servers that died, a wish to stop."""
        welcomed = False
        while not self._over.wait(ATTEND_SECONDS):
            if self._stop_asked or _make_was_interrupted():
                self._stop_asked = True
                if self._all_started():
                    super().terminate()
            elif not welcomed and _answers(settings.PORT):
                print(_welcome(self._base_url), flush=True)
                welcomed = True
            else:
                self._revive_servers()

    def _revive_servers(self) -> None:
        try:
            startup.restart_dead_servers()
        except startup.StartupError as error:
            self.failure = str(error)
            self._stop_asked = True

    def _ask_to_stop(self, *_signal: Any) -> None:
        self._stop_asked = True

    def _end_leftovers(self) -> None:
        """End what a crash of the loop, or of a process with children, left running."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
            started = [process for process in self._processes.values() if "pid" in process]
            for process in started:
                if process["process"].is_alive():
                    processes.signal_group(process["pid"], number)
            for process in started:
                process["process"].join(max(0, deadline - time.monotonic()))


class _Process(honcho.process.Process):
    """One labelled process; this code runs in a fork of the supervisor that reads its output."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._child_ctor = _Child

    def run(self, *args: Any, **kwargs: Any) -> None:
        processes.die_with_parent(signal.SIGKILL)
        super().run(*args, **kwargs)


class _Child(honcho.process.Popen):
    """A process that ends with its supervisor and takes its own children along."""

    def __init__(self, command: str, **kwargs: Any) -> None:
        super().__init__(command, preexec_fn=processes.die_with_parent, **kwargs)
        threading.Thread(target=self._end_group, daemon=True).start()

    def _end_group(self) -> None:
        self.wait()
        # Granian's workers outlive a killed master, and would keep its port and our pipe.
        processes.signal_group(self.pid, signal.SIGKILL)


def _local_host() -> str:
    return "127.0.0.1" if settings.HOST in ("0.0.0.0", "::") else settings.HOST  # noqa: S104


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(_local_host(), port, timeout=ANSWER_TIMEOUT_SECONDS)
    name = settings.ALLOWED_HOSTS[0].lstrip(".")
    try:
        connection.request("GET", "/", headers={} if name == "*" else {"Host": name})
        return bool(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _welcome(base_url: str) -> str:
    facts = _demo_facts()
    if facts is None:
        return f"panel: ready on {base_url}"
    staff, second, customer = facts["staff"], facts["second_person"], facts["customer"]
    rule = "-" * 78
    return "\n".join(
        [
            "",
            rule,
            "  The panel is ready. Ctrl-C stops it.",
            "",
            f"  Dashboard   {base_url}/",
            f"              log in as {customer['username']} with the password {customer['password']}",
            f"  Staff       {base_url}{reverse('admin:index')}",
            f"              log in as {staff['username']} with the password {staff['password']}",
            f"              and as {second['username']} with {second['password']} for what needs a second person",
            "  API         paste this into another terminal:",
            "",
            f"  curl -s {facts['api_url']} -d key={facts['api_key']} -d action=balance",
            rule,
            "",
        ]
    )


def _demo_facts() -> dict[str, Any] | None:
    """Read what `load_demo` wrote down; a production machine has no such file."""
    try:
        return json.loads((settings.PANEL_DATA / "demo.json").read_text()) if settings.DEBUG else None
    except FileNotFoundError:
        return None


def _make_was_interrupted() -> bool:
    """Tell whether a signal was sent to `make` alone.

    GNU make passes SIGTERM on to its recipe, but on SIGINT and SIGHUP it only waits for it, trusting that a
    terminal told everybody. It resets the signal's handler meanwhile, and that can be seen.
    """
    with suppress(OSError, KeyError, ValueError):
        lines = Path(f"/proc/{os.getppid()}/status").read_text().splitlines()
        parent = dict(line.split(":\t", 1) for line in lines)
        handled = int(parent["SigCgt"], 16) | int(parent["SigIgn"], 16)
        return parent["Name"] in ("make", "gmake") and any(
            not handled & 1 << (number - 1) for number in (signal.SIGINT, signal.SIGHUP)
        )
    return False
