"""The statement of a wallet."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.fixtures import funded
from wallet import ledger, queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(customer, other_customer):
    funded(other_customer, "7")
    funded(customer, "20")
    wallet = queries.get_wallet(customer.pk)
    for number in range(4):
        ledger.debit(wallet_id=wallet.pk, amount=Decimal(number + 1), key=f"charge:order:{number}")
    wallet.refresh_from_db()
    return wallet


def test_opening_plus_lines_is_closing(wallet):
    statement = queries.get_statement(wallet)

    moved = sum(line.amount if line.credit_id == wallet.pk else -line.amount for line in statement.lines)
    assert (statement.opening_balance, statement.closing_balance) == (0, wallet.balance)
    assert statement.opening_balance + moved == statement.closing_balance
    assert [line.seq for line in statement.lines] == [1, 2, 3, 4, 5]


def test_pages_join_without_a_gap(wallet):
    newest = queries.get_statement(wallet, limit=2)
    older = queries.get_statement(wallet, limit=2, before_seq=newest.lines[0].seq)

    assert [line.seq for line in (*older.lines, *newest.lines)] == [2, 3, 4, 5]
    assert older.closing_balance == newest.opening_balance


def test_before_the_first_line_there_is_nothing(wallet):
    statement = queries.get_statement(wallet, before_seq=1)

    assert (statement.opening_balance, list(statement.lines), statement.closing_balance) == (0, [], 0)


def test_since_a_quiet_day_the_balance_stands_still(wallet):
    statement = queries.get_statement(wallet, since=timezone.now() + timedelta(days=1))

    assert (statement.opening_balance, list(statement.lines), statement.closing_balance) == (10, [], 10)
