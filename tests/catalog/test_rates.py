"""What a customer pays per 1000."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.rates import customer_rate

RATES = st.decimals(min_value="0.00001", max_value=1000, places=5)


def rate(base="0.85", *, custom=None, discount="0", currency="1"):
    return customer_rate(
        rate=Decimal(base),
        custom_rate=None if custom is None else Decimal(custom),
        discount_percent=Decimal(discount),
        currency_rate=Decimal(currency),
    )


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, "0.85"),
        ({"discount": "10"}, "0.765"),
        ({"discount": "33.33"}, "0.56670"),  # 0.566695
        ({"custom": "0.5", "discount": "50"}, "0.5"),
        ({"custom": "0"}, "0"),
        ({"discount": "100"}, "0"),
        ({"currency": "83.1234567891"}, "70.65494"),
        ({"base": "0.00001", "currency": "0.01"}, "0.00001"),
    ],
)
def test_rate(given_, expected):
    assert rate(**given_) == Decimal(expected)


@given(base=RATES, discount=st.integers(min_value=0, max_value=99))
def test_a_discount_never_raises_a_price_nor_gives_it_away(base, discount):
    discounted = customer_rate(
        rate=base, custom_rate=None, discount_percent=Decimal(discount), currency_rate=Decimal(1)
    )

    assert 0 < discounted <= base
