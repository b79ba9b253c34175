"""The Celery application: `celery -A panel worker`, or `manage.py worker`."""

import os

from celery import Celery
from celery.signals import setup_logging
from kombu.transport.redis import Channel

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
