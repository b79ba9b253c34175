"""The Celery application: `celery -A panel worker`, or `manage.py worker`."""

import os

from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun
from kombu.transport.redis import Channel

from panel import request_ids

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")

app = Celery("panel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# When a connection ends, Kombu puts the messages of unfinished tasks back. When it ended because the broker went away,
# that fails, and the worker dies of it. Our messages carry nothing, and beat sends the next ones.
Channel.do_restore = False


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Leave logging as `LOGGING` has it: Celery configures its own only where nobody answers this signal."""


@task_prerun.connect
def name_task(task_id: str, **_: object) -> None:
    """Name the task in what it logs."""
    request_ids.begin(task_id)


@task_postrun.connect
def forget_task(**_: object) -> None:
    """Give the name up: the thread goes on to another task."""
    request_ids.begin("")
