"""A live server on a real socket, and a provider that delivers as fast as it is asked."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from orders import refills, submission, tracking
from orders.models import Refill, Run
from panel import processes
from tests.fixtures import funded

START_SECONDS = 60
STOP_SECONDS = 20


@pytest.fixture(scope="session")
def server(django_db_setup: None) -> Iterator[str]:
    """Serve the test database with `manage.py web` for as long as the tests run; give its address."""
    port = processes.free_port()
    database = urlsplit(django_settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {
        "DATABASE_URL": urlunsplit(database),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_WORKERS": "1",
        "WEB_THREADS": "2",
    }
    command = [sys.executable, str(django_settings.BASE_DIR / "manage.py"), "web"]
    running = processes.running(command, stop_timeout_seconds=STOP_SECONDS, env={**os.environ, **environment})
    with running as process:
        _wait_for(process, port)
        yield f"http://127.0.0.1:{port}"


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    pytest.fail(f"the server did not listen within {START_SECONDS} s")


@pytest.fixture
def url(server: str) -> str:
    """The one address of the API."""
    return f"{server}/api/v2"


@pytest.fixture
def deliver(settings):
    """Give a function that has the sandbox take and deliver everything that is due."""
    settings.SANDBOX_SPEED = 1e9

    def work() -> None:
        while submission.submit_next():
            pass
        Run.objects.exclude(poll_at=None).update(poll_at=timezone.now())
        tracking.track_due()

    return work


@pytest.fixture
def deliver_refills(settings):
    """Give a function that has the sandbox take and deliver every open refill."""
    settings.SANDBOX_SPEED = 1e9

    def work() -> None:
        for _ in ("send", "ask"):
            Refill.objects.filter(status__in=Refill.OPEN).update(poll_at=timezone.now())
            refills.process_refills()

    return work


@pytest.fixture
def shop(customer, make_service):
    """A customer with money and one service of each kind that the published clients order."""
    make_service(id=1042, dripfeed=True)
    make_service(id=1043, type="Custom Comments", min=1, refill=False, name="Custom Comments")
    make_service(id=1044, cancel=False, name="No cancel")
    make_service(id=1045, type="Package", name="Package")
    return funded(customer, "10")
