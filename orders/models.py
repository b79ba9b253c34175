"""Orders, the runs in which they are delivered, and everything that happened to them.

The rules PostgreSQL itself keeps (transitions, append-only events) are in
`migrations/0002_order_rules.py`.
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import ApiKey
from catalog.models import Route, Service
from orders.transitions import FINAL_STATUSES, TRACKED_RUN_STATES, RunState, Status
from panel.fields import MoneyField
from providers.models import Provider
from wallet.models import LedgerEntry

LINK_MAX_CHARACTERS = 2048  # what browsers and providers accept as an address

RUN_STATES = [(state.value, state.value) for state in RunState]
STATUSES = [(status.value, status.value) for status in Status]


class Order(models.Model):
    """What a customer bought: one service, one link, one charge.

    `status`, `remains`, `start_count` and `refunded` repeat what the runs and the ledger say, written in
    the same transaction, so that a status call reads one row.
    """

    # 32 bits: the protocol promises order ids below 2^31.
    id = models.AutoField(primary_key=True)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="orders")
    service_type = models.CharField(max_length=40)
    link = models.CharField(max_length=LINK_MAX_CHARACTERS)
    quantity = models.PositiveIntegerField()
    parameters = models.JSONField(default=dict, help_text="What the service type asks for: comments, usernames, ...")
    rate = MoneyField(help_text="Per 1000, in the wallet's currency, when the order was placed.")
    charge = MoneyField()
    refunded = MoneyField(default=0)
    refund_count = models.PositiveSmallIntegerField(default=0, help_text="Numbers the refunds' ledger keys.")
    charge_entry = models.OneToOneField(LedgerEntry, null=True, on_delete=models.PROTECT, related_name="charged_order")
    run_count = models.PositiveSmallIntegerField(default=1)
    interval_minutes = models.PositiveIntegerField(null=True)
    status = models.CharField(max_length=12, choices=STATUSES, default=Status.PENDING)
    start_count = models.BigIntegerField(null=True)
    remains = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(refunded__gte=0, refunded__lte=F("charge")), name="order_refund_range"),
            models.CheckConstraint(
                condition=Q(charge=0, charge_entry__isnull=True) | Q(charge__gt=0, charge_entry__isnull=False),
                name="order_charged_once",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_quantity_positive"),
            models.CheckConstraint(condition=Q(status__in=list(Status)), name="order_status_known"),
            models.CheckConstraint(condition=Q(remains__lte=F("quantity")), name="order_remains_range"),
            models.CheckConstraint(
                condition=Q(status__in=sorted(FINAL_STATUSES), finished_at__isnull=False)
                | (~Q(status__in=sorted(FINAL_STATUSES)) & Q(finished_at__isnull=True)),
                name="order_finished_with_status",
            ),
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True) | Q(finished_at__isnull=False), name="order_archived_after_end"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-id"], name="order_by_customer"),
            # Ordinary orders are not in it and do not pay for it.
            models.Index(fields=["customer", "-id"], condition=Q(run_count__gt=1), name="order_dripfeeds"),
            models.Index(
                fields=["finished_at"],
                condition=Q(archived_at__isnull=True, finished_at__isnull=False),
                name="order_to_archive",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


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
    provider_order = models.CharField(max_length=100, blank=True, help_text="The provider's id of this run.")
    start_count = models.BigIntegerField(null=True)
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


class Attempt(models.Model):
    """One try to send a run, committed before a byte leaves: the memory of a worker that died."""

    class State(models.TextChoices):
        IN_FLIGHT = "in_flight"
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        NOT_SENT = "not_sent"
        DEFERRED = "deferred", "refused for a while"
        UNKNOWN = "unknown"
        ABSENT = "absent", "found absent by review"

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="attempts")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+", db_index=False)
    route = models.ForeignKey(Route, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    cost = MoneyField(null=True, help_text="What the provider takes for it, in the base currency.")
    state = models.CharField(max_length=12, choices=State, default=State.IN_FLIGHT)
    started_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(help_text="An attempt still in flight after this is unknown.")
    finished_at = models.DateTimeField(null=True)
    evidence = models.TextField(blank=True, help_text="What the provider answered, or how the call failed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "run", condition=Q(state__in=["in_flight", "accepted", "unknown"]), name="attempt_one_live_per_run"
            ),
        ]
        indexes = [
            models.Index(fields=["lease_until"], condition=Q(state="in_flight"), name="attempt_leases"),
            models.Index(fields=["provider", "-started_at"], name="attempt_by_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.state}"


class ServicePace(models.Model):
    """How long runs of a service usually take from submission to completion; measured by `watching.py`."""

    service = models.OneToOneField(Service, primary_key=True, on_delete=models.CASCADE, related_name="pace")
    sampled_runs = models.PositiveIntegerField()
    p50 = models.DurationField()
    p95 = models.DurationField()
    measured_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.service_id}: {self.p50}, {self.p95}"


class ReviewItem(models.Model):
    """An unknown attempt that waits for a person with evidence."""

    class Resolution(models.TextChoices):
        FOUND = "found", "found at the provider"
        RESENT = "resent", "absent, sent again"
        REFUNDED = "refunded", "absent, canceled and refunded"

    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="review")
    opened_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=10, choices=Resolution, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["opened_at"], condition=Q(resolved_at__isnull=True), name="review_open")]
        constraints = [
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, resolution="") | Q(resolved_at__isnull=False, resolution__gt=""),
                name="review_resolved_with_resolution",
            ),
        ]

    def __str__(self) -> str:
        return str(self.attempt)


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
