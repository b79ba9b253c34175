"""What we ask for what a provider takes."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.markup import Markup, loses, price_for, round_up
from panel.money import MAX_AMOUNT, PLACES
from providers.models import Provider

COSTS = st.decimals(min_value=0, max_value=10**9, places=5)
CURRENCY_RATES = st.decimals(min_value="0.0000000001", max_value=10**6, places=10)
PERCENTS = st.decimals(min_value=0, max_value=99999, places=2)
STEPS = st.sampled_from([Decimal(step) for step in Provider.Rounding.values])


def price(cost="0.50", *, currency="1", percent="30", fixed="0", step="0.00001"):
    markup = Markup(percent=Decimal(percent), fixed=Decimal(fixed), step=Decimal(step))
    return price_for(Decimal(cost), currency_rate=Decimal(currency), markup=markup)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, "0.65"),
        ({"fixed": "0.02"}, "0.67"),
        ({"step": "0.1"}, "0.7"),
        ({"step": "1"}, "1"),
        ({"cost": "0.10", "step": "0.01"}, "0.13"),  # exactly on a step stays there
        ({"cost": "0.46", "currency": "0.92", "percent": "0"}, "0.5"),
        ({"cost": "1", "currency": "3", "percent": "0"}, "0.33334"),
        ({"cost": "0.00001", "percent": "0.01"}, "0.00002"),
        ({"cost": "0"}, "0"),
        ({"cost": "0", "fixed": "0.001", "step": "0.01"}, "0.01"),
    ],
)
def test_price(given_, expected):
    assert price(**given_) == Decimal(expected)


@given(cost=COSTS, currency_rate=CURRENCY_RATES, percent=PERCENTS, fixed=COSTS, step=STEPS)
def test_price_covers_cost_and_markup_by_less_than_a_step(cost, currency_rate, percent, fixed, step):
    exact = Fraction(cost) / Fraction(currency_rate) * (100 + Fraction(percent)) / 100 + Fraction(fixed)
    markup = Markup(percent=percent, fixed=fixed, step=step)

    if exact + Fraction(step) > MAX_AMOUNT:
        return
    found = price_for(cost, currency_rate=currency_rate, markup=markup)

    assert exact <= Fraction(found) < exact + Fraction(step)
    assert found == found.quantize(PLACES)
    assert Fraction(found) % Fraction(step) == 0
    assert not loses(cost=cost, rate=found, currency_rate=currency_rate)


@given(cost=COSTS, rate=COSTS, currency_rate=CURRENCY_RATES)
def test_loses_when_the_cost_is_more_than_the_rate(cost, rate, currency_rate):
    assert loses(cost=cost, rate=rate, currency_rate=currency_rate) == (
        Fraction(cost) / Fraction(currency_rate) > Fraction(rate)
    )


def test_refuses_what_does_not_fit():
    assert round_up(MAX_AMOUNT) == MAX_AMOUNT
    with pytest.raises(ValueError, match="does not fit"):
        round_up(MAX_AMOUNT, Decimal(1))
    with pytest.raises(ValueError, match="does not fit"):
        price("1000000000", currency="0.0000000001")


@pytest.mark.parametrize("wrong", [{"percent": "-1"}, {"fixed": "-0.01"}, {"step": "0"}, {"step": "0.000001"}])
def test_refuses_markups_that_take_away(wrong):
    with pytest.raises(ValueError, match="markup"):
        price(**wrong)
