"""Tries to send a run to a provider, and those of them that nobody knows the outcome of."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Route
from orders.models.run import Run
from panel.fields import MoneyField
from providers.models import Provider


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
