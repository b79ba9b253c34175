"""Mails to customers about their orders and their balance, and what must be remembered for them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Notice(models.Model):
    """A mail to a customer that is still to be sent; the row goes when it is. Written and read by `notices.py`."""

    class Kind(models.TextChoices):
        LOW_BALANCE = "low_balance"
        ENDED_ORDERS = "ended_orders"

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    order_ids = ArrayField(models.IntegerField(), default=list, help_text="The first of them; the mail has limits.")
    order_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(help_text="When to send it, or to try again.")
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            # What comes while one waits joins it.
            models.UniqueConstraint("customer", "kind", condition=Q(tries=0), name="notice_one_waiting"),
        ]
        indexes = [models.Index(fields=["due_at"], name="notice_due")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.kind}"


class LowBalance(models.Model):
    """That a customer was told of a low balance; the row goes when the balance is above again."""

    customer = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    told_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.customer_id)


class EndedOrdersCursor(models.Model):
    """One row: up to which moment ended orders were looked at for notices."""

    until = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="ended_orders_cursor_one_row")]

    def __str__(self) -> str:
        return str(self.until)
