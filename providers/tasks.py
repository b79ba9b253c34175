"""What workers do about providers, by name."""

from celery import shared_task

from providers import balances


@shared_task(name="providers.check_balances")
def check_balances() -> None:
    """Ask for our balances."""
    balances.check_balances()
