"""What the public status page tells that no figure says, and a sign of life of the workers."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

TITLE_MAX_CHARACTERS = 150


class Incident(models.Model):
    """Something that went wrong, or will be worked on, in the words of the staff."""

    class Component(models.TextChoices):
        API = "api", "API"
        ORDERS = "orders", "Orders"
        PAYMENTS = "payments", "Payments"
        WEBSITE = "website", "Website"

    class Severity(models.TextChoices):
        MAINTENANCE = "maintenance", "planned work"
        MINOR = "minor", "slower or partly away"
        MAJOR = "major", "away"

    title = models.CharField(max_length=TITLE_MAX_CHARACTERS)
    body = models.TextField(blank=True, help_text="Markdown. Add what is known as it becomes known.")
    component = models.CharField(max_length=10, choices=Component)
    severity = models.CharField(max_length=12, choices=Severity, default=Severity.MINOR)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it lasts.")
    is_public = models.BooleanField(default=True, help_text="Shown on the status page.")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")),
                name="incident_ends_after_it_starts",
                violation_error_message="It must end after it starts.",
            ),
        ]
        indexes = [models.Index(fields=["-started_at"], name="incident_newest")]

    def __str__(self) -> str:
        return self.title


class Heartbeat(models.Model):
    """One row: when a worker last did what beat asked for. Sweeps are asked for by the same beat."""

    beat_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="heartbeat_one_row")]

    def __str__(self) -> str:
        return str(self.beat_at)
