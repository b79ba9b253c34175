"""`manage.py beat`: the clock that sends the periodic tasks."""

import sys

from django.conf import settings
from django.core.management.base import BaseCommand

from panel import startup


class Command(BaseCommand):
    """Become Celery beat. A second one on another machine is harmless: what it sends is done once."""

    help = "Send the periodic tasks of panel/schedule.py."
    requires_system_checks = ()

    def handle(self, **_options: object) -> None:  # noqa: D102
        startup.check_data_directory()
        startup.check_redis()
        startup.become(command_line())


def command_line() -> list[str]:
    """Spell Celery's command line for the settings."""
    return [
        *(sys.executable, "-m", "celery", "--app", "panel", "--skip-checks", "--quiet", "beat"),
        *("--schedule", str(settings.PANEL_DATA / "beat-schedule"), "--loglevel", "WARNING"),
    ]
