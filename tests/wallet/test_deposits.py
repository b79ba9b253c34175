"""Money coming in, and corrections."""

import uuid
from decimal import Decimal

import pytest

from tests.fixtures import balance_of, funded
from wallet import adjustments, deposits
from wallet.errors import AlreadyPosted, AmountRefused, InsufficientBalance, ReasonMissing
from wallet.models import Deposit, LedgerEntry, Wallet

pytestmark = pytest.mark.django_db(transaction=True)


def deposit(user, amount="5", external_id="T-1", gateway="manual"):
    return deposits.record_deposit(
        wallet=Wallet.objects.get(user=user), amount=Decimal(amount), gateway=gateway, external_id=external_id
    )


def adjust(user, staff, change, *, reason="goodwill", request_id=None):
    return adjustments.adjust_balance(
        wallet=Wallet.objects.get(user=user),
        change=Decimal(change),
        reason=reason,
        actor_id=staff.pk,
        request_id=request_id or uuid.uuid4(),
    )


def test_deposit_credits_the_wallet_and_keeps_its_proof(customer):
    made = deposit(customer)

    assert balance_of(customer) == 5
    assert made.entry.key == "deposit:hand:t-1"
    assert made.entry.debit.gateway == "manual"


def test_refuses_the_same_reference_twice(customer, other_customer):
    deposit(customer)

    with pytest.raises(AlreadyPosted):
        deposit(other_customer)

    assert (balance_of(customer), balance_of(other_customer)) == (5, 0)
    assert Deposit.objects.count() == LedgerEntry.objects.count() == 1


def test_same_reference_of_another_gateway_is_another_deposit(customer):
    deposit(customer)
    deposit(customer, gateway="bank")

    assert balance_of(customer) == 10


def test_refuses_a_deposit_of_nothing(customer, nothing_moved):
    nothing_moved.remember()

    with pytest.raises(AmountRefused):
        deposit(customer, amount="0")

    nothing_moved()


def test_adjusts_both_ways_with_a_name_and_a_reason(customer, staff):
    funded(customer, "5")

    adjust(customer, staff, "-2", reason="double deposit")
    adjust(customer, staff, "0.5")

    entry = LedgerEntry.objects.get(seq=2)
    assert balance_of(customer) == Decimal("3.5")
    assert (entry.reason, entry.actor) == ("double deposit", staff)


@pytest.mark.parametrize(
    ("change", "reason", "refusal"),
    [("1", "  ", ReasonMissing), ("0", "x", AmountRefused), ("-5.00001", "x", InsufficientBalance)],
)
def test_refuses_adjustments(customer, staff, change, reason, refusal, nothing_moved):
    funded(customer, "5")
    nothing_moved.remember()

    with pytest.raises(refusal):
        adjust(customer, staff, change, reason=reason)

    nothing_moved()


def test_posts_a_form_sent_twice_once(customer, staff):
    form = uuid.uuid4()
    adjust(customer, staff, "1", request_id=form)

    with pytest.raises(AlreadyPosted):
        adjust(customer, staff, "1", request_id=form)

    assert balance_of(customer) == 1
