"""Place many orders that a customer agreed to at once, each line exactly once.

The customer's request only writes the lines down. Workers place them: a line is locked, its order placed and what came
of it recorded in one transaction, so that a worker killed anywhere leaves the line as it was, and another one tries
again. A line is refused alone: the others go on. Where the balance does not cover one, smaller ones after it may still
fit, as they would if a program sent them one after the other.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, Now

from accounts.errors import AccountSuspended
from catalog import snapshot
from catalog.types import TYPES
from orders import nudge, placement, queries
from orders.errors import (
    MassOrderAlreadyEnded,
    MassOrderNotFound,
    NotForMassOrders,
    PlacementFailed,
    PriceRose,
    QuantityTooHigh,
    QuantityTooLow,
    ServiceNotActive,
)
from orders.models import MassOrder, MassOrderLine
from orders.placement import Buyer, Draft
from panel import checkpoints
from panel.errors import DomainError, is_outage, violated_constraint
from panel.money import ZERO, format_amount
from panel.paging import Page, read_newest, read_page
from wallet.errors import InsufficientBalance

LINES_MAX = 10_000  # some minutes of placing; what is longer can be sent in two
INSERT_LINES = 2000
# Lines of one mass order before the next one is looked at: ten lines do not wait for somebody's ten thousand.
LINES_IN_TURN = 20

# Why a line may be refused; rows keep the name and the facts, and pages have the sentences.
REFUSALS: dict[str, type[DomainError]] = {
    kind.__name__: kind
    for kind in (
        InsufficientBalance,
        NotForMassOrders,
        PlacementFailed,
        PriceRose,
        QuantityTooHigh,
        QuantityTooLow,
        ServiceNotActive,
    )
}

State = MassOrderLine.State
Reason = MassOrder.StoppedBecause
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A line as it stood when it was looked at: what it costs, or why it cannot be ordered."""

    number: int
    draft: Draft
    charge: Decimal = ZERO
    refusal: DomainError | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a mass order is."""

    placed: int
    refused: int
    skipped: int
    waiting: int
    charged: Decimal

    @property
    def done(self) -> int:
        """Count the lines whose outcome is known."""
        return self.placed + self.refused + self.skipped


def check_lines(*, buyer: Buyer, drafts: Sequence[tuple[int, Draft]]) -> list[CheckedLine]:
    """Check and price numbered drafts, without touching anything. The balance is not looked at.

    :raises AccountSuspended:
    """
    if buyer.is_suspended:
        raise AccountSuspended
    checked = []
    for number, draft in drafts:
        try:
            checked.append(CheckedLine(number, draft, charge=_price(buyer=buyer, draft=draft)))
        except DomainError as refusal:
            checked.append(CheckedLine(number, draft, refusal=refusal))
    return checked


def create_mass_order(*, buyer: Buyer, lines: Sequence[CheckedLine], token: UUID) -> MassOrder:
    """Write down lines that the customer agreed to, for the worker to place. Nothing is charged yet.

    :param lines: from `check_lines`, none of them refused.
    :param token: one per form shown; the same one returns the mass order it made before.
    :raises AccountSuspended:
    :raises InsufficientBalance: the balance does not cover all of them.
    """
    if buyer.is_suspended:
        raise AccountSuspended
    if not 0 < len(lines) <= LINES_MAX or any(line.refusal for line in lines):
        raise ValueError("a mass order has up to LINES_MAX lines that were checked and not refused")
    # Before the balance: the first of two equal forms may have spent it.
    if made := find_mass_order(user_id=buyer.user_id, token=token):
        return made
    total = sum((line.charge for line in lines), ZERO)
    if buyer.balance < total:
        raise InsufficientBalance
    try:
        with transaction.atomic(durable=True):
            mass_order = MassOrder.objects.create(
                customer_id=buyer.user_id, token=token, line_count=len(lines), charge=total
            )
            MassOrderLine.objects.bulk_create(
                (_row(mass_order, line) for line in lines),
                batch_size=INSERT_LINES,
            )
            nudge.wake("orders.place_mass_orders")
    except IntegrityError as error:
        if violated_constraint(error) == "massorder_once_per_form":
            return MassOrder.objects.get(customer_id=buyer.user_id, token=token)
        raise
    return mass_order


def stop_mass_order(*, user_id: int, mass_order_id: int) -> None:
    """Leave the lines that still wait unplaced, at the customer's wish.

    :raises MassOrderNotFound: not there or not theirs.
    :raises MassOrderAlreadyEnded: no line waits any more.
    """
    with transaction.atomic(durable=True):
        mass_order = MassOrder.objects.select_for_update(no_key=True).filter(pk=mass_order_id, customer=user_id).first()
        if mass_order is None:
            raise MassOrderNotFound
        if mass_order.state != MassOrder.State.PLACING:
            raise MassOrderAlreadyEnded
        _end(mass_order, stopped_because=Reason.CUSTOMER)


def place_lines(*, seconds: float) -> None:
    """Place waiting lines of all mass orders in turns, until none waits or the time is over."""
    started = time.monotonic()
    is_working = True
    while is_working:
        is_working = False
        # Read again for each round: what came meanwhile takes part, what another worker finished is gone.
        open_ones = MassOrder.objects.filter(state=MassOrder.State.PLACING).order_by("pk")
        for mass_order_id in list(open_ones.values_list("pk", flat=True)):
            for _ in range(LINES_IN_TURN):
                if time.monotonic() - started >= seconds:
                    return
                if not place_next(mass_order_id):
                    break
                is_working = True


def place_next(mass_order_id: int) -> bool:
    """Place the next waiting line of a mass order; return False when another worker is at it or none waits.

    Whoever is at it holds the row of the mass order, so lines are placed in the customer's order.
    """
    line: MassOrderLine | None = None
    try:
        with transaction.atomic(durable=True):
            mass_order = (
                MassOrder.objects.select_for_update(skip_locked=True, no_key=True)
                .filter(pk=mass_order_id, state=MassOrder.State.PLACING)
                .first()
            )
            if mass_order is None:
                return False
            line = mass_order.lines.filter(state=State.WAITING).order_by("number").first()
            if line is None:
                _end(mass_order)
                return False
            return _place(mass_order, line)
    except Exception as error:
        if is_outage(error) or line is None:
            raise  # the line is as it was, or done
        # Nothing of it was committed. One line that trips over something unforeseen must not hold up the others
        # for ever, and staff find it in the log.
        logger.exception("line %s could not be placed", line)
        _refuse(line, PlacementFailed())
        return True


def refusal_of(line: MassOrderLine) -> DomainError | None:
    """Return why a line was refused, as it was raised."""
    kind: Any = REFUSALS.get(line.refusal)
    return kind(**line.refusal_facts) if kind else None


def get_mass_order(user_id: int, mass_order_id: int) -> MassOrder:
    """Return a customer's mass order.

    :raises MassOrderNotFound: not there or not theirs; nobody can tell which.
    """
    try:
        return MassOrder.objects.get(pk=mass_order_id, customer_id=user_id)
    except MassOrder.DoesNotExist:
        raise MassOrderNotFound from None


def find_mass_order(*, user_id: int, token: UUID) -> MassOrder | None:
    """Return the mass order that a form has made, when it was sent before."""
    return MassOrder.objects.filter(customer_id=user_id, token=token).first()


def list_mass_orders(user_id: int, *, limit: int, before: int | None = None) -> Page[MassOrder]:
    """List a customer's mass orders, newest first.

    :param before: the `next_key` of the page above.
    """
    return read_newest(MassOrder.objects.filter(customer_id=user_id), before=before, limit=limit)


def list_lines(
    mass_order: MassOrder, *, limit: int, after: int = 0, state: MassOrderLine.State | None = None
) -> Page[MassOrderLine]:
    """List lines with their services, in the customer's order.

    :param after: the `next_key` of the page above.
    """
    lines = mass_order.lines.filter(number__gt=after).order_by("number").select_related("service", "order")
    if state is not None:
        lines = lines.filter(state=state)
    return read_page(lines, limit=limit, key="number")


def measure_progress(mass_order: MassOrder) -> Progress:
    """Count the lines of a mass order by what came of them."""
    of_state = {state.value: Count("pk", filter=Q(state=state)) for state in State}
    return Progress(**mass_order.lines.aggregate(**of_state, charged=Coalesce(Sum("order__charge"), ZERO)))


def _row(mass_order: MassOrder, line: CheckedLine) -> MassOrderLine:
    draft = line.draft
    assert draft.quantity is not None  # or the check would have refused it
    return MassOrderLine(
        mass_order=mass_order,
        number=line.number,
        service_id=draft.service_id,
        link=draft.link,
        quantity=draft.quantity,
        charge=line.charge,
    )


def _price(*, buyer: Buyer, draft: Draft) -> Decimal:
    offer = snapshot.at_version(buyer.catalog_version).offers.get(draft.service_id)
    if offer is not None:
        kind = TYPES[offer.type]
        if kind.required or kind.quantity != "quantity":
            raise NotForMassOrders(service_type=offer.type)
    return placement.quote_order(buyer=buyer, draft=draft).charge


def _place(mass_order: MassOrder, line: MassOrderLine) -> bool:
    """Place a line of a locked mass order and record what came of it; return False when it was the end."""
    buyer = queries.load_buyer(mass_order.customer_id)
    if buyer is None or buyer.is_suspended:
        _end(mass_order, stopped_because=Reason.SUSPENDED)
        return False
    draft = Draft(service_id=line.service_id, link=line.link, quantity=line.quantity)
    try:
        charge = _price(buyer=buyer, draft=draft)
        if charge > line.charge:
            raise PriceRose(agreed=format_amount(line.charge), charge=format_amount(charge))
        placed = placement.place_order(buyer=buyer, draft=draft)
    except DomainError as refusal:
        _refuse(line, refusal)
        return True
    checkpoints.reached("after_line_placed")
    # The wallet is locked already. This is one short statement more than an order alone has, and without it in the
    # same transaction a crash would leave an order that the next worker places again.
    mass_order.lines.filter(pk=line.pk).update(state=State.PLACED, order_id=placed.order_id)
    checkpoints.reached("after_line_recorded")
    return True


def _refuse(line: MassOrderLine, refusal: DomainError) -> None:
    MassOrderLine.objects.filter(pk=line.pk, state=State.WAITING).update(
        state=State.REFUSED, refusal=type(refusal).__name__, refusal_facts=vars(refusal)
    )


def _end(mass_order: MassOrder, *, stopped_because: str = "") -> None:
    """Close a locked mass order and count what came of it; lines that still wait are skipped."""
    mass_order.lines.filter(state=State.WAITING).update(state=State.SKIPPED)
    progress = measure_progress(mass_order)
    MassOrder.objects.filter(pk=mass_order.pk).update(
        state=MassOrder.State.STOPPED if stopped_because else MassOrder.State.DONE,
        stopped_because=stopped_because,
        placed_count=progress.placed,
        charged=progress.charged,
        finished_at=Now(),
    )
