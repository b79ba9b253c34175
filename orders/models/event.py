"""What happened to an order."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from orders.models.order import Order
from orders.models.run import Run


class OrderEvent(models.Model):
    """One step in an order's life, for the customer to read; append-only."""

    class Kind(models.TextChoices):
        PLACED = "placed"
        SUBMITTED = "submitted"
        PROGRESS = "progress"
        FINISHED = "finished"
        REFUNDED = "refunded"
        CANCEL_REQUESTED = "cancel_requested"
        REFILL_REQUESTED = "refill_requested"
        REFILL_FINISHED = "refill_finished"
        REVIEW_OPENED = "review_opened"
        REVIEW_RESOLVED = "review_resolved"
        HELD = "held"
        RELEASED = "released"
        STAFF = "staff"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    run = models.ForeignKey(Run, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind)
    data = models.JSONField(default=dict)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.order_id} {self.kind}"
