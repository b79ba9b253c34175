"""Who has orders sent at a loss gives money away, too: to providers."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from catalog.models import Currency, Route, Service
from orders import submission
from orders.models import Run
from panel.money import MAX_AMOUNT
from providers.models import Provider
from staff import approvals
from staff.models import Approval, AuditEntry
from staff.operations import registry
from staff.operations.registry import Outcome
from tests.fixtures import funded, nothing_moves, place
from tests.staff.conftest import ORIGIN


@pytest.fixture
def held(customer: User, followers: Service) -> Run:
    """A run of 1,000 at 0.85 that would cost 200.85: 200 are lost."""
    followers.routes.update(cost=Decimal("200.85"))
    place(funded(customer, "10"), followers)
    assert submission.claim_next() is None
    return Run.objects.get(held_at__isnull=False)


def send(run: Run, actor: User, way: str, **arguments: Any) -> Outcome:
    """Have a run sent at any cost, by one of the ways."""
    subject_id = run.pk if way == "runs.release" else run.order_id
    return registry.perform(
        way, subject_id=subject_id, arguments=arguments, reason="promised", actor=actor, origin=ORIGIN
    )


def arguments_of(way: str) -> dict[str, Any]:
    """Return what else a way asks for."""
    if way != "orders.move_to_provider":
        return {}
    return {"provider_id": Route.objects.get().provider_id, "accept_loss": True}


WAYS = ["runs.release", "orders.resend", "orders.move_to_provider"]


@pytest.mark.parametrize("way", WAYS)
def test_a_large_loss_needs_a_second_person(held: Run, asker: User, second: User, way: str) -> None:
    with nothing_moves():
        outcome = send(held, asker, way, **arguments_of(way))
    assert outcome.approval is not None
    assert outcome.approval.amount == 200
    assert submission.claim_next() is None

    approvals.approve(approval_id=outcome.approval.pk, actor=second, origin=ORIGIN)

    assert AuditEntry.objects.get(operation=way).amount == 200
    assert submission.claim_next() is not None


@pytest.mark.parametrize("way", WAYS)
def test_small_losses_add_up_to_a_large_one(
    held: Run, asker: User, customer: User, followers: Service, settings: Any, way: str
) -> None:
    settings.FOUR_EYES_ABOVE, settings.FOUR_EYES_ABOVE_A_DAY = Decimal(200), Decimal(399)
    place(customer, followers)
    assert submission.claim_next() is None
    other = Run.objects.exclude(pk=held.pk).get()

    assert send(held, asker, way, **arguments_of(way)).approval is None
    assert send(other, asker, way, **arguments_of(way)).approval is not None


def test_what_is_not_lost_weighs_nothing(held: Run, asker: User, followers: Service, settings: Any) -> None:
    settings.FOUR_EYES_ABOVE = Decimal(0)
    followers.routes.update(cost=Decimal("0.85"))

    assert send(held, asker, "orders.resend").approval is None
    assert AuditEntry.objects.get().amount is None


def test_moving_without_a_loss_weighs_nothing(held: Run) -> None:
    weigh = registry.get_operation("orders.move_to_provider").weigh

    assert weigh([held.order_id], provider_id=1) == 0
    assert weigh([held.order_id], provider_id=1, accept_loss=True) == 200


def test_weighs_the_dearest_route_in_the_money_of_both(held: Run, followers: Service) -> None:
    Currency.objects.create(code="EUR", rate=Decimal("0.5"))
    dear = Provider.objects.create(name="Dear", kind="sandbox", currency="EUR")
    route = Route.objects.create(service=followers, provider=dear, provider_service="x", priority=9, cost=150)
    weigh = registry.get_operation("runs.release").weigh

    assert weigh([held.pk]) == Decimal("299.15")
    Route.objects.filter(pk=route.pk).update(is_active=False)
    assert weigh([held.pk]) == 200


def test_a_cost_that_cannot_be_said_is_too_much_for_one(held: Run, asker: User) -> None:
    Provider.objects.update(currency="XAU")

    assert send(held, asker, "runs.release").approval is not None
    assert Approval.objects.get().amount > MAX_AMOUNT - 1
