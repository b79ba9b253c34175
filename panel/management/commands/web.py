"""`manage.py web`: the web server of one machine."""

import sys

from django.conf import settings
from django.core.management.base import BaseCommand

from panel import checks, startup

# Connections that wait while all threads are busy; a burst beyond it is refused by the kernel, not queued for minutes.
BACKLOG = 1024
# A request in flight may finish, also one that waits for a lock; a worker that has not ended by then is killed.
KILL_TIMEOUT_SECONDS = 8
# Granian's maximum: each thread keeps a database connection, which is dear to make anew.
THREAD_IDLE_SECONDS = 600


class Command(BaseCommand):
    """Become granian, which serves `panel.wsgi` on HOST and PORT."""

    help = "Serve the panel with granian on HOST and PORT."
    requires_system_checks = ()

    def handle(self, **_options: object) -> None:  # noqa: D102
        startup.check_port(settings.HOST, settings.PORT)
        startup.check_database()
        startup.check_redis()
        if not settings.DEBUG:
            for warning in checks.check_mail():
                self.stderr.write(f"panel: {warning.msg} {warning.hint}")
        startup.become(command_line())


def command_line() -> list[str]:
    """Spell granian's command line for the settings; `panel.serving` is granian with the panel loaded."""
    return [
        *(sys.executable, "-m", "panel.serving", "panel.wsgi:application"),
        *("--interface", "wsgi", "--host", settings.HOST, "--port", str(settings.PORT)),
        *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS)),
        *("--blocking-threads-idle-timeout", str(THREAD_IDLE_SECONDS)),
        *("--no-ws", "--backlog", str(BACKLOG)),
        # An access log would hold the keys of GET requests. What is below an error is advice on the number of threads.
        *("--no-access-log", "--log-level", "error"),
        *("--respawn-failed-workers", "--workers-kill-timeout", str(KILL_TIMEOUT_SECONDS)),
    ]
