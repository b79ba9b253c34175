"""Stretches of a wallet's entries: found by time, read by kind, always adding up."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures import funded
from wallet import ledger, statements
from wallet.models import LedgerEntry, Wallet
from wallet.statements import Kind, Stretch

pytestmark = pytest.mark.django_db

CHARGES = [8, 7, 6, 3, 2]
KEYS = ["charge:order:{}", "charge:order:{}", "refund:order:{}:1", "bonus:payment:{}", "charge:order:{}"]


@pytest.fixture
def wallet(customer, other_customer):
    """Ten entries, an hour from one to the next; the first is a deposit."""
    funded(other_customer, "7")
    funded(customer, "100")
    for number in range(9):
        key = KEYS[number % len(KEYS)].format(number)
        if key.startswith("charge"):
            ledger.debit(wallet_id=customer.wallet.pk, amount=Decimal(number + 1), key=key)
        else:
            ledger.credit(wallet_id=customer.wallet.pk, amount=Decimal(1), key=key, source="sales")
    with connection.cursor() as cursor:
        # Times are not what these tests are about, and entries never change: only here, and only now.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE wallet_ledgerentry SET created_at = '2026-01-01'::timestamptz + seq * interval '1 hour'")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    return Wallet.objects.get(user=customer)


def _at(hour, wallet):
    first = LedgerEntry.objects.get(wallet=wallet, seq=1).created_at
    return first + timedelta(hours=hour - 1)


def test_stretch_of_a_period_is_what_a_scan_would_find(wallet):
    entries = list(LedgerEntry.objects.filter(wallet=wallet).order_by("seq"))
    for since in range(-1, 13):
        for minutes in (-1, 0, 1):
            moment = _at(since, wallet) + timedelta(minutes=minutes)
            expected = next((entry.seq for entry in entries if entry.created_at >= moment), 11)
            assert statements.find_stretch(wallet, since=moment).first == expected
            assert statements.find_stretch(wallet, until=moment).end == expected


def test_empty_wallet_has_an_empty_statement(usd, other_customer):
    wallet = Wallet.objects.get(user=other_customer)
    stretch = statements.find_stretch(wallet, since=wallet.user.date_joined, until=wallet.user.date_joined)

    page = statements.read_page(wallet, stretch)

    assert (stretch, page.lines, page.opening_balance, page.closing_balance) == (Stretch(1, 1), [], 0, 0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.integers(1, 11),
    length=st.integers(0, 10),
    kind=st.sampled_from([None, *Kind]),
    limit=st.integers(1, 4),
)
def test_pages_add_up_join_and_miss_nothing(wallet, first, length, kind, limit):
    stretch = Stretch(first, min(first + length, 11))
    inside = LedgerEntry.objects.filter(wallet=wallet, seq__gte=stretch.first, seq__lt=stretch.end).order_by("-seq")
    expected = [entry.seq for entry in inside if kind is None or entry.key.startswith(kind)]

    found, before, closing = [], stretch.end, None
    while before is not None:
        page = statements.read_page(wallet, stretch, kind=kind, before=before, limit=limit)
        assert page.opening_balance + page.shown + page.others == page.closing_balance
        assert kind or page.others == 0
        assert closing in {None, page.closing_balance}
        found += [line.seq for line in page.lines]
        before, closing = page.next_before, page.opening_balance

    assert found == expected
    assert [entry.seq for entry in statements.read_all(wallet, stretch, kind=kind)] == expected


def test_charges_are_looked_for_in_parts(wallet, monkeypatch):
    monkeypatch.setattr(statements, "SCANNED_ENTRIES_MAX", 3)
    whole = Stretch(1, 11)

    page = statements.read_page(wallet, whole, kind=Kind.CHARGE)

    assert page.next_before == 8
    assert [line.seq for line in statements.read_all(wallet, whole, kind=Kind.CHARGE)] == CHARGES


@pytest.mark.parametrize("kind", [Kind.REFUND, Kind.DEPOSIT, Kind.BONUS, Kind.ADJUSTMENT])
def test_rare_kinds_are_read_from_an_index_of_their_own(wallet, kind):
    entries = statements._entries(wallet, kind, 1, 11)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = entries.explain()

    assert "entry_refunds" in plan if kind == Kind.REFUND else "entry_rare_kinds" in plan
