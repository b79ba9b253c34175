"""`action=balance`: five decimals, no thousands separator, no exponent."""

from decimal import Decimal

import pytest
from django.db import OperationalError, connection

from accounts import registration
from catalog.models import Currency
from tests.fixtures import PASSWORD, call_api, funded, key_of, place, post_api

pytestmark = pytest.mark.django_db


def test_is_zero_at_first(customer):
    response = post_api({"key": key_of(customer), "action": "balance"})

    assert response.content == b'{"balance":"0.00000","currency":"USD"}'


@pytest.mark.parametrize(
    ("amount", "printed"),
    [
        ("247.30418", "247.30418"),
        ("0.00001", "0.00001"),
        ("1000000", "1000000.00000"),
        ("123456789012345.12345", "123456789012345.12345"),
    ],
)
def test_prints_five_decimals(customer, amount, printed):
    funded(customer, amount)

    assert call_api(customer, action="balance") == {"balance": printed, "currency": "USD"}


def test_follows_every_order(customer, followers):
    funded(customer, "1")
    place(customer, followers)

    assert call_api(customer, action="balance") == {"balance": "0.15000", "currency": "USD"}


def test_names_the_wallet_s_currency(usd):
    Currency.objects.create(code="EUR", symbol="€", rate=Decimal("0.9"))
    european = registration.register_customer(
        username="european", email="eu@example.com", password=PASSWORD, currency="EUR"
    )

    assert call_api(european, action="balance") == {"balance": "0.00000", "currency": "EUR"}


def test_takes_one_query(customer, django_assert_num_queries):
    body = {"key": key_of(customer), "action": "balance"}
    post_api(body)  # once a minute it also writes down that the key is in use

    with django_assert_num_queries(1):
        response = post_api(body)

    assert response.json() == {"balance": "0.00000", "currency": "USD"}


@pytest.mark.django_db(transaction=True)
def test_answers_on_the_first_call_after_a_database_restart(customer):
    """Every thread of the web server has a connection that a restart has cut."""
    key_of(customer)
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    assert call_api(customer, action="balance") == {"balance": "0.00000", "currency": "USD"}
