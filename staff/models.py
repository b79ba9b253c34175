"""What the staff did and want to do. The rules PostgreSQL keeps are in `migrations/0002_audit_chain.py`."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from panel.fields import REASON_MAX_CHARACTERS, MoneyField


class Channel(models.TextChoices):
    """Through which door somebody came."""

    ADMIN = "admin", "admin"
    ADMIN_API = "admin_api", "Admin API"
    BULK = "bulk", "bulk job"
    COMMAND = "command", "command line"


def subject_keys(column: str) -> Any:
    """Return the ids of what an entry about many objects is about: the keys of its `after`."""
    return models.Func(F(column), function="staff_subject_keys", output_field=ArrayField(models.TextField()))


class AuditEntry(models.Model):
    """One thing that a member of the staff did; append-only.

    Each entry's hash covers the one before it, so that a rewrite by somebody who may do anything in the database shows
    in `manage.py audit_staff`. The database numbers and chains entries itself.
    """

    seq = models.BigIntegerField(unique=True, default=0, editable=False)
    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    actor_name = models.CharField(max_length=150, help_text="As it was then.")
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    operation = models.CharField(max_length=60)
    subject_model = models.CharField(max_length=60, help_text="As app.model.")
    subject_id = models.CharField(max_length=60)
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    reason = models.CharField(max_length=REASON_MAX_CHARACTERS, blank=True)
    outcome = models.TextField(blank=True)
    amount = MoneyField(null=True, help_text="What it moved, in the base currency.")
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=64, blank=True)
    hash = models.BinaryField(default=b"", editable=False)

    class Meta:
        verbose_name = "log entry"
        verbose_name_plural = "staff log"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["subject_model", "subject_id", "-id"], name="audit_by_subject"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(
                fields=["actor", "at"], condition=Q(amount__isnull=False, approver=None), name="audit_moved_alone"
            ),
            GinIndex(subject_keys("after"), condition=Q(subject_id="many"), name="audit_by_one_of_many"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.operation}"


class Approval(models.Model):
    """An operation that waits for a second person; nothing has moved before."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done", "approved and done"
        FAILED = "failed", "approved, but refused"
        REJECTED = "rejected"
        EXPIRED = "expired"

    operation = models.CharField(max_length=60)
    subject_id = models.BigIntegerField(null=True, help_text="Empty for a bulk job.")
    job = models.OneToOneField("staff.BulkJob", null=True, on_delete=models.PROTECT, related_name="approval")
    subject = models.CharField(max_length=300, help_text="What it is about, as it was then.")
    arguments = models.JSONField(default=dict)
    reason = models.CharField(max_length=REASON_MAX_CHARACTERS, blank=True)
    amount = MoneyField(help_text="What it moves, in the base currency.")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(db_default=Now())
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    outcome = models.TextField(blank=True, help_text="What came of it, or why it was rejected.")

    class Meta:
        default_permissions = ("view",)
        permissions = [("decide_approval", "Can be the second person")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["done", "failed"])
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("requested_by"))),
                name="approval_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at=None) | (~Q(state="waiting") & Q(decided_at__isnull=False)),
                name="approval_decided_once",
            ),
            models.CheckConstraint(
                condition=Q(subject_id__isnull=False, job=None) | Q(subject_id=None, job__isnull=False),
                name="approval_of_one_or_of_many",
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="waiting"), name="approval_waiting")]

    def __str__(self) -> str:
        return f"Approval {self.pk}"


class BulkJob(models.Model):
    """One operation on many subjects, done one after the other by a worker."""

    class State(models.TextChoices):
        ASKED = "asked", "waits for a second person"
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"

    operation = models.CharField(max_length=60)
    arguments = models.JSONField(default=dict)
    reason = models.CharField(max_length=REASON_MAX_CHARACTERS, blank=True)
    token = models.UUIDField(unique=True, help_text="Of the form it was sent with: sent twice, it makes one job.")
    amount = MoneyField(help_text="What all of it moves, in the base currency, when it was asked for.")
    moved = MoneyField(default=0, db_default=0, help_text="What was done of it moved at most: no more than the amount.")
    item_count = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=64, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("stop_bulkjob", "Can stop bulk jobs")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["asked", "running"], finished_at=None)
                | Q(state__in=["done", "stopped"], finished_at__isnull=False),
                name="bulkjob_finished_with_state",
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="running"), name="bulkjob_running")]

    def __str__(self) -> str:
        return f"Bulk job {self.pk}"


class BulkItem(models.Model):
    """One subject of a job, and what came of it: written in the transaction that did it, or never."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"
        SKIPPED = "skipped", "not tried: the job was stopped"

    job = models.ForeignKey(BulkJob, on_delete=models.PROTECT, related_name="items", db_index=False)
    subject_id = models.BigIntegerField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    outcome = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint("job", "subject_id", name="bulkitem_once_per_subject")]
        indexes = [models.Index(fields=["job", "id"], condition=Q(state="waiting"), name="bulkitem_waiting")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.subject_id}"
