"""Who delivers our orders: the panels we buy from, and we ourselves where it is done by hand."""

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from panel.fields import MoneyField


class Provider(models.Model):
    """A panel that delivers our orders: how to reach it, by which rules we buy there, and how it has been doing.

    How it has been doing is written by `health.py`, the rest by staff. A manual one is staff themselves, or a program
    of theirs: no worker ever calls it, and what waits there is taken. A trigger fixes the kind: orders at one kind mean
    nothing to another.
    """

    class Kind(models.TextChoices):
        SANDBOX = "sandbox", "Built-in sandbox"
        PANEL = "panel", "Panel with an API v2"
        MANUAL = "manual", "Delivered by hand or by our own program"

    class PriceRule(models.TextChoices):
        FOLLOW = "follow", "Follow the provider's price, with the markup"
        KEEP = "keep", "Keep our price"

    class Rounding(models.TextChoices):
        NONE = "0.00001", "five decimals"
        THOUSANDTH = "0.001", "up to a thousandth"
        CENT = "0.01", "up to a hundredth"
        TENTH = "0.1", "up to a tenth"
        UNIT = "1", "up to a whole unit"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=Kind)
    api_url = models.URLField("API URL", blank=True, help_text="Where a panel takes its calls: https://…/api/v2")
    sealed_key = models.TextField(blank=True, editable=False, help_text="Our API key there, encrypted; see keys.py.")
    currency = models.CharField(
        max_length=3,
        default="USD",
        validators=[RegexValidator("^[A-Z]{3}$", "Three capital letters, like USD.")],
        help_text="What it charges in.",
    )
    is_active = models.BooleanField(default=True, help_text="Runs of a paused provider wait, or go by another route.")
    concurrency_max = models.PositiveSmallIntegerField(
        default=4,
        validators=[MinValueValidator(1)],
        help_text="Orders being sent to it at once, at most; what hangs while it answers others is not counted.",
    )

    price_rule = models.CharField(max_length=10, choices=PriceRule, default=PriceRule.FOLLOW)
    markup_percent = models.DecimalField(
        max_digits=7, decimal_places=2, default=30, validators=[MinValueValidator(0)], help_text="On its price."
    )
    markup_fixed = MoneyField(
        default=0, validators=[MinValueValidator(0)], help_text="On top of that, per 1000, in the base currency."
    )
    rounding = models.CharField(max_length=10, choices=Rounding, default=Rounding.NONE)
    pause_at_loss = models.BooleanField(
        default=True, help_text="Take a service off sale while it costs more than it brings."
    )
    synced_at = models.DateTimeField(null=True, editable=False, help_text="When its price list was last read.")
    sync_failure = models.TextField(blank=True, editable=False, help_text="Why it could not be read since.")

    balance = MoneyField(null=True, editable=False, help_text="Our money there, in its currency.")
    balance_at = models.DateTimeField(null=True, editable=False)
    balance_currency = models.CharField(
        max_length=3, blank=True, default="", db_default="", editable=False, help_text="What it says it counts in."
    )
    balance_alert = MoneyField(
        null=True, blank=True, help_text="Tell staff when our balance there falls below this, in its currency."
    )
    is_low = models.BooleanField(default=False, editable=False, help_text="Staff have been told.")

    paused_until = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Gets no orders until then: it refuses for a while (our balance, its limit).",
    )
    down_until = models.DateTimeField(
        null=True, editable=False, help_text="Not called at all until then: calls failed in a row."
    )
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="Calls that failed in a row.")
    failure = models.TextField(blank=True, editable=False, help_text="How the last one did.")
    failed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(concurrency_max__gte=1),
                name="provider_concurrency_positive",
                violation_error_message="At least one order must be sent at a time.",
            ),
            models.CheckConstraint(
                condition=Q(markup_percent__gte=0, markup_fixed__gte=0),
                name="provider_markup_not_negative",
                violation_error_message="The markup cannot be below zero.",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex="^[A-Z]{3}$"),
                name="provider_currency_shape",
                violation_error_message="A currency is three capital letters like USD.",
            ),
            models.CheckConstraint(
                condition=~Q(kind="manual") | Q(api_url="", sealed_key=""),
                name="provider_manual_is_not_called",
                violation_error_message="What is delivered by hand has no address and no key.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_manual(self) -> bool:
        """Say whether its orders are delivered by hand: taken from here, never sent."""
        return self.kind == self.Kind.MANUAL


class SandboxOrder(models.Model):
    """An order at the sandbox provider: the outside world, kept in a table of its own.

    Its state is computed from its age, so that nothing needs to run for it.
    """

    service = models.CharField(max_length=50)
    link = models.CharField(max_length=2048)
    quantity = models.PositiveIntegerField()
    outcome = models.CharField(max_length=20)
    created_at = models.DateTimeField(db_default=Now())
    canceled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)


class SandboxRefill(models.Model):
    """A refill at the sandbox provider; like its order, computed from its age."""

    order = models.ForeignKey(SandboxOrder, on_delete=models.CASCADE)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.pk)
