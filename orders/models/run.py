"""The portions in which an order is delivered."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.models import Route, Service
from orders.models.order import Order
from orders.transitions import TRACKED_RUN_STATES, RunState
from providers.models import Provider

RUN_STATES = [(state.value, state.value) for state in RunState]


class Run(models.Model):
    """One portion of an order, sent to a provider as an order of its own.

    An ordinary order has one; drip-feed has N, due one interval apart. The row is the queue: a queued run waits
    at the provider it will probably go to, and the route is chosen for good when it is claimed.
    """

    class Alarm(models.TextChoices):
        WAITING = "waiting", "due for minutes and not sent"
        LATE = "late", "takes longer than is usual for its service"
        NOT_KNOWN = "not_known", "its provider does not know it"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="runs", db_index=False)
    number = models.PositiveSmallIntegerField()
    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=RUN_STATES, default=RunState.QUEUED)
    due_at = models.DateTimeField(db_default=Now(), help_text="When to submit it; moved on by back-off.")
    provider = models.ForeignKey(Provider, null=True, on_delete=models.PROTECT, related_name="runs", db_index=False)
    route = models.ForeignKey(Route, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    wanted_route = models.ForeignKey(
        Route,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="Where staff want it sent, before all other routes.",
    )
    provider_order = models.CharField(max_length=100, blank=True, help_text="The provider's id of this run.")
    start_count = models.BigIntegerField(null=True)
    start_count_by_staff = models.BooleanField(
        default=False, db_default=False, help_text="Reports of the provider leave the start count as it is."
    )
    remains = models.PositiveIntegerField()
    submitted_at = models.DateTimeField(null=True)
    poll_at = models.DateTimeField(null=True, help_text="When to ask its provider again.")
    recheck_at = models.DateTimeField(null=True, help_text="When to ask once more although it ended.")
    expected_at = models.DateTimeField(null=True, help_text="When it should be finished, as its service usually goes.")
    finished_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True, help_text="Queued, but not to be sent before staff have looked at it.")
    held_because = models.CharField(max_length=200, blank=True, db_default="")
    loss_accepted = models.BooleanField(default=False, db_default=False, help_text="Staff want it sent at any cost.")
    unknown_count = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Times in a row that its provider did not know it."
    )
    alarm = models.CharField(max_length=10, blank=True, choices=Alarm, db_default="")
    alarm_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("order", "number", name="run_number_once"),
            models.UniqueConstraint(
                "provider", "provider_order", condition=~Q(provider_order=""), name="run_provider_order_once"
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="run_quantity_positive"),
            models.CheckConstraint(condition=Q(remains__lte=F("quantity")), name="run_remains_range"),
            models.CheckConstraint(
                condition=~Q(state=RunState.QUEUED) | Q(provider__isnull=False), name="run_waits_at_provider"
            ),
            models.CheckConstraint(
                condition=Q(held_at__isnull=True) | Q(state=RunState.QUEUED), name="run_held_only_while_queued"
            ),
        ]
        indexes = [
            models.Index(
                fields=["provider", "due_at"],
                condition=Q(state=RunState.QUEUED, held_at__isnull=True),
                name="run_due_at_provider",
            ),
            models.Index(
                fields=["provider", "poll_at"],
                condition=Q(state__in=sorted(TRACKED_RUN_STATES)),
                name="run_to_poll_at_provider",
            ),
            models.Index(
                fields=["provider", "recheck_at"], condition=Q(recheck_at__isnull=False), name="run_to_recheck"
            ),
            models.Index(
                fields=["expected_at"],
                condition=Q(state__in=sorted(TRACKED_RUN_STATES), alarm=""),
                name="run_expected",
            ),
            models.Index(fields=["alarm_at"], condition=~Q(alarm=""), name="run_alarms"),
            models.Index(fields=["held_at"], condition=Q(held_at__isnull=False), name="run_held"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.number}"


class HeldRuns(models.Manager["HeldRun"]):
    """Runs that staff must look at before they are sent."""

    def get_queryset(self) -> models.QuerySet["HeldRun"]:
        """Leave all others out."""
        return super().get_queryset().filter(held_at__isnull=False)


class HeldRun(Run):
    """A held run, for a page and a permission of its own."""

    objects: ClassVar[HeldRuns] = HeldRuns()

    class Meta:
        proxy = True
        default_permissions = ("change", "view")


class StuckRuns(models.Manager["StuckRun"]):
    """Runs that do not get on."""

    def get_queryset(self) -> models.QuerySet["StuckRun"]:
        """Leave all others out."""
        return super().get_queryset().exclude(alarm="")


class StuckRun(Run):
    """A run with an alarm, for a page and a permission of its own."""

    objects: ClassVar[StuckRuns] = StuckRuns()

    class Meta:
        proxy = True
        default_permissions = ("view",)


class ServicePace(models.Model):
    """How long runs of a service usually take from submission to completion; measured by `watching.py`."""

    service = models.OneToOneField(Service, primary_key=True, on_delete=models.CASCADE, related_name="pace")
    sampled_runs = models.PositiveIntegerField()
    p50 = models.DurationField()
    p95 = models.DurationField()
    measured_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.service_id}: {self.p50}, {self.p95}"
