"""What workers do for payments, by name."""

from celery import shared_task

from payments import expiring


@shared_task(name="payments.expire_stale")
def expire_stale() -> None:
    """End the payments that nobody waits for any more."""
    expiring.expire_stale()
