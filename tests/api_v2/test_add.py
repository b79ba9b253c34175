"""`action=add`: an order is placed and charged, or refused and nothing moved."""

from decimal import Decimal

import pytest

from accounts import registration
from accounts.models import ApiKey
from catalog.models import Currency, CustomRate, Service
from orders.models import LINK_MAX_CHARACTERS, Order, OrderEvent, Run
from orders.transitions import RunState
from tests.fixtures import LINK, PASSWORD, balance_of, call_api, funded, key_of, place, post_api, refused_api
from wallet.models import LedgerEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer(customer):
    return funded(customer, "10")


def add(user, **params):
    return refused_api(user, **{"action": "add", "service": 1042, "link": LINK, "quantity": 1000, **params})


def test_places_and_charges(buyer, followers):
    order_id = place(buyer, followers)

    order = Order.objects.get()
    assert order.pk == order_id
    assert (order.customer, order.service, order.link, order.quantity) == (buyer, followers, LINK, 1000)
    assert (order.status, order.remains, order.start_count) == ("Pending", 1000, None)
    assert (order.rate, order.charge, order.refunded) == (Decimal("0.85"), Decimal("0.85"), 0)
    assert order.api_key == ApiKey.objects.get()
    assert balance_of(buyer) == Decimal("9.15")
    assert LedgerEntry.objects.get(key=f"charge:order:{order_id}") == order.charge_entry
    assert [(run.number, run.quantity, run.state) for run in order.runs.all()] == [(1, 1000, RunState.QUEUED)]
    assert [event.kind for event in order.events.all()] == [OrderEvent.Kind.PLACED]


def test_answers_a_number(buyer, followers):
    response = post_api({"key": key_of(buyer), "action": "add", "service": 1042, "link": LINK, "quantity": 1000})

    assert response.content == b'{"order":%d}' % Order.objects.get().pk


def test_rounds_the_charge_half_up_to_five_decimals(buyer, make_service):
    service = make_service(rate=Decimal("0.00333"), min=1)

    for quantity, charge in [(1, "0.00001"), (1500, "0.00500"), (4, "0.00001"), (5, "0.00002")]:
        assert Order.objects.get(pk=place(buyer, service, quantity=quantity)).charge == Decimal(charge)


def test_takes_the_last_cent(customer, followers):
    funded(customer, "0.85")

    place(customer, followers)

    assert balance_of(customer) == 0


def test_sells_a_free_service_to_an_empty_wallet(customer, make_service):
    place(customer, make_service(rate=0))

    assert Order.objects.get().charge == 0
    assert LedgerEntry.objects.count() == 0


def test_charges_the_customer_s_own_price(buyer, other_customer, followers):
    CustomRate.objects.create(customer=buyer, service=followers, rate=Decimal("0.5"))
    funded(other_customer, "10")

    place(buyer, followers)
    place(other_customer, followers)

    assert balance_of(buyer) == Decimal("9.5")
    assert balance_of(other_customer) == Decimal("9.15")


def test_charges_in_the_wallet_s_currency(usd, followers):
    Currency.objects.create(code="EUR", symbol="€", rate=Decimal("0.9"))
    european = registration.register_customer(
        username="european", email="eu@example.com", password=PASSWORD, currency="EUR"
    )

    place(funded(european, "1"), followers)

    assert balance_of(european) == Decimal("0.235")


def test_charges_a_new_price_on_the_next_request(buyer, followers):
    place(buyer, followers)
    Service.objects.filter(pk=followers.pk).update(rate=Decimal(2))

    place(buyer, followers)

    assert balance_of(buyer) == Decimal("7.15")


def test_takes_minimum_and_maximum(buyer, make_service):
    service = make_service(min=10, max=20)

    place(buyer, service, quantity=10)
    place(buyer, service, quantity=20)

    assert Order.objects.count() == 2


def test_places_twice_when_sent_twice(buyer, followers):
    """The contract says so: `add` is not idempotent."""
    assert place(buyer, followers) != place(buyer, followers)
    assert balance_of(buyer) == Decimal("8.3")


def test_refuses_when_balance_is_short(customer, followers):
    funded(customer, "0.84999")

    assert add(customer) == {"error": "Insufficient balance"}
    assert balance_of(customer) == Decimal("0.84999")


