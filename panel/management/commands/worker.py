"""`manage.py worker`: a Celery worker."""

import os
import sys

from django.conf import settings
from django.core.management.base import BaseCommand

from panel import startup


class Command(BaseCommand):
    """Become a Celery worker with threads, which spend their time waiting for providers."""

    help = "Run a Celery worker with WORKER_CONCURRENCY threads."
    requires_system_checks = ()

    def handle(self, **_options: object) -> None:  # noqa: D102
        startup.check_database()
        startup.check_redis()
        startup.become(command_line(), variables())


def command_line() -> list[str]:
    """Spell Celery's command line for the settings."""
    return [
        *(sys.executable, "-m", "celery", "--app", "panel", "--skip-checks", "--quiet", "worker"),
        *("--pool", "threads", "--concurrency", str(settings.WORKER_CONCURRENCY)),
        # Workers need not know of each other: the rows are the queue, and their locks divide the work.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--hostname", f"panel-{os.getpid()}@%h", "--loglevel", "WARNING"),
    ]


def variables() -> dict[str, str]:
    """Silence Celery's warning about root: no message is pickled, and root is the usual user of a container."""
    ours = "ignore:You're running the worker with superuser privileges"
    return {"PYTHONWARNINGS": ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), ours]))}
