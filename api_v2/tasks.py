"""What workers do for the pages about the API."""

from celery import shared_task

from api_v2 import pruning


@shared_task(name="api_v2.prune_calls")
def prune_calls() -> None:
    """Forget calls that are too many or too old."""
    pruning.prune_calls()


@shared_task(name="api_v2.prune_counts")
def prune_counts() -> None:
    """Forget old counts."""
    pruning.prune_counts()


@shared_task(name="api_v2.prune_times")
def prune_times() -> None:
    """Forget old times."""
    pruning.prune_times()
