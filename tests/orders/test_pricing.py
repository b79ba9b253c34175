"""What an order costs and what is given back."""

from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.pricing import charge_for, refund_due, split_runs

RATES = st.decimals(min_value="0.00001", max_value=5000, allow_nan=False, places=5)
QUANTITIES = st.integers(min_value=1, max_value=10_000_000)


@pytest.mark.parametrize(
    ("rate", "quantity", "charge"),
    [
        ("0.85", 1000, "0.85000"),
        ("0.85", 1, "0.00085"),
        ("0.00125", 4, "0.00001"),  # 0.000005 rounds up
        ("0.00125", 3, "0.00001"),  # 0.00000375 rounds to nothing, but a sale is never free
        ("0", 1000, "0"),
        ("1.44219", 1000, "1.44219"),
    ],
)
def test_charges_per_thousand(rate, quantity, charge):
    assert charge_for(rate=Decimal(rate), quantity=quantity, flat_rate=False) == Decimal(charge)


def test_charges_packages_once():
    assert charge_for(rate=Decimal("4.5"), quantity=1, flat_rate=True) == Decimal("4.50000")


@given(rate=RATES, quantity=QUANTITIES)
def test_charge_is_the_exact_price_to_half_a_place(rate, quantity):
    charge = charge_for(rate=rate, quantity=quantity, flat_rate=False)

    assert charge > 0
    assert charge == Decimal("0.00001") or abs(charge - rate * quantity / 1000) <= Decimal("0.000005")


@given(rate=RATES, quantity=QUANTITIES, data=st.data())
def test_refunds_in_any_steps_add_up_to_one_refund(rate, quantity, data):
    charge = charge_for(rate=rate, quantity=quantity, flat_rate=False)
    steps = sorted(data.draw(st.lists(st.integers(min_value=0, max_value=quantity), min_size=1, max_size=8)))
    refunded = Decimal(0)

    for undelivered in steps:
        refund = refund_due(charge=charge, quantity=quantity, undelivered=undelivered, refunded=refunded)
        assert refund >= 0
        refunded += refund
        # The same report again owes nothing.
        assert refund_due(charge=charge, quantity=quantity, undelivered=undelivered, refunded=refunded) == 0

    assert refunded == refund_due(charge=charge, quantity=quantity, undelivered=steps[-1], refunded=Decimal(0))
    exact = charge * steps[-1] / quantity
    assert refunded == (charge if steps[-1] == quantity else exact.quantize(Decimal("0.00001"), rounding=ROUND_DOWN))
    assert refunded <= charge


def test_never_takes_a_refund_back():
    # A provider that first reports 400 undelivered and then 300 owes us; the customer keeps the refund.
    assert refund_due(charge=Decimal("0.85"), quantity=1000, undelivered=300, refunded=Decimal("0.34")) == 0


@given(quantity=st.integers(min_value=0, max_value=10**7), runs=st.integers(min_value=1, max_value=1000))
def test_runs_add_up_and_differ_by_one_at_most(quantity, runs):
    parts = split_runs(quantity=quantity, runs=runs)

    assert (len(parts), sum(parts)) == (runs, quantity)
    assert max(parts) - min(parts) <= 1


def test_splits_as_published():
    assert split_runs(quantity=1000, runs=3) == [333, 333, 334]
