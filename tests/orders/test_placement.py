"""Placing an order: charged and queued, or nothing."""

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts import api_keys
from accounts.errors import AccountSuspended, InvalidApiKey
from accounts.models import ApiKey, User
from catalog.models import CustomRate, Discount, Service
from orders import placement, queries
from orders.errors import DripfeedIncomplete, DripfeedNotOffered, QuantityTooHigh, QuantityTooLow, ServiceNotActive
from orders.models import Order
from tests.fixtures import LINK, balance_of, funded
from tests.orders.conftest import event_kinds, order_of
from wallet import audit
from wallet.errors import InsufficientBalance
from wallet.models import LedgerEntry

pytestmark = pytest.mark.django_db


def place(user, service_id, *, api_key_id=None, **draft):
    buyer = queries.load_buyer(user.pk)
    if api_key_id is not None:
        buyer = placement.Buyer(**{**{f: getattr(buyer, f) for f in buyer.__slots__}, "api_key_id": api_key_id})
    draft = {"link": LINK, "quantity": 1000, **draft}
    return placement.place_order(buyer=buyer, draft=placement.Draft(service_id=service_id, **draft))


def test_charges_and_queues(customer, followers):
    order = order_of(customer, followers, funds="1")

    run = order.runs.get()
    assert (order.charge, order.quantity, order.remains, order.status) == (Decimal("0.85"), 1000, 1000, "Pending")
    assert (run.state, run.quantity, run.remains, run.number) == ("queued", 1000, 1000, 1)
    assert order.charge_entry.key == f"charge:order:{order.pk}"
    assert order.charge_entry.amount == Decimal("0.85")
    assert balance_of(customer) == Decimal("0.15")
    assert event_kinds(order) == ["placed"]
    assert audit.audit_ledger().is_clean


def test_takes_the_last_cent(customer, followers):
    order_of(customer, followers, funds="0.85")

    assert balance_of(customer) == 0


def test_queues_drip_feed_an_interval_apart(customer, followers):
    order = order_of(customer, followers, quantity=1000, runs=3, interval_minutes=60)

    runs = list(order.runs.order_by("number"))
    assert [run.quantity for run in runs] == [333, 333, 334]
    assert [(run.due_at - runs[0].due_at).total_seconds() for run in runs] == [0, 3600, 7200]
    assert order.charge == Decimal("0.85000")


def test_does_not_charge_what_is_free(customer, make_service):
    order = order_of(customer, make_service(rate=0), funds="")

    assert (order.charge, order.charge_entry) == (0, None)
    assert LedgerEntry.objects.count() == 0


def test_charges_own_prices(customer, other_customer, followers):
    CustomRate.objects.create(customer=customer, service=followers, rate=Decimal("0.5"))
    Discount.objects.create(customer=customer, percent=50)
    Discount.objects.create(customer=other_customer, percent=10)

    assert order_of(customer, followers).charge == Decimal("0.50000")
    assert order_of(other_customer, followers).charge == Decimal("0.76500")


def test_a_price_change_counts_from_the_next_order(customer, followers):
    order_of(customer, followers)
    Service.objects.filter(pk=followers.pk).update(rate=2)

    assert order_of(customer, followers).charge == Decimal("2.00000")


@pytest.mark.parametrize(
    ("draft", "refusal"),
    [
        ({"quantity": 49}, QuantityTooLow),
        ({"quantity": 0}, QuantityTooLow),
        ({"quantity": 100_001}, QuantityTooHigh),
        ({"quantity": 10**18 - 1}, QuantityTooHigh),
        ({"quantity": 200, "runs": 5, "interval_minutes": 1}, QuantityTooLow),
        ({"quantity": 1, "runs": 1000, "interval_minutes": 1}, QuantityTooLow),
        ({"runs": 5}, DripfeedIncomplete),
        ({"interval_minutes": 5}, DripfeedIncomplete),
    ],
)
def test_refuses_drafts(customer, followers, draft, refusal, nothing_moved):
    funded(customer, "100")
    nothing_moved.remember()

    with pytest.raises(refusal):
        place(customer, followers.pk, **draft)

    nothing_moved()


def test_refuses_drip_feed_where_there_is_none(customer, make_service, nothing_moved):
    service = make_service(dripfeed=False)
    funded(customer, "100")
    nothing_moved.remember()

    with pytest.raises(DripfeedNotOffered):
        place(customer, service.pk, runs=2, interval_minutes=5)

    nothing_moved()


def test_refuses_a_paused_service_from_the_next_order_on(customer, followers, nothing_moved):
    order_of(customer, followers)
    Service.objects.filter(pk=followers.pk).update(is_active=False)
    nothing_moved.remember()

    with pytest.raises(ServiceNotActive):
        place(customer, followers.pk)

    nothing_moved()


