"""Who uses the panel: customers, staff, and the keys of their programs."""

from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from panel.fields import MoneyField

# Contract: "more than 60 requests a second on one key, sustained for more than a minute".
DEFAULT_REQUESTS_PER_SECOND = 60
TIME_ZONE_MAX_CHARACTERS = 63
KEY_HINT_CHARACTERS = 6  # protocol.md: the first six characters may be shown again
NOTE_MAX_CHARACTERS = 2000
REASON_MAX_CHARACTERS = 300


def validate_time_zone(name: str) -> None:
    """Refuse what is no time zone of the IANA database."""
    if name not in available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone."), params={"name": name})


class User(AbstractUser):
    """A person who can log in: a customer with a wallet, or a member of the staff."""

    email = models.EmailField("email address", blank=True)
    is_suspended = models.BooleanField(
        "suspended",
        default=False,
        help_text="The API answers 'Account suspended' and nothing can be ordered. Effective on the next request.",
    )
    requests_per_second = models.PositiveIntegerField(
        default=DEFAULT_REQUESTS_PER_SECOND,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="What each key of this customer may sustain. Effective on the next request.",
    )

    language = models.CharField(
        max_length=8, blank=True, choices=settings.LANGUAGES, help_text="Empty: what the browser asks for."
    )
    time_zone = models.CharField(max_length=TIME_ZONE_MAX_CHARACTERS, default="UTC", validators=[validate_time_zone])
    # Repeats what the tickets say, written with them, so that the sign in the navigation costs no page a query.
    unread_tickets = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="user_email_unique",
                violation_error_message="Somebody has this email address already.",
            ),
            # Whoever logs in need not type the capitals, so they make no difference here either.
            models.UniqueConstraint(
                Lower("username"),
                name="user_username_unique",
                violation_error_message="Somebody has this user name already.",
            ),
            models.CheckConstraint(
                condition=models.Q(requests_per_second__gte=1),
                name="user_requests_positive",
                violation_error_message="At least one request a second must be allowed.",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_working_staff(self) -> bool:
        """Say whether it is somebody of the staff who may act at present, whatever for."""
        return self.is_active and self.is_staff and not self.is_suspended


class ApiKey(models.Model):
    """A secret with which a program acts for its customer; only a keyed digest of it is kept.

    A row outlives its key: orders point at the key they came with.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=60)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=KEY_HINT_CHARACTERS, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(hint__regex=r"^[0-9a-f]{6}$"), name="api_key_hint_shape"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class NoticeChoices(models.Model):
    """What a customer wants to be told by mail. Without a row: nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="notice_choices"
    )
    low_balance = models.BooleanField(default=False)
    low_balance_below = MoneyField(null=True, help_text="In the wallet's currency; kept while `low_balance` is off.")
    ended_orders = models.BooleanField(default=False, help_text="Orders that ended Partial or Canceled.")

    class Meta:
        verbose_name_plural = "notice choices"
        constraints = [
            models.CheckConstraint(
                # A check that comes out as NULL passes, so say that it is not.
                condition=models.Q(low_balance=False)
                | models.Q(low_balance_below__isnull=False, low_balance_below__gt=0),
                name="notice_low_balance_has_threshold",
            ),
        ]

    def __str__(self) -> str:
        return str(self.user_id)


class CustomerNote(models.Model):
    """What one of the staff wrote down about a customer, for the others; the customer never sees it.

    Append-only, by a trigger: what was known when a decision was taken stays readable.
    """

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="staff_notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    text = models.TextField(max_length=NOTE_MAX_CHARACTERS)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=~models.Q(text=""), name="customer_note_says_something")]

    def __str__(self) -> str:
        return f"Note {self.pk}"


class Impersonation(models.Model):
    """One of the staff looking at the panel as a customer does: who, whom, why, from where and until when.

    A session only names a row; whether the view goes on is asked of the row on every request.
    """

    staff = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="impersonations")
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=REASON_MAX_CHARACTERS)
    address = models.GenericIPAddressField(null=True)
    started_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="When staff went back; empty: it expired.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="impersonation_has_reason"),
            models.CheckConstraint(condition=~models.Q(staff=models.F("customer")), name="impersonation_is_of_another"),
        ]

    def __str__(self) -> str:
        return f"{self.staff} as {self.customer}"
