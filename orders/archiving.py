"""Put final orders away: the API no longer knows them, the dashboard still shows them."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from orders.models import Order, Refill

BATCH = 1000  # orders per statement: short locks, however many are due


def archive_orders() -> int:
    """Archive the orders that ended more than `ARCHIVE_AFTER_DAYS` ago; return how many.

    One with an open refill waits until the refill has ended.
    """
    total = 0
    while True:
        due = (
            Order.objects.filter(archived_at=None, finished_at__lt=Now() - timedelta(days=settings.ARCHIVE_AFTER_DAYS))
            .exclude(refills__status__in=Refill.OPEN)
            .order_by("finished_at")
            .values("pk")[:BATCH]
        )
        archived = Order.objects.filter(pk__in=list(due.values_list("pk", flat=True))).update(archived_at=Now())
        total += archived
        if archived < BATCH:
            return total