@pytest.mark.parametrize("change", [{"is_suspended": True}, {"is_active": False}])
def test_refuses_the_suspended_and_the_inactive(customer, followers, nothing_moved, change):
    funded(customer, "100")
    User.objects.filter(pk=customer.pk).update(**change)
    nothing_moved.remember()

    with pytest.raises(AccountSuspended):
        place(customer, followers.pk)

    nothing_moved()


def test_refuses_when_balance_is_short(customer, followers, nothing_moved):
    funded(customer, "0.84999")
    nothing_moved.remember()

    with pytest.raises(InsufficientBalance):
        place(customer, followers.pk)

    nothing_moved()


def test_refuses_when_the_balance_was_spent_a_moment_ago(customer, followers, nothing_moved):
    """The balance read with the request is old; the conditional update decides."""
    funded(customer, "1")
    buyer = queries.load_buyer(customer.pk)
    draft = placement.Draft(service_id=followers.pk, link=LINK, quantity=1000)
    placement.place_order(buyer=buyer, draft=draft)
    nothing_moved.remember()

    with pytest.raises(InsufficientBalance):
        placement.place_order(buyer=buyer, draft=draft)

    nothing_moved()


def test_refuses_a_key_that_died_a_moment_ago(customer, followers, nothing_moved):
    funded(customer, "1")
    api_keys.issue_api_key(user=customer, name="Test")
    key = ApiKey.objects.get()
    api_keys.revoke_api_key(user=customer, key_id=key.pk)
    nothing_moved.remember()

    with pytest.raises(InvalidApiKey):
        place(customer, followers.pk, api_key_id=key.pk)

    nothing_moved()


def test_places_in_one_statement(customer, followers, django_assert_num_queries):
    order_of(customer, followers)
    buyer = queries.load_buyer(customer.pk)

    with django_assert_num_queries(1):
        placement.place_order(buyer=buyer, draft=placement.Draft(service_id=followers.pk, link=LINK, quantity=1000))


def in_threads(count, target):
    """Run `target` in threads that start together and return what each returned or raised."""
    barrier, results = threading.Barrier(count), []

    def run(number):
        try:
            barrier.wait(10)
            results.append(target(number))
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_control_looking_first_and_writing_later_spends_money_twice():
    """Without the conditional update the race is there: the next test would fail on this code."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE naive_wallet AS SELECT 1 AS balance")
    everybody_has_looked = threading.Barrier(8)

    def spend(_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT balance FROM naive_wallet")
            (balance,) = cursor.fetchone()
            everybody_has_looked.wait(10)
            if balance >= 1:
                cursor.execute("UPDATE naive_wallet SET balance = %s", [balance - 1])
                return "spent"
        return "refused"

    try:
        assert in_threads(8, spend) == ["spent"] * 8
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE naive_wallet")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("affordable", [1, 7])
def test_racing_orders_spend_exactly_the_balance(customer, followers, affordable):
    funded(customer, str(Decimal("0.85") * affordable + Decimal("0.5")))
    buyer = queries.load_buyer(customer.pk)
    draft = placement.Draft(service_id=followers.pk, link=LINK, quantity=1000)

    results = in_threads(16, lambda _: placement.place_order(buyer=buyer, draft=draft))

    placed = [result for result in results if isinstance(result, placement.Placed)]
    refused = [result for result in results if isinstance(result, InsufficientBalance)]
    assert (len(placed), len(refused)) == (affordable, 16 - affordable), results
    assert balance_of(customer) == Decimal("0.5")
    assert Order.objects.count() == affordable
    assert audit.audit_ledger().is_clean


@pytest.mark.django_db(transaction=True)
def test_revoking_waits_for_an_order_in_flight_and_stops_the_next(customer, followers):
    """An order that holds its key commits before the key is dead; one that comes later never does."""
    funded(customer, "100")
    api_keys.issue_api_key(user=customer, name="Test")
    key = ApiKey.objects.get()
    done = []

    def revoke():
        api_keys.revoke_api_key(user=customer, key_id=key.pk)
        done.append("revoked")
        connection.close()

    with transaction.atomic():
        placed = place(customer, followers.pk, api_key_id=key.pk)
        thread = threading.Thread(target=revoke)
        thread.start()
        thread.join(0.5)
        assert done == []  # the order's transaction still holds the key
    thread.join(10)

    assert done == ["revoked"]
    assert Order.objects.get().pk == placed.order_id
    with pytest.raises(InvalidApiKey):
        place(customer, followers.pk, api_key_id=key.pk)
    assert Order.objects.count() == 1
