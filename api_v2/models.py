"""What customers' programs asked lately, for the customers to look at. No rule of the panel reads any of it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import ApiKey

ACTION_MAX_CHARACTERS = 16
ANSWER_MAX_CHARACTERS = 4000  # of an answer are kept


class Outcome(models.TextChoices):
    """How a call ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"  # our fault: HTTP 500


class RecordedCall(models.Model):
    """One call as its customer may see it again: without any key, and cut to a readable size.

    A sample, not an account: of a busy key only the newest calls of each second are kept, and those not for long.
    """

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False, editable=False
    )
    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+", db_index=False, editable=False)
    at = models.DateTimeField(db_index=True)
    method = models.CharField(max_length=4)
    action = models.CharField(max_length=ACTION_MAX_CHARACTERS, blank=True)  # empty: none of the protocol's
    sent = models.JSONField(help_text="[name, text, characters it had] of each parameter, in the order they came.")
    parameters = models.PositiveIntegerField(help_text="How many were sent.")
    answer = models.TextField()
    answer_bytes = models.PositiveIntegerField(help_text="How long the answer was.")
    status = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=8, choices=Outcome)
    facts = models.JSONField(default=dict, help_text="What the refusal was about: the quantity, the minimum, ...")
    latency_us = models.PositiveIntegerField()
    ip = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["customer", "-id"], name="recorded_call_customer"),
            models.Index(fields=["key", "-id"], name="recorded_call_key"),
        ]

    def __str__(self) -> str:
        return f"{self.action or '?'} {self.outcome}"

    @property
    def answer_is_cut(self) -> bool:
        """Say whether more was answered than is kept."""
        return self.answer_bytes > ANSWER_MAX_CHARACTERS


class CallCount(models.Model):
    """How many calls a key made within an hour, by action and outcome: every one of them, recorded or not."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+", db_index=False, editable=False)
    hour = models.DateTimeField(db_index=True)
    action = models.CharField(max_length=ACTION_MAX_CHARACTERS, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome)
    calls = models.PositiveBigIntegerField()
    total_us = models.PositiveBigIntegerField()
    max_us = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "hour", "action", "outcome"], name="call_count_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.action or '?'} {self.outcome}: {self.calls}"


class CallTime(models.Model):
    """How long calls of all keys took within an hour: how many, by the steps of `times.py`.

    The row of `times.ALL_TIME` adds up all hours, also those that were forgotten.
    """

    hour = models.DateTimeField()
    action = models.CharField(max_length=ACTION_MAX_CHARACTERS, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome)
    steps = ArrayField(models.BigIntegerField())
    total_us = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["hour", "action", "outcome"], name="call_time_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.action or '?'} {self.outcome}"
