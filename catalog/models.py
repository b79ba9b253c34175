"""What is on sale, and at which price for whom.

Every change to what is sold or what it costs raises `CatalogVersion` in the same transaction (triggers in
`migrations/0002_version.py`), so a process can keep the catalogue in memory and still never sell at an
old price: see `snapshot.py`.
"""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.types import TYPES
from panel.fields import MoneyField
from providers.models import Provider

REFILL_DAYS_DEFAULT = 365  # contract: "free for the first 365 days"
REFILL_DAYS_MAX = 36_500  # a hundred years, for "lifetime refills"; counted from completion it is still a date


class CatalogVersion(models.Model):
    """A single row that counts the changes of the catalogue."""

    version = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.version)


class Currency(models.Model):
    """A currency that wallets can have, with its price in the base currency."""

    code = models.CharField(max_length=3, primary_key=True)
    symbol = models.CharField(max_length=5, blank=True)
    rate = models.DecimalField(
        max_digits=20,
        decimal_places=10,
        validators=[MinValueValidator(0)],
        help_text="How many units of it one unit of the base currency buys.",
    )

    class Meta:
        verbose_name_plural = "currencies"
        constraints = [
            models.CheckConstraint(
                condition=Q(rate__gt=0),
                name="currency_rate_positive",
                violation_error_message="The rate must be above zero.",
            ),
            models.CheckConstraint(
                condition=Q(code__regex=r"^[A-Z]{3}$"),
                name="currency_code_shape",
                violation_error_message="A code is three capital letters like USD.",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Category(models.Model):
    """A heading of the catalogue: "Instagram › Followers"."""

    name = models.CharField(max_length=200, unique=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "categories"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class Service(models.Model):
    """Something on sale. How to get it say its routes; what customers should know of its past, its updates."""

    class OffSale(models.TextChoices):
        GONE = "gone", "its provider no longer sells it"
        LOSS = "loss", "it costs more than it brings"

    id = models.AutoField(primary_key=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="services")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    type = models.CharField(max_length=40, choices=[(name, name) for name in TYPES], default="Default")
    rate = MoneyField(help_text="Price per 1000 in the base currency; packages: the price of one.")
    min = models.PositiveIntegerField(default=1)
    max = models.PositiveIntegerField(default=1)
    refill = models.BooleanField(default=False)
    refill_days = models.PositiveIntegerField(
        default=REFILL_DAYS_DEFAULT,
        validators=[MaxValueValidator(REFILL_DAYS_MAX)],
        help_text="Counted from completion.",
    )
    cancel = models.BooleanField(default=False)
    dripfeed = models.BooleanField(default=False)
    average_minutes = models.PositiveIntegerField(null=True, blank=True, help_text="Usual time to completion.")
    position = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField("active", default=True)
    off_sale_because = models.CharField(
        max_length=10,
        blank=True,
        choices=OffSale,
        editable=False,
        help_text="Why the sync took it off sale; it puts it back itself. Empty when staff did.",
    )
    allow_loss = models.BooleanField(
        default=False, help_text="Send its orders also when they cost more than they bring."
    )
    price_rule = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        choices=Provider.PriceRule,
        help_text="Empty: its provider's. A price that is followed is written again by the next sync.",
    )
    markup_percent = models.DecimalField(
        max_digits=7,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="On the provider's price; empty: its provider's.",
    )
    markup_fixed = MoneyField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="On top of that, per 1000 (packages: for one), in the base currency; empty: its provider's.",
    )
    rounding = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        choices=Provider.Rounding,
        help_text="Empty: its provider's.",
    )

    class Meta:
        ordering = ["category__position", "category_id", "position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rate__gte=0),
                name="service_rate_not_negative",
                violation_error_message="The rate cannot be below zero.",
            ),
            models.CheckConstraint(
                condition=Q(min__gte=1) & Q(max__gte=F("min")),
                name="service_min_max",
                violation_error_message="The minimum must be 1 or more, and the maximum no smaller than the minimum.",
            ),
            models.CheckConstraint(
                condition=Q(refill_days__lte=REFILL_DAYS_MAX),
                name="service_refill_days_bounded",
                violation_error_message="The time for refills cannot be longer than a hundred years.",
            ),
            models.CheckConstraint(
                condition=Q(markup_percent__isnull=True) | Q(markup_percent__gte=0),
                name="service_markup_percent_not_negative",
                violation_error_message="The markup cannot be below zero.",
            ),
            models.CheckConstraint(
                condition=Q(markup_fixed__isnull=True) | Q(markup_fixed__gte=0),
                name="service_markup_fixed_not_negative",
                violation_error_message="The markup cannot be below zero.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.name}"


class Route(models.Model):
    """One way to get a service: what some provider sells it as. The first that may be used is."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="routes")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="routes")
    provider_service = models.CharField("provider's service id", max_length=50)
    cost = MoneyField(default=0, help_text="What the provider takes per 1000 (packages: for one), in its currency.")
    unconfirmed_cost = MoneyField(
        null=True,
        editable=False,
        help_text="A cost that jumped and that staff have not confirmed; orders are held as if it were true.",
    )
    min = models.PositiveIntegerField(null=True, blank=True, help_text="The least it takes; empty: nobody knows.")
    max = models.PositiveIntegerField(null=True, blank=True, help_text="The most it takes; empty: nobody knows.")
    priority = models.PositiveSmallIntegerField(default=1, help_text="1 is tried first.")
    is_active = models.BooleanField("active", default=True)
    gone_at = models.DateTimeField(
        null=True, editable=False, help_text="Since when its provider no longer lists it; not used meanwhile."
    )

    class Meta:
        ordering = ["priority", "id"]
        constraints = [
            models.UniqueConstraint(
                "service",
                "provider",
                "provider_service",
                name="route_once",
                violation_error_message="This service is bought there already.",
            ),
            models.CheckConstraint(
                condition=Q(cost__gte=0),
                name="route_cost_not_negative",
                violation_error_message="The cost cannot be below zero.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.provider_service}"

    @property
    def feared_cost(self) -> Decimal:
        """What it may cost: what is not believed may be true all the same."""
        return self.cost if self.unconfirmed_cost is None else max(self.cost, self.unconfirmed_cost)


class ServiceUpdate(models.Model):
    """One change of a service that customers can notice, or of a route that only staff see.

    Written by triggers, whoever changes the catalogue: staff, the sync, or a statement by hand.
    """

    class Field(models.TextChoices):
        ADDED = "added"
        RATE = "rate"
        MIN = "min"
        MAX = "max"
        REFILL = "refill"
        CANCEL = "cancel"
        IS_ACTIVE = "is_active", "on sale"
        COST = "cost"
        GONE = "gone", "gone at the provider"

    class Writer(models.TextChoices):
        SYNC = "sync", "sync"
        IMPORT = "import", "import"
        STAFF = "staff", "staff: their log has it"

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="updates", db_index=False)
    route = models.ForeignKey(Route, null=True, on_delete=models.CASCADE, related_name="updates", db_index=False)
    field = models.CharField(max_length=10, choices=Field)
    old = models.CharField(max_length=40, blank=True)
    new = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(db_default=Now())
    writer = models.CharField(
        max_length=10,
        blank=True,
        db_default="",
        choices=Writer,
        help_text="Who said that they write, see `writers.py`; empty: nobody did.",
    )
    provider = models.ForeignKey(
        Provider,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="Whose price list it was that a sync or an import followed.",
    )
    reason = models.CharField(max_length=10, blank=True, db_default="", choices=Service.OffSale)

    class Meta:
        indexes = [
            models.Index(fields=["-id"], condition=Q(route__isnull=True), name="service_update_public"),
            models.Index(fields=["service", "-id"], name="service_update_by_service"),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.field}: {self.old} → {self.new}"


class CustomRate(models.Model):
    """A price agreed with one customer for one service; beats any discount."""

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="custom_rates")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="custom_rates")
    rate = MoneyField(help_text="Per 1000, in the base currency.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "customer",
                "service",
                name="custom_rate_once",
                violation_error_message="This customer has an own price for this service already.",
            ),
            models.CheckConstraint(
                condition=Q(rate__gte=0),
                name="custom_rate_not_negative",
                violation_error_message="The rate cannot be below zero.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.service}"


class Discount(models.Model):
    """A percentage off every service for one customer."""

    customer = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="discount")
    percent = models.DecimalField(max_digits=5, decimal_places=2)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100),
                name="discount_percent_range",
                violation_error_message="A discount is between 0 and 100 percent.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.percent} %"


class Favourite(models.Model):
    """A service that a customer marked to find it again. Sells nothing, so it raises no version."""

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourites", db_index=False
    )
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="favourites")

    class Meta:
        constraints = [models.UniqueConstraint("customer", "service", name="favourite_once")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.service_id}"
