"""What workers do about providers, by name."""

from celery import shared_task

from providers import balances


@shared_task(name="providers.check_balances")
def check_balances() -> None:
    """Ask for our balances."""
    balances.check_balances()


@shared_task(name="providers.probe_failing")
def probe_failing() -> None:
    """Ask providers that are down whether they are back."""
    balances.probe_failing()
