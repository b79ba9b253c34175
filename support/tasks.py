"""What workers do for support, by name."""

from celery import shared_task

from support import mails


@shared_task(name="support.send_mails")
def send_mails() -> None:
    """Send the mails that tickets owe."""
    mails.send_due()
