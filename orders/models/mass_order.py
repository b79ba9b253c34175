"""Many orders placed at once."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Service
from orders.models.order import LINK_MAX_CHARACTERS, Order
from panel.fields import MoneyField


class MassOrder(models.Model):
    """Many orders that a customer agreed to at once; the worker places them line by line.

    The row is the queue: one that is being placed is worked on until none of its lines waits.
    """

    class State(models.TextChoices):
        PLACING = "placing"
        DONE = "done"
        STOPPED = "stopped"

    class StoppedBecause(models.TextChoices):
        CUSTOMER = "customer", "the customer stopped it"
        SUSPENDED = "suspended", "the customer was suspended"

    id = models.AutoField(primary_key=True)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mass_orders", db_index=False
    )
    token = models.UUIDField(help_text="Of the form it was sent with: one that is sent twice makes one mass order.")
    state = models.CharField(max_length=8, choices=State, default=State.PLACING)
    stopped_because = models.CharField(max_length=10, blank=True, choices=StoppedBecause, default="")
    line_count = models.PositiveIntegerField()
    charge = MoneyField(help_text="What all lines together were to cost when the customer agreed.")
    placed_count = models.PositiveIntegerField(null=True, help_text="Counted when it ended, as is what was charged.")
    charged = MoneyField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("customer", "token", name="massorder_once_per_form"),
            models.CheckConstraint(condition=Q(line_count__gte=1, charge__gte=0), name="massorder_has_lines"),
            models.CheckConstraint(
                condition=Q(state="placing", finished_at=None, placed_count=None, charged=None)
                | Q(
                    state__in=["done", "stopped"],
                    finished_at__isnull=False,
                    placed_count__isnull=False,
                    charged__isnull=False,
                ),
                name="massorder_counted_when_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(state="stopped", stopped_because__gt="") | (~Q(state="stopped") & Q(stopped_because="")),
                name="massorder_stopped_with_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-id"], name="massorder_by_customer"),
            models.Index(fields=["id"], condition=Q(state="placing"), name="massorder_to_place"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class MassOrderLine(models.Model):
    """One line of a mass order, and what came of it: written in the transaction that places its order, or never."""

    class State(models.TextChoices):
        WAITING = "waiting"
        PLACED = "placed"
        REFUSED = "refused"
        SKIPPED = "skipped", "not tried: the mass order was stopped"

    mass_order = models.ForeignKey(MassOrder, on_delete=models.PROTECT, related_name="lines", db_index=False)
    number = models.PositiveIntegerField(help_text="Of the line in what the customer sent.")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+", db_index=False)
    link = models.CharField(max_length=LINK_MAX_CHARACTERS)
    quantity = models.PositiveIntegerField()
    charge = MoneyField(help_text="What the customer agreed to; a line that has become dearer is not placed.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    order = models.OneToOneField(Order, null=True, on_delete=models.PROTECT, related_name="mass_order_line")
    refusal = models.CharField(max_length=40, blank=True, default="", help_text="Name of the refusal.")
    refusal_facts = models.JSONField(default=dict, help_text="What the refusal carries.")

    class Meta:
        constraints = [
            models.UniqueConstraint("mass_order", "number", name="massorderline_once_per_number"),
            models.CheckConstraint(
                condition=Q(state="placed", order__isnull=False) | (~Q(state="placed") & Q(order__isnull=True)),
                name="massorderline_placed_with_order",
            ),
            models.CheckConstraint(
                condition=Q(state="refused", refusal__gt="") | (~Q(state="refused") & Q(refusal="")),
                name="massorderline_refused_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "placed", "refused", "skipped"]), name="massorderline_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["mass_order", "number"], condition=Q(state="waiting"), name="massorderline_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.mass_order_id}/{self.number}"
