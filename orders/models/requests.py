"""What a customer asks for after the order: to deliver again, or to stop."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orders.models.order import Order
from orders.models.run import Run


class Refill(models.Model):
    """A customer's request to deliver again what dropped off after completion."""

    class Status(models.TextChoices):
        PENDING = "Pending"
        IN_PROGRESS = "In progress"
        COMPLETED = "Completed"
        REJECTED = "Rejected"

    OPEN = (Status.PENDING, Status.IN_PROGRESS)

    id = models.AutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refills")
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="The order's, once more: a customer's list of refills is then one range of an index.",
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    created_at = models.DateTimeField(db_default=Now())
    poll_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "order", condition=Q(status__in=["Pending", "In progress"]), name="refill_one_open_per_order"
            ),
        ]
        indexes = [
            models.Index(fields=["poll_at"], condition=Q(status__in=["Pending", "In progress"]), name="refill_to_poll"),
            models.Index(fields=["customer", "-id"], name="refill_by_customer"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class RefillPart(models.Model):
    """The refill of one run at its provider. Like an attempt it is claimed before a byte leaves, and sent once."""

    refill = models.ForeignKey(Refill, on_delete=models.PROTECT, related_name="parts", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(max_length=12, choices=Refill.Status, default=Refill.Status.PENDING)
    sent_at = models.DateTimeField(null=True, help_text="Set, but no provider's id: nobody knows if it is there.")
    provider_refill = models.CharField(max_length=100, blank=True, help_text="The provider's id of it.")

    class Meta:
        constraints = [models.UniqueConstraint("refill", "run", name="refill_part_once_per_run")]

    def __str__(self) -> str:
        return f"{self.refill_id}/{self.run_id}"


class Cancellation(models.Model):
    """A customer's request to stop an order; what the provider then reports decides the refund."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="cancellation")
    requested_at = models.DateTimeField(db_default=Now())
    forward_at = models.DateTimeField(
        null=True, db_default=Now(), help_text="When to ask the provider; empty when there is nothing left to ask."
    )
    forwarded_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="Times the provider was asked without an answer.")
    answer = models.CharField(max_length=300, blank=True, help_text="What the provider said to it.")

    class Meta:
        indexes = [
            models.Index(fields=["forward_at"], condition=Q(forward_at__isnull=False), name="cancellation_to_forward")
        ]

    def __str__(self) -> str:
        return str(self.order_id)
