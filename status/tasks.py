"""What workers do for the status page and the probes, by name."""

from celery import shared_task

from status import heartbeat


@shared_task(name="status.beat")
def beat() -> None:
    """Give a sign of life."""
    heartbeat.beat()
