"""What workers do for the customer's pages."""

import threading

from celery import shared_task

from dashboard import notice_mails

SEND_SECONDS = 30.0

# A mail server that hangs holds one thread of a worker, for EMAIL_TIMEOUT; messages that come meanwhile pass.
_sender = threading.Lock()


@shared_task(name="dashboard.send_notices")
def send_notices() -> None:
    """Send mails to customers, unless another thread of this worker does."""
    if not _sender.acquire(blocking=False):
        return
    try:
        notice_mails.send_due(seconds=SEND_SECONDS)
    finally:
        _sender.release()
