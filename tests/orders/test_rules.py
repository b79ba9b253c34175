"""What the database refuses of orders, runs and attempts, whoever writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from orders.models import Attempt, Order
from orders.submission import LEASE, claim_next
from orders.transitions import RunState
from panel.errors import violated_constraint
from providers.models import Provider
from tests.fixtures import funded
from tests.orders.conftest import order_of, report, submitted
from wallet import ledger
from wallet.models import Account, LedgerEntry

pytestmark = pytest.mark.django_db


def run_sql(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def check_deferred_rules() -> None:
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    run_sql("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def refused_by(rule: str) -> Iterator[None]:
    """Expect the named rule to refuse, at once or when constraints are checked."""
    check_deferred_rules()
    refused = None
    try:
        with transaction.atomic():
            yield
            check_deferred_rules()
    except IntegrityError as error:
        refused = violated_constraint(error)
    assert refused == rule


@pytest.fixture
def order(customer, followers):
    return order_of(customer, followers)


COLUMNS = """id, customer_id, api_key_id, service_id, service_type, link, quantity, parameters, rate, charge, refunded,
    refund_count, charge_entry_id, run_count, interval_minutes, status, remains, created_at"""


def insert_like(order: Order, **values: Any) -> int:
    """Insert a copy of an order, without runs, and return its id."""
    order_id = order.pk + 1000
    wanted = {"id": order_id, **values}
    columns = [column.strip() for column in COLUMNS.split(",")]
    selected = ", ".join("%s" if column in wanted else column for column in columns)
    given = [wanted[column] for column in columns if column in wanted]
    run_sql(f"INSERT INTO orders_order ({COLUMNS}) SELECT {selected} FROM orders_order WHERE id = %s", *given, order.pk)
    return order_id


FREE = {"charge": 0, "charge_entry_id": None}


def insert_run(order_id: int, number: int, quantity: int) -> None:
    run_sql(
        "INSERT INTO orders_run (order_id, number, quantity, remains, state, provider_id, provider_order)"
        " VALUES (%s, %s, %s, 0, 'queued', (SELECT id FROM providers_provider), '')",
        order_id,
        number,
        quantity,
    )


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders_transition VALUES ('completed', 'queued')",
        "UPDATE orders_transition SET target = 'queued'",
        "DELETE FROM orders_transition",
        "TRUNCATE orders_transition",
    ],
)
def test_transitions_are_fixed(sql):
    with refused_by("transitions_are_fixed"):
        run_sql(sql)


@pytest.mark.parametrize(
    "change",
    [
        "service_type = 'Package'",
        'parameters = \'{"comments": ["x"]}\'',
        "run_count = run_count + 1",
        "interval_minutes = 5",
        "api_key_id = coalesce(api_key_id, 0) + 1",
        "created_at = created_at - interval '1 day'",
        "charge = charge + 1",
        "customer_id = customer_id + 1",
    ],
)
def test_what_was_sold_is_fixed(order, change):
    with refused_by("order_facts_are_fixed"):
        run_sql(f"UPDATE orders_order SET {change} WHERE id = %s", order.pk)


def test_a_link_may_change(order):
    run_sql("UPDATE orders_order SET link = 'https://example.com/other' WHERE id = %s", order.pk)
    check_deferred_rules()


@pytest.mark.parametrize(
    "change",
    ["refunded = charge", "refunded = 0.00001, refund_count = 1", "refund_count = 1"],
)
def test_nothing_is_refunded_without_entries(order, change):
    with refused_by("order_refunds_have_entries"):
        run_sql(f"UPDATE orders_order SET {change} WHERE id = %s", order.pk)


def test_a_refund_is_what_its_entries_say(order):
    report(submitted(order), "Partial", remains=400)
    check_deferred_rules()

    for change in ("refunded = refunded + 0.00001", "refund_count = refund_count + 1", "refund_count = 0"):
        with refused_by("order_refunds_have_entries"):
            run_sql(f"UPDATE orders_order SET {change} WHERE id = %s", order.pk)


def test_a_refund_goes_to_the_customer_of_the_order(order, other_customer):
    with refused_by("order_refunds_have_entries"):
        posted = ledger.credit(
            wallet_id=other_customer.wallet.pk,
            amount=order.charge,
            key=f"refund:order:{order.pk}:1",
            source=Account.Kind.SALES,
        )
        assert posted.balance_after == order.charge
        run_sql("UPDATE orders_order SET refunded = charge, refund_count = 1 WHERE id = %s", order.pk)


@pytest.mark.parametrize("values", [{"refunded": "0.5"}, {"refund_count": 1}])
def test_an_order_starts_without_refunds(order, values):
    with refused_by("order_refunds_have_entries"):
        insert_like(order, **values)


@pytest.mark.parametrize("fault", ["key", "amount", "customer", "side"])
def test_a_charge_belongs_to_its_order(order, customer, other_customer, fault):
    funded(other_customer, "10")
    payer = other_customer if fault == "customer" else customer
    key = "bonus:1" if fault == "key" else f"charge:order:{order.pk + 1000}"
    amount = order.charge + 1 if fault == "amount" else order.charge

    with refused_by("order_charge_is_its_own"):
        if fault == "side":
            posted = ledger.credit(wallet_id=payer.wallet.pk, amount=amount, key=key, source=Account.Kind.SALES)
        else:
            posted = ledger.debit(wallet_id=payer.wallet.pk, amount=amount, key=key)
        insert_like(order, charge_entry_id=posted.entry_id)


def test_a_charge_that_fits_passes(order, customer):
    posted = ledger.debit(wallet_id=customer.wallet.pk, amount=order.charge, key=f"charge:order:{order.pk + 1000}")
    order_id = insert_like(order, charge_entry_id=posted.entry_id)
    check_deferred_rules()

    assert Order.objects.get(pk=order_id).charge_entry == LedgerEntry.objects.get(pk=posted.entry_id)


@pytest.mark.parametrize("change", ["order_id = order_id + 1", "number = 2", "quantity = quantity + 1"])
def test_what_a_run_is_is_fixed(order, change):
    with refused_by("run_facts_are_fixed"):
        run_sql(f"UPDATE orders_run SET {change} WHERE order_id = %s", order.pk)


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("runs_are_kept", "DELETE FROM orders_run"),
        ("runs_are_kept", "TRUNCATE orders_run CASCADE"),
        ("attempts_are_kept", "DELETE FROM orders_attempt"),
        ("attempts_are_kept", "TRUNCATE orders_attempt CASCADE"),
    ],
)
def test_runs_and_attempts_are_kept(order, rule, sql):
    submitted(order)

    with refused_by(rule):
        run_sql(sql)


@pytest.mark.parametrize("number", [0, 2])
def test_an_order_gets_no_further_run(order, number):
    with refused_by("order_is_its_runs"):
        insert_run(order.pk, number, 1)


@pytest.mark.parametrize(
    "runs",
    [[(1, 999)], [(1, 1001)], [(1, 500)], [(2, 500)], [(1, 500), (3, 500)], [(1, 500), (2, 501)], [(1, 1000)]],
)
def test_an_order_is_its_runs(order, runs):
    with refused_by("order_is_its_runs"):
        order_id = insert_like(order, run_count=2, **FREE)
        for number, quantity in runs:
            insert_run(order_id, number, quantity)


def test_runs_that_fit_pass(order, customer, followers):
    order_id = insert_like(order, run_count=2, **FREE)
    insert_run(order_id, 2, 400)
    insert_run(order_id, 1, 600)
    order_of(customer, followers, quantity=500, runs=5, interval_minutes=10)

    check_deferred_rules()


ATTEMPT_MOVES = {("in_flight", state.value) for state in Attempt.State} | {
    ("unknown", "accepted"),
    ("unknown", "absent"),
    ("absent", "accepted"),  # of a run that is being submitted there, as it is here
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("source", list(Attempt.State))
def test_every_pair_of_attempt_states(customer, followers, source):
    order_of(customer, followers)
    claim = claim_next()
    if source != Attempt.State.IN_FLIGHT:
        run_sql("UPDATE orders_attempt SET state = %s", source.value)

    for target in Attempt.State:
        if target == source:
            continue
        if (source.value, target.value) in ATTEMPT_MOVES:
            with transaction.atomic():
                run_sql("UPDATE orders_attempt SET state = %s WHERE id = %s", target.value, claim.attempt.pk)
                transaction.set_rollback(True)
        else:
            with transaction.atomic(), refused_by("attempt_transition"):
                run_sql("UPDATE orders_attempt SET state = %s WHERE id = %s", target.value, claim.attempt.pk)


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.UNKNOWN, RunState.CANCELED, RunState.SUBMITTING])
def test_what_was_absent_is_accepted_only_of_a_run_that_is_being_submitted_there(order, state):
    claim = claim_next()
    run_sql("UPDATE orders_attempt SET state = 'unknown'")
    run_sql("UPDATE orders_attempt SET state = 'absent'")
    for step in [RunState.UNKNOWN, *([state] if state in (RunState.QUEUED, RunState.CANCELED) else [])]:
        if state != RunState.SUBMITTING:
            run_sql("UPDATE orders_run SET state = %s", step)
    if state == RunState.SUBMITTING:
        other = Provider.objects.create(name="Other", kind=Provider.Kind.SANDBOX)
        run_sql("UPDATE orders_run SET provider_id = %s", other.pk)

    with refused_by("attempt_transition"):
        run_sql("UPDATE orders_attempt SET state = 'accepted' WHERE id = %s", claim.attempt.pk)


def test_what_was_absent_is_not_accepted_beside_another_try(order):
    absent = claim_next()
    run_sql("UPDATE orders_attempt SET state = 'unknown'")
    run_sql("UPDATE orders_attempt SET state = 'absent'")
    run_sql("UPDATE orders_run SET state = 'queued'")
    assert claim_next() is not None

    with refused_by("attempt_one_live_per_run"):
        run_sql("UPDATE orders_attempt SET state = 'accepted' WHERE id = %s", absent.attempt.pk)


def test_a_lease_may_change(order):
    claim = claim_next()

    Attempt.objects.filter(pk=claim.attempt.pk).update(lease_until=Now() + LEASE + timedelta(seconds=1))
