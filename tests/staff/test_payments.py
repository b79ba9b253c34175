"""What customers say they have paid is theirs to claim; what only staff say has arrived is a credit by hand."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from payments import decisions
from payments.models import Payment
from staff.operations import registry
from staff.operations.registry import Outcome
from tests.fixtures import balance_of, nothing_moves
from tests.payments.conftest import request as ask_to_pay
from tests.staff.conftest import ORIGIN
from wallet.errors import AlreadyPosted


def approve_payment(payment: Payment, actor: User, *, received: str, reference: str = "Wire 17") -> Outcome:
    """Ask for a payment to be credited."""
    return registry.perform(
        "payments.approve",
        subject_id=payment.pk,
        arguments={"received": received, "reference": reference},
        reason="on the statement",
        actor=actor,
        origin=ORIGIN,
    )


@pytest.mark.parametrize(("received", "waits"), [("50", False), ("49", False), ("50.00001", True)])
def test_more_than_a_customer_said_is_a_credit_by_hand(
    customer: User, bank: Any, second: User, received: str, waits: bool
) -> None:
    payment = ask_to_pay(customer, bank, "50")

    outcome = approve_payment(payment, second, received=received)

    assert (outcome.approval is not None) is waits
    assert balance_of(customer) == (0 if waits else Decimal(received))


def test_a_payment_that_was_rejected_is_a_credit_by_hand(customer: User, bank: Any, second: User) -> None:
    payment = ask_to_pay(customer, bank, "50")
    decisions.reject_payment(payment_id=payment.pk, reason="not there", actor_id=second.pk)

    with nothing_moves():
        assert approve_payment(payment, second, received="50").approval


@pytest.mark.parametrize("is_payment_first", [True, False])
@pytest.mark.parametrize("reference", ["Wire 17", "wire  17"])
def test_one_transfer_is_credited_by_one_door(
    customer: User, bank: Any, second: User, settings: Any, reference: str, is_payment_first: bool
) -> None:
    settings.FOUR_EYES = False
    payment = ask_to_pay(customer, bank, "50")

    def add_funds() -> Outcome:
        return registry.perform(
            "wallet.add_funds",
            subject_id=customer.wallet.pk,
            arguments={"amount": "50", "reference": reference},
            reason="by phone",
            actor=second,
            origin=ORIGIN,
        )

    doors = [lambda: approve_payment(payment, second, received="50"), add_funds]
    first, other = doors if is_payment_first else reversed(doors)
    first()

    with nothing_moves(), pytest.raises(AlreadyPosted):
        other()

    assert balance_of(customer) == 50
