"""What workers do for the reports, by name."""

from celery import shared_task

from reports import folding

FOLD_SECONDS = 10.0  # a task gives its thread back after this long


@shared_task(name="reports.fold")
def fold() -> None:
    """Add up what came since the last time."""
    folding.fold_all(seconds=FOLD_SECONDS)
