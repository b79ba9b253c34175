"""What customers say they have paid is theirs to claim; what only staff say has arrived is a credit by hand."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from payments import decisions
from payments.errors import PaymentOver
from payments.models import Payment
from staff.operations import registry
from staff.operations.registry import Outcome
from tests.fixtures import balance_of, nothing_moves
from tests.payments.conftest import request as ask_to_pay
from tests.staff.conftest import ORIGIN
from wallet import deposits
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


def test_a_reference_of_before_the_key_was_one_for_all_is_credited_once(
    customer: User, bank: Any, second: User
) -> None:
    payment = ask_to_pay(customer, bank, "50")
    old = deposits.post_deposit(wallet=customer.wallet, amount=Decimal(50), gateway="bank", external_id="Wire 17")
    assert old.entry.key == "deposit:bank:Wire 17"

    with nothing_moves(), pytest.raises(AlreadyPosted):
        approve_payment(payment, second, received="50")


@pytest.mark.django_db(transaction=True)
def test_a_payment_is_not_rejected_between_looking_and_crediting(
    customer: User, bank: Any, second: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = ask_to_pay(customer, bank, "50")
    said: list[str] = []

    def reject() -> None:
        try:
            decisions.reject_payment(payment_id=payment.pk, reason="not there", actor_id=second.pk)
            said.append("rejected")
        except PaymentOver:
            said.append("over")
        finally:
            connection.close()

    other = threading.Thread(target=reject)
    run = registry.run_and_record

    def run_while_somebody_rejects(*args: Any, **facts: Any) -> str:
        other.start()
        other.join(1)
        assert other.is_alive()  # it waits for us
        return run(*args, **facts)

    monkeypatch.setattr(registry, "run_and_record", run_while_somebody_rejects)

    approve_payment(payment, second, received="50")
    other.join(20)

    assert (said, balance_of(customer)) == (["over"], 50)


@pytest.mark.parametrize("written", ["WIRE17", "wire\u200b 17", "\uff37ire 17", " Wire\t17 "])
def test_references_are_the_same_however_they_are_written(written: str) -> None:
    assert deposits.key_by_hand(written) == deposits.key_by_hand("Wire 17") != deposits.key_by_hand("Wire 18")
