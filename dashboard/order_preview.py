"""What an order would be if it were placed now: shown beside the form while it is filled in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext

from dashboard.forms import OrderForm
from dashboard.refusals import sentence_for
from orders import placement, queries
from orders.errors import DripfeedIncomplete, DripfeedNotOffered, ParameterMissing, QuantityTooHigh, QuantityTooLow
from orders.models import Order
from orders.placement import Buyer, Draft, Quote
from panel.errors import DomainError
from panel.money import ZERO

SHOWN_RUNS = 4  # and the last


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run of a drip-feed, and when it would leave."""

    number: int
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """A quote as far as the form is filled in; `errors` only of fields that hold something."""

    balance: Decimal
    quote: Quote | None = None
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    runs: Sequence[PlannedRun] = ()
    lacks_interval: bool = False
    same_link: Order | None = None

    @property
    def refusal(self) -> str:
        """Return why the order as a whole would be refused."""
        return next(iter(self.errors.get("__all__", ())), "")

    @property
    def left(self) -> Decimal:
        """Return the balance after the order, not below zero."""
        return max(self.balance - self.quote.charge, ZERO) if self.quote else self.balance

    @property
    def missing(self) -> Decimal:
        """Return what the balance is short of."""
        return max(self.quote.charge - self.balance, ZERO) if self.quote else ZERO

    @property
    def first_runs(self) -> Sequence[PlannedRun]:
        """Return the runs to show at the beginning."""
        return self.runs if len(self.runs) <= SHOWN_RUNS + 1 else self.runs[:SHOWN_RUNS]

    @property
    def skipped_runs(self) -> int:
        """Count the runs between the first ones shown and the last."""
        return max(len(self.runs) - len(self.first_runs) - 1, 0)

    @property
    def last_run(self) -> PlannedRun | None:
        """Return the last run where it is not among the first ones shown."""
        return self.runs[-1] if self.skipped_runs else None


def preview_order(*, buyer: Buyer, form: OrderForm, now: datetime) -> Preview:
    """Quote a form that is perhaps half filled in. Nothing is touched.

    :param form: bound; its errors are left as they are.
    """
    draft = form.draft()
    errors = {
        name: [str(text) for text in said] for name, said in form.errors.items() if form.data.get(name, "").strip()
    }
    quote, lacks_interval = None, False
    try:
        quote = placement.quote_order(buyer=buyer, draft=draft)
    except ParameterMissing:
        pass  # not filled in yet
    except DripfeedIncomplete:
        lacks_interval = True
    except DomainError as refusal:
        place = field_of(refusal, form) or "__all__"
        errors.setdefault(place, [say_refusal(refusal, draft)])
    return Preview(
        balance=buyer.balance,
        quote=None if errors else quote,
        errors=errors,
        runs=_plan(quote, draft, now=now),
        lacks_interval=lacks_interval,
        same_link=queries.find_unfinished(buyer.user_id, link=draft.link) if draft.link else None,
    )


def field_of(refusal: DomainError, form: OrderForm) -> str | None:
    """Name the field that a refusal is about; None when it is about the whole order."""
    if isinstance(refusal, QuantityTooLow | QuantityTooHigh):
        return form.quantity_field
    if isinstance(refusal, DripfeedIncomplete):
        return "interval" if form.cleaned_data.get("runs") else "runs"
    if isinstance(refusal, DripfeedNotOffered):
        return None
    if isinstance(refusal, ParameterMissing) and refusal.parameter in form.fields:
        return refusal.parameter
    return None


def say_refusal(refusal: DomainError, draft: Draft) -> str:
    """Say why an order was refused, also which part of a drip-feed is too small."""
    if not isinstance(refusal, QuantityTooLow) or draft.runs is None:
        return sentence_for(refusal)
    return gettext("A run would have only %(quantity)s. The minimum of this service is %(minimum)s in each run.") % {
        "quantity": f"{refusal.quantity:,}",
        "minimum": f"{refusal.minimum:,}",
    }


def _plan(quote: Quote | None, draft: Draft, *, now: datetime) -> Sequence[PlannedRun]:
    if quote is None or draft.interval_minutes is None:
        return ()
    step = timedelta(minutes=draft.interval_minutes)
    return [
        PlannedRun(number, quantity, now + step * (number - 1))
        for number, quantity in enumerate(quote.run_quantities, start=1)
    ]