def test_refuses_an_empty_wallet(customer, followers):
    assert add(customer) == {"error": "Insufficient balance"}


@pytest.mark.parametrize("quantity", [0, 1, 49, "49.0", "4.9e1"])
def test_refuses_quantity_below_minimum(buyer, followers, quantity):
    assert add(buyer, quantity=quantity) == {"error": "Quantity is too low"}


@pytest.mark.parametrize("quantity", [100_001, 2**31, 10**17])
def test_refuses_quantity_above_maximum(buyer, followers, quantity):
    assert add(buyer, quantity=quantity) == {"error": "Quantity is too high"}


def test_refuses_a_quantity_that_no_column_holds(buyer, make_service):
    make_service(id=1, max=2**31 - 1, rate=0)

    assert add(buyer, service=1, quantity=2**31) == {"error": "Quantity is too high"}


@pytest.mark.parametrize("service", [1, 0, 2**31, 10**17])
def test_refuses_an_unknown_service(buyer, followers, service):
    assert add(buyer, service=service) == {"error": "Service is not active"}


def test_refuses_a_paused_service_on_the_next_request(buyer, followers):
    place(buyer, followers)
    Service.objects.filter(pk=followers.pk).update(is_active=False)

    assert add(buyer) == {"error": "Service is not active"}


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"service": ""}, "'service' is missing."),
        ({"service": "undefined"}, "'service' is missing."),
        ({"service": "abc"}, "'service' must be a whole number."),
        ({"service": "10.5"}, "'service' must be a whole number."),
        ({"service": "-1042"}, "'service' must be a whole number."),
        ({"link": ""}, "'link' is missing."),
        ({"link": "   "}, "'link' is missing."),
        ({"link": "null"}, "'link' is missing."),
        ({"link": "https://example.com/\nHost: x"}, "'link' must be one line of text."),
        ({"link": "x" * (LINK_MAX_CHARACTERS + 1)}, f"'link' may have {LINK_MAX_CHARACTERS} characters at most."),
        ({"quantity": ""}, "This service needs the parameter 'quantity'."),
        ({"quantity": "many"}, "'quantity' must be a whole number."),
        ({"quantity": "-1000"}, "'quantity' must be a whole number."),
        ({"quantity": "1000.5"}, "'quantity' must be a whole number."),
        ({"runs": "x", "interval": "5"}, "'runs' must be a whole number."),
        ({"runs": "1001", "interval": "5"}, "'runs' may be 1000 at most."),
        ({"runs": "5", "interval": "43201"}, "'interval' may be 43200 at most."),
    ],
)
def test_refuses_parameters_that_cannot_be(buyer, followers, params, detail):
    assert add(buyer, **params) == {"error": "Incorrect request", "detail": detail}


def test_takes_the_longest_link(buyer, followers):
    link = "https://example.com/".ljust(LINK_MAX_CHARACTERS, "x")

    place(buyer, followers, link=link)

    assert Order.objects.get().link == link


def test_keeps_links_that_are_no_addresses(buyer, followers):
    """Some services take a user name or a phone number as their link."""
    place(buyer, followers, link="  @your.handle  ")

    assert Order.objects.get().link == "@your.handle"


def test_takes_two_queries(buyer, followers, django_assert_num_queries):
    place(buyer, followers)
    body = {"key": key_of(buyer), "action": "add", "service": 1042, "link": LINK, "quantity": 1000}

    with django_assert_num_queries(2):
        response = post_api(body)

    assert list(response.json()) == ["order"]


def test_takes_two_queries_with_many_runs(buyer, followers, django_assert_num_queries):
    place(buyer, followers)
    body = {"key": key_of(buyer), "action": "add", "service": 1042, "link": LINK, "quantity": 5000}

    with django_assert_num_queries(2):
        post_api({**body, "runs": 100, "interval": 5})

    assert Run.objects.count() == 101


def test_refusals_take_one_query(customer, followers, django_assert_num_queries):
    call_api(customer, action="balance")
    body = {"key": key_of(customer), "action": "add", "service": 1042, "link": LINK, "quantity": 1000}
    post_api(body)

    with django_assert_num_queries(1):
        response = post_api(body)

    assert response.json() == {"error": "Insufficient balance"}
