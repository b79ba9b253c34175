"""The ledger: what it posts, what it refuses, and what the database refuses whoever writes."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panel.errors import violated_constraint
from tests.fixtures import balance_of, funded
from wallet import audit, ledger
from wallet.errors import AlreadyPosted, AmountRefused, InsufficientBalance
from wallet.models import Account, LedgerEntry, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(customer):
    funded(customer, "10")
    return Wallet.objects.get(user=customer)


def run_sql(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def refused_by(rule):
    """Expect the named database rule to refuse, at once or when constraints are checked."""
    return pytest.raises(DatabaseError, match=rule)


def check_deferred_rules():
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    run_sql("SET CONSTRAINTS ALL DEFERRED")


def test_debit_moves_the_balance_and_explains_it(wallet, customer):
    posted = ledger.debit(wallet_id=wallet.pk, amount=Decimal("0.85"), key="charge:order:1")

    entry = LedgerEntry.objects.get(pk=posted.entry_id)
    assert balance_of(customer) == posted.balance_after == Decimal("9.15000")
    assert (entry.seq, entry.previous_seq) == (2, 1)
    assert (entry.balance_before, entry.amount, entry.balance_after) == (Decimal(10), Decimal("0.85"), Decimal("9.15"))
    assert (entry.debit_id, entry.credit.kind) == (wallet.pk, Account.Kind.SALES)
    wallet.refresh_from_db()
    assert (wallet.seq, bytes(wallet.head)) == (2, bytes(entry.hash))


def test_credit_moves_the_balance_and_explains_it(wallet, customer):
    posted = ledger.credit(wallet_id=wallet.pk, amount=Decimal("2.5"), key="bonus:1", source=Account.Kind.BONUS)

    entry = LedgerEntry.objects.get(pk=posted.entry_id)
    assert balance_of(customer) == Decimal("12.50000")
    assert (entry.debit.kind, entry.credit_id) == (Account.Kind.BONUS, wallet.pk)


def test_debit_takes_the_last_cent(wallet, customer):
    ledger.debit(wallet_id=wallet.pk, amount=Decimal(10), key="charge:order:1")

    assert balance_of(customer) == 0


def test_refuses_debit_above_balance(wallet, nothing_moved):
    nothing_moved.remember()

    with pytest.raises(InsufficientBalance):
        ledger.debit(wallet_id=wallet.pk, amount=Decimal("10.00001"), key="charge:order:1")

    nothing_moved()


@pytest.mark.parametrize("amount", ["0", "-1", "0.000001", "1.234567", "NaN", "Infinity", "1e15"])
def test_refuses_amounts_that_are_none(wallet, amount, nothing_moved):
    nothing_moved.remember()

    with pytest.raises(AmountRefused):
        ledger.debit(wallet_id=wallet.pk, amount=Decimal(amount), key="x")
    with pytest.raises(AmountRefused):
        ledger.credit(wallet_id=wallet.pk, amount=Decimal(amount), key="x", source=Account.Kind.BONUS)

    nothing_moved()


def test_refuses_a_credit_beyond_what_a_wallet_can_hold(wallet, nothing_moved):
    ledger.credit(wallet_id=wallet.pk, amount=Decimal("999999999999989.99999"), key="a", source=Account.Kind.BONUS)
    nothing_moved.remember()

    with pytest.raises(AmountRefused), transaction.atomic():
        ledger.credit(wallet_id=wallet.pk, amount=Decimal(1), key="b", source=Account.Kind.BONUS)

    nothing_moved()


def test_posts_a_key_once(wallet, nothing_moved):
    ledger.debit(wallet_id=wallet.pk, amount=Decimal(1), key="charge:order:1")
    nothing_moved.remember()

    with pytest.raises(AlreadyPosted), transaction.atomic():
        ledger.debit(wallet_id=wallet.pk, amount=Decimal(1), key="charge:order:1")

    nothing_moved()


@pytest.mark.django_db(transaction=True)
def test_refuses_to_move_money_outside_a_transaction(customer):
    funded(customer, "1")

    with pytest.raises(RuntimeError, match="join the transaction"):
        ledger.debit(wallet_id=customer.wallet.pk, amount=Decimal(1), key="x")

    assert balance_of(customer) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE wallet_ledgerentry SET amount = amount + 1",
        "UPDATE wallet_ledgerentry SET reason = 'x'",
        "DELETE FROM wallet_ledgerentry",
        "TRUNCATE wallet_ledgerentry CASCADE",
    ],
)
def test_entries_never_change(wallet, sql):
    check_deferred_rules()

    with refused_by("ledger entries never change"), transaction.atomic():
        run_sql(sql)


def test_database_refuses_a_balance_below_zero(wallet):
    with refused_by("wallet_balance_not_negative"), transaction.atomic():
        run_sql("UPDATE wallet_wallet SET balance = -0.00001 WHERE account_id = %s", wallet.pk)


@pytest.mark.parametrize(
    "change",
    ["balance = balance + 1", "seq = seq + 1", "head = 'x'", "seq = 0", "seq = 0, balance = 0, head = ''"],
)
def test_database_refuses_a_move_without_its_entry(wallet, change):
    with refused_by("moved without its ledger entry"), transaction.atomic():
        run_sql(f"UPDATE wallet_wallet SET {change} WHERE account_id = %s", wallet.pk)
        check_deferred_rules()


def test_database_refuses_to_turn_a_wallet_back(wallet):
    first = LedgerEntry.objects.get(wallet=wallet, seq=1)
    ledger.debit(wallet_id=wallet.pk, amount=Decimal(1), key="charge:order:1")

    with refused_by("moved without its ledger entry"), transaction.atomic():
        run_sql(
            "UPDATE wallet_wallet SET seq = 1, balance = %s, head = %s WHERE account_id = %s",
            first.balance_after,
            bytes(first.hash),
            wallet.pk,
        )
        check_deferred_rules()


INSERT_ENTRY = """
    INSERT INTO wallet_ledgerentry (wallet_id, seq, previous_seq, debit_id, credit_id, amount, balance_before,
        balance_after, key, reason, hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'forged', '', 'x')
