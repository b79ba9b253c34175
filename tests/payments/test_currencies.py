"""Amounts in the gateway's whole numbers, exactly."""

from decimal import Decimal

import pytest

from payments import currencies
from payments.errors import TooFineAmount
from payments.terms import Terms, work_out


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("10", "USD", 1000),
        ("0.01", "USD", 1),
        ("10.10", "EUR", 1010),
        ("123456789.99", "USD", 12_345_678_999),
        ("500", "JPY", 500),
        ("1", "VND", 1),
        ("5.12", "KWD", 5120),
        ("5", "ISK", 500),
    ],
)
def test_writes_and_reads_minor_units(amount: str, currency: str, units: int) -> None:
    assert currencies.to_minor_units(Decimal(amount), currency) == units
    assert currencies.from_minor_units(units, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.001", "USD"), ("10.00001", "USD"), ("0.5", "JPY"), ("5.124", "KWD"), ("1.5", "ISK")]
)
def test_refuses_to_round(amount: str, currency: str) -> None:
    with pytest.raises(TooFineAmount):
        currencies.to_minor_units(Decimal(amount), currency)


def test_does_not_guess_where_units_are_uncertain() -> None:
    with pytest.raises(ValueError, match="UGX"):
        currencies.from_minor_units(500, "UGX")


@pytest.mark.parametrize(
    ("paid", "terms", "fee", "bonus", "credit"),
    [
        ("50", Terms(Decimal("2.9"), Decimal("0.3")), "1.75", "0", "48.25"),
        ("33.33", Terms(Decimal("2.9"), Decimal(0)), "0.96657", "0", "32.36343"),
        ("100", Terms(Decimal(0), Decimal(0), Decimal(5), Decimal(100)), "0", "5", "105"),
        ("99.99", Terms(Decimal(0), Decimal(0), Decimal(5), Decimal(100)), "0", "0", "99.99"),
        ("0.01", Terms(Decimal(0), Decimal(0), Decimal("33.333"), Decimal(0)), "0", "0.00333", "0.01333"),
        ("100", Terms(Decimal(1), Decimal(0), Decimal(5), Decimal(100)), "1", "5", "104"),
    ],
)
def test_paid_less_fee_plus_bonus_is_credit(paid: str, terms: Terms, fee: str, bonus: str, credit: str) -> None:
    quote = work_out(Decimal(paid), terms)

    assert (quote.fee, quote.bonus, quote.credit) == (Decimal(fee), Decimal(bonus), Decimal(credit))
