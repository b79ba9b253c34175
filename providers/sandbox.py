"""The built-in provider: it delivers demo orders over some seconds, so that everybody can watch every state.

A word in the link or in the provider's service id chooses the outcome; see `OUTCOMES`. An order's state is
computed from its age, so nothing runs for it. It stands for the outside world: nothing of ours reads its
tables.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from providers.adapter import ProviderBalance, ProviderService, Report, ReportedRefillStatus, ReportedStatus
from providers.errors import Ambiguous, Refused
from providers.models import SandboxOrder, SandboxRefill


class Outcome(NamedTuple):
    """How an order goes, in seconds at normal speed."""

    word: str
    seconds: float  # from the first unit to the last
    delivered: float = 1.0  # share that arrives in the end


# Words are looked for in this order; the last one is what happens without a word.
OUTCOMES = (
    Outcome("reject", 0),
    Outcome("lost", 10),
    Outcome("partial", 10, 0.6),
    Outcome("cancel", 3, 0.0),
    Outcome("slow", 600),
    Outcome("deliver", 10),
)
# What it has to sell, as name, cost, min and max; the panel may sell any other service id too.
CATALOGUE = (
    ("Demo Followers", "0.40", 10, 100_000),
    ("Demo Likes", "0.12", 10, 50_000),
    ("Demo Views", "0.01", 100, 10_000_000),
    ("Demo Comments, slow", "4.00", 5, 1_000),
    ("Demo Shares, partial", "0.90", 10, 20_000),
)
BALANCE = ProviderBalance(Decimal(10_000), "USD")
PENDING_SECONDS = 2.0
PROCESSING_SECONDS = 4.0
REFILL_STARTS_SECONDS = 2.0
REFILL_ENDS_SECONDS = 6.0
ID_DIGITS_MAX = 18  # fits a bigint
START_COUNT_MAX = 50_000  # demo numbers that look like an account's


class Sandbox:
    """A provider that needs no network. Implements `providers.adapter.Adapter`."""

    def services(self) -> Sequence[ProviderService]:
        """List what can be imported from it."""
        return [
            ProviderService(
                id=f"demo-{name.lower().replace(',', '').replace(' ', '-')}",
                name=name,
                type="Default",
                category="Demo",
                cost=Decimal(cost),
                min=smallest,
                max=largest,
                refill=True,
                cancel=True,
                dripfeed=True,
            )
            for name, cost, smallest, largest in CATALOGUE
        ]

    def balance(self) -> ProviderBalance:
        """Be always well funded."""
        return BALANCE

    def add(
        self,
        *,
        service: str,
        service_type: str,
        link: str,
        quantity: int,
        parameters: Mapping[str, str | Sequence[str]],
    ) -> str:
        """Take an order; `reject` refuses it, `lost` takes it and loses the answer."""
        outcome = _choose_outcome(service=service, link=link)
        if outcome.word == "reject":
            raise Refused('{"error": "Link is private or does not exist"}')
        order = SandboxOrder.objects.create(service=service, link=link, quantity=quantity, outcome=outcome.word)
        if outcome.word == "lost":
            raise Ambiguous("read timed out after 20 s; no answer received")
        return str(order.pk)

    def statuses(self, provider_orders: Sequence[str]) -> Mapping[str, Report]:
        """Report on orders by their age."""
        orders = SandboxOrder.objects.filter(pk__in=_known_shape(provider_orders))
        return {str(order.pk): _report(order) for order in orders}

    def cancel(self, provider_orders: Sequence[str]) -> Mapping[str, str]:
        """Stop orders that are not finished; what was delivered by then stays delivered."""
        answers = {}
        for order in SandboxOrder.objects.filter(pk__in=_known_shape(provider_orders)):
            if _report(order).status in (ReportedStatus.COMPLETED, ReportedStatus.PARTIAL, ReportedStatus.CANCELED):
                answers[str(order.pk)] = "Order already completed"
            else:
                SandboxOrder.objects.filter(pk=order.pk, canceled_at=None).update(canceled_at=Now())
                answers[str(order.pk)] = "accepted"
        return answers

    def refill(self, provider_order: str) -> str:
        """Take a refill; `norefill` in the link rejects it later."""
        order = SandboxOrder.objects.filter(pk__in=_known_shape([provider_order])).first()
        if order is None:
            raise Refused('{"error": "Incorrect order ID"}')
        return str(SandboxRefill.objects.create(order=order).pk)

    def refill_statuses(self, provider_refills: Sequence[str]) -> Mapping[str, ReportedRefillStatus]:
        """Report on refills by their age."""
        refills = SandboxRefill.objects.filter(pk__in=_known_shape(provider_refills)).select_related("order")
        return {str(refill.pk): _refill_status(refill) for refill in refills}


def _known_shape(ids: Sequence[str]) -> list[int]:
    """Leave out what cannot be an id of ours: staff may have typed it."""
    return [int(one) for one in ids if one.isascii() and one.isdigit() and len(one) <= ID_DIGITS_MAX]


def _choose_outcome(*, service: str, link: str) -> Outcome:
    text = f"{service} {link}".lower()
    return next((outcome for outcome in OUTCOMES if outcome.word in text), OUTCOMES[-1])


def _age(since: datetime, until: datetime | None = None) -> float:
    """Return an age in seconds of sandbox time."""
    return ((until or timezone.now()) - since).total_seconds() * settings.SANDBOX_SPEED


def _report(order: SandboxOrder) -> Report:
    outcome = next(outcome for outcome in OUTCOMES if outcome.word == order.outcome)
    age = _age(order.created_at, order.canceled_at)
    progress = min(max((age - PROCESSING_SECONDS) / outcome.seconds, 0.0), 1.0)
    delivered = int(order.quantity * progress * outcome.delivered)
    remains = order.quantity - delivered
    started = age >= PROCESSING_SECONDS
    if order.canceled_at is not None or (progress == 1.0 and remains > 0):
        status = ReportedStatus.PARTIAL if delivered else ReportedStatus.CANCELED
    elif progress == 1.0:
        status = ReportedStatus.COMPLETED
    elif started:
        status = ReportedStatus.IN_PROGRESS
    else:
        status = ReportedStatus.PROCESSING if age >= PENDING_SECONDS else ReportedStatus.PENDING
    start_count = order.pk * 7919 % START_COUNT_MAX if age >= PENDING_SECONDS else None
    return Report(status=status, start_count=start_count, remains=remains)


def _refill_status(refill: SandboxRefill) -> ReportedRefillStatus:
    age = _age(refill.created_at)
    if age < REFILL_STARTS_SECONDS:
        return ReportedRefillStatus.PENDING
    if age < REFILL_ENDS_SECONDS:
        return ReportedRefillStatus.IN_PROGRESS
    return ReportedRefillStatus.REJECTED if "norefill" in refill.order.link else ReportedRefillStatus.COMPLETED
