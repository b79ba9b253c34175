"""What staff look at to decide: runs in review and runs that are held, of all customers, the oldest first."""

from django.db.models import QuerySet

from orders.errors import RunNotHeld
from orders.models import ReviewItem, Run


def list_open_reviews() -> QuerySet[ReviewItem]:
    """List what waits for a decision, with the run, its customer and where it may be."""
    return (
        ReviewItem.objects.filter(resolved_at=None)
        .select_related("attempt__run__order__customer", "attempt__provider")
        .order_by("opened_at", "pk")
    )


def list_held_runs() -> QuerySet[Run]:
    """List what is held, with its customer and the provider it waits at."""
    return (
        Run.objects.filter(held_at__isnull=False)
        .select_related("order__customer", "provider")
        .order_by("held_at", "pk")
    )


def get_run_id(*, order_id: int, number: int) -> int:
    """Return the id of an order's run by its number.

    :raises RunNotHeld: there is none
    """
    run_id = Run.objects.filter(order=order_id, number=number).values_list("pk", flat=True).first()
    if run_id is None:
        raise RunNotHeld
    return run_id
