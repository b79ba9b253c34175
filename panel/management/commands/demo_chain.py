"""`manage.py demo_chain`: a panel that resells another one, both on this machine."""

import os
import shlex
import signal
import time

from django.conf import settings
from django.core.management.base import BaseCommand

from panel import processes, startup
from panel.demo import chain
from panel.demo.chain import Panel

ATTEND_SECONDS = 0.2


class Command(BaseCommand):
    """Start two panels, let the second buy from the first through its public API, and run both until told to stop."""

    help = "Run two panels on PORT and the port after it; the second buys from the first."
    requires_system_checks = ()

    def handle(self, **_options: object) -> None:  # noqa: D102
        if "MAKELEVEL" in os.environ:
            processes.die_with_parent()  # make cannot pass on a kill -9
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        startup.check_data_directory()
        first, second = chain.describe_pair(data=startup.data_directory() / "chain", port=settings.PORT)
        try:
            for panel in (first, second):
                startup.check_port("127.0.0.1", panel.port)
                self._say(f"starting the {panel.name} panel; it writes to {panel.log}")
                panel.start()
                panel.wait_until_ready()
            self._say("connecting them")
            resold = chain.connect(first, second)
            print(_welcome(first, second, service=min(resold.values()), count=len(resold)), flush=True)
            while all(panel.is_running() for panel in (first, second)):
                time.sleep(ATTEND_SECONDS)
            raise startup.StartupError("one of the panels ended by itself, so both were stopped")
        except _StopAskedError:
            self._say("stopping both panels")
        finally:
            for panel in (second, first):
                panel.ask_to_stop()
            for panel in (second, first):
                panel.wait_until_stopped()

    def _say(self, what: str) -> None:
        print(f"chain: {what}", flush=True)


class _StopAskedError(Exception):
    """A signal came; what was started is stopped on the way out."""


def _stop(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the stopping
    raise _StopAskedError


def _welcome(first: Panel, second: Panel, *, service: int, count: int) -> str:
    rule = "-" * 78
    lines = ["", rule, "  Two panels are ready, and the second buys from the first. Ctrl-C stops both.", ""]
    for panel in (first, second):
        customer = panel.facts()["customer"]
        lines.append(f"  The {panel.name:<7} {panel.base_url}/")
        lines.append(f"              log in as {customer['username']} with the password {customer['password']}")
    order = {"key": second.facts()["api_key"], "action": "add", "service": service, "quantity": 500}
    order["link"] = "https://example.com/chain"
    parameters = " ".join(f"-d {shlex.quote(f'{name}={value}')}" for name, value in order.items())
    return "\n".join(
        [
            *lines,
            "",
            f"  The second resells {count} services of the first. Order one, and watch it at both:",
            "",
            f"  curl -s {second.base_url}/api/v2 {parameters}",
            "",
            "  The words partial, cancel, reject and slow in the link choose how it ends.",
            rule,
            "",
        ]
    )
