"""What the business brought, day by day, and what it was added up from.

Money moves in the ledger, and what providers take is kept with each attempt. `CostEntry` repeats the latter as
movements, so that both can be added up in the order of ids: see `folding.py`. Days are those of UTC.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orders.models import Attempt, Run
from panel.fields import MoneyField
from providers.models import Provider
from wallet.models import Account


class CostEntry(models.Model):
    """One movement between us and a provider: it accepted a run, or a run ended and it owes us what it did not deliver.

    Written by triggers on attempts and runs (`migrations/0002_costs.py`), whoever changes those, and never changed.
    What a provider gives back is what its price list says: nobody reads its statements.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="costs", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+", db_index=False)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+", db_index=False)
    units = models.IntegerField(help_text="Ordered there; below zero where they will not come.")
    amount = MoneyField(help_text="In the base currency; below zero where it comes back.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "cost entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(units__gt=0, amount__gte=0) | Q(units__lt=0, amount__lte=0), name="cost_signs_agree"
            ),
            models.UniqueConstraint("attempt", condition=Q(units__gt=0), name="cost_once_per_attempt"),
        ]
        indexes = [models.Index("attempt", condition=Q(units__lt=0), name="cost_returns")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.amount}"


class _Figures(models.Model):
    """The figures of one subject within some time."""

    class Kind(models.TextChoices):
        PANEL = "panel"
        SERVICE = "service"
        PROVIDER = "provider"
        CUSTOMER = "customer"

    kind = models.CharField(max_length=8, choices=Kind)
    subject_id = models.BigIntegerField(help_text="Of the service, provider or customer; 0 for the panel.")
    orders = models.PositiveIntegerField(help_text="Of a provider: runs that it accepted.")
    charged = MoneyField(help_text="Of a provider: our price of what it was sent.")
    refunded = MoneyField(help_text="Of a provider: our price of what it did not deliver.")
    deposited = MoneyField()
    other = MoneyField(help_text="Bonuses and adjustments; below zero where they took money from customers.")
    cost = MoneyField(help_text="What providers took.")
    returned = MoneyField(help_text="What providers gave back.")

    class Meta:
        abstract = True


class DayFigure(_Figures):
    """What one day brought: altogether, or of one service, provider or customer; in the base currency.

    Other currencies are converted entry by entry, at the rate of the moment when the entry was added up, which is
    within a minute of when it was posted.
    """

    day = models.DateField()

    class Meta:
        verbose_name = "report"
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint("kind", "subject_id", "day", name="dayfigure_once")]
        indexes = [models.Index("kind", "day", name="dayfigure_by_day")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id} {self.day}"


class MonthFigure(_Figures):
    """The days of one month, added up; complete where the panel has a row of the month: see `months.py`."""

    month = models.DateField(help_text="Its first day.")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("kind", "month", "subject_id", name="monthfigure_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id} {self.month:%Y-%m}"


class AccountDay(models.Model):
    """What moved on a house account on one day, in its own currency: the trial balance is added up from these."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    debited = MoneyField()
    credited = MoneyField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("account", "day", name="accountday_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"


class DayPace(models.Model):
    """How many orders of a service or provider took how long on one day, in steps of a tenth: see `paces.py`.

    Only orders of one run: the others take as long as the customer said.
    """

    class Measure(models.TextChoices):
        START = "start", "from the order to its first delivery"
        FINISH = "finish", "from the order to its end"

    kind = models.CharField(max_length=8, choices=DayFigure.Kind)
    subject_id = models.BigIntegerField()
    day = models.DateField()
    measure = models.CharField(max_length=6, choices=Measure)
    step = models.PositiveSmallIntegerField(help_text="1.1 to the power of it are the seconds it begins with.")
    orders = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("kind", "measure", "subject_id", "day", "step", name="daypace_once"),
        ]
        indexes = [models.Index("kind", "day", name="daypace_by_day")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id} {self.day} {self.measure}"


class FoldCursor(models.Model):
    """Up to which id a table has been added up, and which ids are about to be.

    A row becomes visible when its transaction commits, and that may be long after a row with a higher id did. An id
    that was `seen` is a `candidate` some seconds later, with the newest transaction of that moment, and is added up
    when no transaction that old runs any more: then every row up to it is there or never will be.
    """

    source = models.CharField(max_length=10, primary_key=True)
    folded = models.BigIntegerField(default=0)
    candidate = models.BigIntegerField(null=True)
    candidate_transaction = models.BigIntegerField(null=True)
    seen = models.BigIntegerField(null=True)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.source}: {self.folded}"