"""


@pytest.mark.parametrize(
    ("seq", "previous", "amount", "before", "after", "rule"),
    [
        (2, 1, 1, 10, 9, "did not move its wallet"),
        (2, 1, 1, 11, 10, "entry_starts_where_last_ended"),
        (3, 2, 1, 10, 9, "entry_starts_where_last_ended"),
        (3, 1, 1, 10, 9, "entry_follows_previous"),
        (2, None, 1, 10, 9, "entry_follows_previous"),
        (2, 1, 1, 10, 10, "entry_balances_add_up"),
        (2, 1, 1, 10, 11, "entry_balances_add_up"),
        (2, 1, 0, 10, 10, "entry_amount_positive"),
        (2, 1, -1, 10, 11, "entry_amount_positive"),
        (1, None, 1, 0, -1, "entry_one_per_seq|entry_chain_target"),
    ],
)
def test_database_refuses_entries_that_break_the_chain(wallet, seq, previous, amount, before, after, rule):
    sales = Account.objects.get(kind=Account.Kind.SALES, currency="USD")
    check_deferred_rules()

    with refused_by(rule), transaction.atomic():
        run_sql(INSERT_ENTRY, wallet.pk, seq, previous, wallet.pk, sales.pk, amount, before, after)
        check_deferred_rules()


def test_database_keeps_the_currency_of_a_used_wallet(wallet):
    with refused_by("has entries in USD"), transaction.atomic():
        run_sql("UPDATE wallet_wallet SET currency = 'EUR' WHERE account_id = %s", wallet.pk)


def test_house_balances_mirror_the_wallets(wallet, customer, other_customer):
    funded(other_customer, "3")
    ledger.debit(wallet_id=wallet.pk, amount=Decimal("1.25"), key="charge:order:1")

    sums = {(line.kind, line.gateway): line.balance for line in audit.audit_ledger().trial_balance}

    assert sums == {("cash", "manual"): Decimal(-13), ("sales", ""): Decimal("1.25"), ("wallet", ""): Decimal("11.75")}
    assert sum(sums.values()) == 0


def test_one_movement_is_one_statement(wallet, django_assert_num_queries):
    with django_assert_num_queries(1):
        ledger.debit(wallet_id=wallet.pk, amount=Decimal(1), key="charge:order:1")


def test_integrity_errors_that_are_not_ours_pass_through(wallet):
    def post_for_nobody():
        with transaction.atomic():
            ledger.debit(wallet_id=wallet.pk, amount=Decimal(1), key="x", actor_id=10**9)
            check_deferred_rules()

    with pytest.raises(IntegrityError, match="actor"):
        post_for_nobody()


@given(changes=st.lists(st.decimals(min_value=-9, max_value=9, places=5), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_movements_add_up(wallet, changes):
    """The wallet always equals a plain sum of what was accepted, and the audit agrees."""
    wallet.refresh_from_db()
    expected = wallet.balance
    for number, change in enumerate(changes):
        key = f"property:{wallet.seq}:{number}"
        try:
            with transaction.atomic():
                if change > 0:
                    ledger.credit(wallet_id=wallet.pk, amount=change, key=key, source=Account.Kind.BONUS)
                else:
                    ledger.debit(wallet_id=wallet.pk, amount=-change, key=key)
            expected += change
        except InsufficientBalance:
            assert expected + change < 0
        except AmountRefused:
            assert change == 0

    wallet.refresh_from_db()
    assert wallet.balance == expected
    assert wallet.seq == LedgerEntry.objects.filter(wallet=wallet).count()
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize("other", ["another wallet", "another currency"])
def test_the_other_side_is_a_house_account_of_the_currency(wallet, other_customer, other):
    if other == "another wallet":
        side = other_customer.wallet.pk
    else:
        side = Account.objects.get_or_create(kind=Account.Kind.SALES, currency="EUR", gateway="")[0].pk

    def move():
        run_sql("UPDATE wallet_wallet SET balance = 9, seq = 2, head = 'x' WHERE account_id = %s", wallet.pk)
        run_sql(INSERT_ENTRY, wallet.pk, 2, 1, wallet.pk, side, 1, 10, 9)

    with refused_by("no house account") as refused, transaction.atomic():
        move()
        check_deferred_rules()
    assert violated_constraint(refused.value) == "entry_has_house_side"

    run_sql("SET session_replication_role = replica")
    move()
    run_sql("SET session_replication_role = origin")
    findings = audit.audit_ledger().findings
    assert ("1 entries move money between wallets" in findings) == (other == "another wallet")
    assert ("1 entries move money between currencies" in findings) == (other == "another currency")


@pytest.mark.parametrize(
    "sql",
    ["UPDATE wallet_deposit SET amount = amount + 1", "DELETE FROM wallet_deposit", "TRUNCATE wallet_deposit CASCADE"],
)
def test_deposits_never_change(wallet, sql):
    check_deferred_rules()

    with refused_by("deposits never change") as refused, transaction.atomic():
        run_sql(sql)
    assert violated_constraint(refused.value) == "deposit_is_immutable"
