"""Rounding and printing of amounts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.money import PLACES, format_amount, format_rate, round_down, round_half_up

AMOUNTS = st.decimals(min_value=0, max_value=10**9, allow_nan=False, places=9)


@pytest.mark.parametrize(
    ("amount", "half_up", "down"),
    [("0.000005", "0.00001", "0"), ("0.0000049", "0", "0"), ("1.999999", "2", "1.99999"), ("2.5", "2.5", "2.5")],
)
def test_rounds(amount, half_up, down):
    assert round_half_up(Decimal(amount)) == Decimal(half_up)
    assert round_down(Decimal(amount)) == Decimal(down)


@given(AMOUNTS)
def test_rounding_stays_within_one_place(amount):
    assert abs(round_half_up(amount) - amount) <= PLACES / 2
    assert 0 <= amount - round_down(amount) < PLACES


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        ("0.85", "0.85"),
        ("0.85000", "0.85"),
        ("12", "12.00"),
        ("0", "0.00"),
        ("0.00125", "0.00125"),
        ("0.1", "0.10"),
        ("1E+3", "1000.00"),
        ("0.00001", "0.00001"),
    ],
)
def test_prints_rates(rate, text):
    assert format_rate(Decimal(rate)) == text


@pytest.mark.parametrize(("amount", "text"), [("247.30418", "247.30418"), ("0", "0.00000"), ("1E+6", "1000000.00000")])
def test_prints_amounts(amount, text):
    assert format_amount(Decimal(amount)) == text
