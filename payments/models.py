"""Money on its way in: how customers may pay, what they asked for, and what gateways told us.

A payment is a wish until money arrives; what is in a wallet is said by the ledger alone. That a credited payment
never changes again is kept by PostgreSQL, in `migrations/0002_payment_rules.py`.
"""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from panel.fields import MoneyField
from panel.money import ZERO, format_rate
from payments.terms import Quote
from wallet.models import Deposit, Wallet

PERCENT_MAX = 100
REFERENCE_MAX_CHARACTERS = 100  # what the ledger's own deposits keep
NOTE_MAX_CHARACTERS = 500
REASON_MAX_CHARACTERS = 300
COUPON_CODE_MAX_CHARACTERS = 30
COUPON_CODE = r"^[A-Z0-9-]{3,30}$"

_percent = [MinValueValidator(0), MaxValueValidator(PERCENT_MAX)]
_currency = RegexValidator(r"^[A-Z]{3}$", "Three capital letters like USD.")


class PercentField(models.DecimalField):
    """A share in percent, to a thousandth of one."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("max_digits", 6)
        kwargs.setdefault("decimal_places", 3)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


class GatewaySettings(models.Model):
    """One way to pay, for wallets of one currency: what customers read, its limits and its fee.

    Staff write these rows; a way to pay that is no longer wanted is switched off, because payments point at it.
    """

    class Kind(models.TextChoices):
        MANUAL = "manual", "Manual transfer, approved by staff"
        STRIPE = "stripe", "Stripe Checkout"

    kind = models.CharField(max_length=12, choices=Kind)
    code = models.CharField(
        max_length=30,
        validators=[RegexValidator(r"^[a-z0-9-]+$", "Small letters, digits and hyphens.")],
        help_text="Names the cash account the money is booked from: bank, usdt-trc20. It cannot be changed later.",
    )
    currency = models.CharField(
        max_length=3, validators=[_currency], help_text="Offered to wallets of this currency; amounts below are in it."
    )
    label = models.CharField(max_length=60, help_text="What customers choose: Bank transfer.")
    description = models.CharField(max_length=160, blank=True, help_text="One line under the label.")
    instructions = models.TextField(
        max_length=4000,
        blank=True,
        help_text="For manual transfers: where to pay, and what to write. Shown as plain text on the payment's page.",
    )
    minimum = MoneyField(default=Decimal(1))
    maximum = MoneyField(default=Decimal(10000))
    fee_percent = PercentField(default=0, validators=_percent, help_text="Of what the customer pays.")
    fee_fixed = MoneyField(default=0, help_text="In addition, per payment.")
    is_active = models.BooleanField("active", default=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="The smallest comes first.")

    class Meta:
        verbose_name = "gateway"
        constraints = [
            models.UniqueConstraint(
                "code",
                "currency",
                name="gateway_one_per_code_and_currency",
                violation_error_message="There is one with this code for this currency already.",
            ),
            models.CheckConstraint(
                condition=Q(code__regex=r"^[a-z0-9-]+$") & Q(currency__regex=r"^[A-Z]{3}$"),
                name="gateway_code_shape",
                violation_error_message="A code is small letters, digits and hyphens, a currency like USD.",
            ),
            models.CheckConstraint(condition=Q(kind__in=["manual", "stripe"]), name="gateway_kind_is_known"),
            # Stripe's money is one heap whatever the label; and no manual row may post in Stripe's name.
            models.CheckConstraint(
                condition=Q(kind="stripe", code="stripe") | (~Q(kind="stripe") & ~Q(code="stripe")),
                name="gateway_code_stripe_is_stripes",
                violation_error_message="The code stripe is Stripe's, and Stripe has no other.",
            ),
            models.CheckConstraint(
                condition=Q(minimum__gt=0, maximum__gte=F("minimum")),
                name="gateway_minimum_up_to_maximum",
                violation_error_message="The minimum must be above zero, and the maximum no smaller than the minimum.",
            ),
            models.CheckConstraint(
                condition=Q(fee_percent__gte=0, fee_percent__lt=PERCENT_MAX, fee_fixed__gte=0),
                name="gateway_fee_not_negative",
                violation_error_message="A fee is neither below zero nor a hundred percent.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.currency})"


class BonusRule(models.Model):
    """A gift on top of payments from some amount on; of several that fit, the highest percent counts."""

    currency = models.CharField(max_length=3, validators=[_currency])
    from_amount = MoneyField(help_text="What must arrive at least.")
    percent = PercentField(validators=_percent, help_text="Of what arrives.")
    is_active = models.BooleanField("active", default=True)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at once.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until switched off.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(from_amount__gte=0),
                name="bonus_from_not_negative",
                violation_error_message="The amount cannot be below zero.",
            ),
            models.CheckConstraint(
                condition=Q(percent__gt=0, percent__lte=PERCENT_MAX),
                name="bonus_percent_in_bounds",
                violation_error_message="A bonus is above 0 and up to 100 percent.",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="bonus_ends_after_start",
                violation_error_message="It must end after it starts.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent.normalize():f} % from {self.from_amount.normalize():f} {self.currency}"

    @property
    def terms(self) -> str:
        """Say all that decides how much it gives away."""
        return f"{self}, {_say_period(self)}"


class Coupon(models.Model):
    """A code that customers enter for a gift on top of a payment, in addition to a bonus.

    A payment holds its use from the moment it is asked for, so that a coupon shown in a quote is there when the money
    arrives; one that ended without money gives it back.
    """

    code = models.CharField(
        max_length=COUPON_CODE_MAX_CHARACTERS,
        unique=True,
        validators=[RegexValidator(COUPON_CODE, "Three to thirty capital letters, digits and hyphens.")],
        help_text="What customers enter, in capitals or not. It cannot be changed later.",
    )
    currency = models.CharField(max_length=3, validators=[_currency], help_text="For wallets of this currency.")
    percent = PercentField(default=0, validators=_percent, help_text="Of what arrives.")
    fixed = MoneyField(default=0, help_text="In addition, once per payment.")
    from_amount = MoneyField(default=0, help_text="What must arrive at least.")
    uses_max = models.PositiveIntegerField("uses", null=True, blank=True, help_text="By all customers; empty: any.")
    uses_max_each = models.PositiveIntegerField(
        "uses per customer", null=True, blank=True, default=1, help_text="Empty: any."
    )
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at once.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until switched off.")
    is_active = models.BooleanField("active", default=True)
    note = models.CharField(max_length=NOTE_MAX_CHARACTERS, blank=True, help_text="For staff: what it is for.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=COUPON_CODE),
                name="coupon_code_shape",
                violation_error_message="Three to thirty capital letters, digits and hyphens.",
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=PERCENT_MAX, fixed__gte=0, from_amount__gte=0),
                name="coupon_gift_in_bounds",
                violation_error_message="Amounts cannot be below zero, and a gift is up to 100 percent.",
            ),
            models.CheckConstraint(
                condition=Q(percent__gt=0) | Q(fixed__gt=0),
                name="coupon_gives_something",
                violation_error_message="Give a percentage, a fixed amount, or both.",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="coupon_ends_after_start",
                violation_error_message="It must end after it starts.",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def gift(self) -> str:
        """Say what one payment gets."""
        parts = [f"{self.percent.normalize():f} %"] if self.percent else []
        parts += [format_rate(self.fixed)] if self.fixed else []
        return " + ".join(parts)

    @property
    def terms(self) -> str:
        """Say all that decides how much it gives away."""
        uses = "any number of" if self.uses_max is None else self.uses_max
        each = "any number" if self.uses_max_each is None else self.uses_max_each
        minimum = f"from {format_rate(self.from_amount)} {self.currency}"
        return f"{self.gift} {minimum}, {uses} uses, {each} per customer, {_say_period(self)}"


def _say_period(gift: BonusRule | Coupon) -> str:
    starts, ends = (None if at is None else at.isoformat(timespec="minutes") for at in (gift.starts_at, gift.ends_at))
    return f"{f'from {starts}' if starts else 'at once'}, {f'until {ends}' if ends else 'for good'}"


def normalize_coupon_code(code: str) -> str:
    """Return a code as coupons have it; people type capitals as they like, and copy blanks along."""
    return code.strip().upper()


class Payment(models.Model):
    """A customer's request to add funds, with the terms it was made on.

    The terms (fee and bonus) are copied from the settings when the customer asks, so that nobody is credited by
    rules they never saw; they are applied to what arrives, which may be another amount than was asked for.
    """

    class State(models.TextChoices):
        PENDING = "pending"  # the customer must do something
        AWAITING = "awaiting", "Awaiting approval"  # the customer did; staff or a bank must confirm
        CREDITED = "credited"
        REJECTED = "rejected"
        EXPIRED = "expired"
        FAILED = "failed"

    OPEN = (State.PENDING, State.AWAITING)

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="payments", db_index=False)
    gateway = models.ForeignKey(GatewaySettings, on_delete=models.PROTECT, related_name="payments", db_index=False)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    amount = MoneyField(help_text="What the customer said to pay.")
    fee_percent = PercentField()
    fee_fixed = MoneyField()
    bonus_percent = PercentField()
    bonus_from = MoneyField(help_text="What must arrive at least for the bonus.")
    coupon = models.ForeignKey(Coupon, null=True, on_delete=models.PROTECT, related_name="payments", db_index=False)
    coupon_percent = PercentField(default=0, db_default=0)
    coupon_fixed = MoneyField(default=0, db_default=0)
    coupon_from = MoneyField(default=0, db_default=0, help_text="What must arrive at least for the coupon's gift.")
    received = MoneyField(null=True, help_text="What arrived.")
    fee = MoneyField(help_text="Of what arrived; before that, of the amount.")
    bonus = MoneyField(help_text="As the fee.")
    coupon_bonus = MoneyField(default=0, db_default=0, help_text="What the coupon gives, as the fee.")
    customer_reference = models.CharField(max_length=REFERENCE_MAX_CHARACTERS, blank=True)
    customer_note = models.CharField(max_length=NOTE_MAX_CHARACTERS, blank=True)
    gateway_reference = models.CharField(  # noqa: DJ001 - unique where there is one
        max_length=REFERENCE_MAX_CHARACTERS, null=True, help_text="What the gateway calls it: a Checkout Session."
    )
    gateway_payment = models.CharField(
        max_length=255, blank=True, help_text="What refunds and disputes name: a PaymentIntent."
    )
    continue_url = models.TextField(blank=True, help_text="Where the customer pays, while that is possible.")
    deposit = models.OneToOneField(Deposit, null=True, on_delete=models.PROTECT, related_name="payment")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=REASON_MAX_CHARACTERS, blank=True, help_text="Why it ended; customers see it.")
    request_id = models.UUIDField(help_text="One per form shown: a form sent twice makes one payment.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "awaiting", "credited", "rejected", "expired", "failed"]),
                name="payment_state_is_known",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(fee__gte=0, bonus__gte=0, fee_percent__gte=0, fee_fixed__gte=0)
                & Q(bonus_percent__gte=0, bonus_from__gte=0),
                name="payment_terms_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(coupon__isnull=False, coupon_bonus__gte=0, coupon_percent__gte=0)
                & Q(coupon_fixed__gte=0, coupon_from__gte=0)
                | Q(coupon=None, coupon_bonus=0, coupon_percent=0, coupon_fixed=0, coupon_from=0),
                name="payment_gift_has_coupon",
            ),
            models.CheckConstraint(
                # A check that comes out as NULL passes, so say what is not null.
                condition=Q(state="credited", deposit__isnull=False, received__isnull=False, received__gt=F("fee"))
                | (~Q(state="credited") & Q(deposit=None, received=None, amount__gt=F("fee"))),
                name="payment_credited_has_deposit",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "awaiting"], ended_at=None)
                | (~Q(state__in=["pending", "awaiting"]) & Q(ended_at__isnull=False)),
                name="payment_ended_has_time",
            ),
            models.UniqueConstraint("gateway", "gateway_reference", name="payment_once_per_gateway_reference"),
            models.UniqueConstraint("request_id", name="payment_once_per_form"),
        ]
        indexes = [
            models.Index("wallet", "created_at", "id", name="payment_by_customer"),
            # What staff and the clock look for: few rows of many.
            models.Index("state", "expires_at", condition=Q(state__in=["pending", "awaiting"]), name="payment_open"),
            # What holds a use: few payments have a coupon.
            models.Index("coupon", "wallet", condition=Q(coupon__isnull=False), name="payment_by_coupon"),
            models.Index("gateway_payment", condition=~Q(gateway_payment=""), name="payment_by_gateway_payment"),
        ]

    def __str__(self) -> str:
        return f"Payment {self.pk}"

    @property
    def is_open(self) -> bool:
        """Say whether money is still expected."""
        return self.state in self.OPEN

    @property
    def paid(self) -> Decimal:
        """Return what arrived, or what is to be paid."""
        return self.amount if self.received is None else self.received

    @property
    def credit(self) -> Decimal:
        """Return what the wallet gets in all, or will."""
        return Quote(paid=self.paid, fee=self.fee, bonus=self.bonus, coupon=self.coupon_bonus).credit

    @property
    def has_terms(self) -> bool:
        """Say whether a fee, a bonus or a coupon makes the credit differ from what is paid."""
        return self.fee > ZERO or self.bonus > ZERO or self.coupon_bonus > ZERO


class PaymentEvent(models.Model):
    """What a gateway told us, as it came, and what we made of it.

    Its uniqueness makes a message that comes twice count once.
    """

    class Outcome(models.TextChoices):
        CREDITED = "credited"
        NOTED = "noted"  # a state changed, or staff were told
        IGNORED = "ignored"  # not ours, or nothing left to change
        REFUSED = "refused"  # it asked for a credit that must not be

    kind = models.CharField(max_length=12, choices=GatewaySettings.Kind)
    event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=100)
    payment = models.ForeignKey(Payment, null=True, on_delete=models.PROTECT, related_name="events")
    outcome = models.CharField(max_length=10, choices=Outcome)
    detail = models.CharField(max_length=500, blank=True)
    body = models.JSONField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint("kind", "event_id", name="payment_event_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=["credited", "noted", "ignored", "refused"]), name="payment_event_outcome_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.event_id}"
