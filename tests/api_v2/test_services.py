"""`action=services`: the catalogue, nine keys a line, in the caller's prices."""

from decimal import Decimal

import pytest

from accounts import registration
from accounts.models import User
from api_v2.actions import RENDERED_MAX
from catalog import snapshot
from catalog.models import Category, Currency, CustomRate, Discount, Service
from tests.fixtures import PASSWORD, call_api, key_of, post_api

pytestmark = pytest.mark.django_db

KEYS = ["service", "name", "type", "category", "rate", "min", "max", "refill", "cancel"]


def rates(user):
    return {line["service"]: line["rate"] for line in call_api(user, action="services")}


def test_lists_exactly_nine_keys_in_order(customer, followers):
    (line,) = call_api(customer, action="services")

    assert list(line) == KEYS
    assert line == {
        "service": 1042,
        "name": "Instagram Followers — Real & Active",
        "type": "Default",
        "category": "Instagram › Followers",
        "rate": "0.85",
        "min": "50",
        "max": "100000",
        "refill": True,
        "cancel": True,
    }


def test_is_an_empty_list_when_nothing_is_on_sale(customer, make_service):
    make_service(is_active=False)

    assert post_api({"key": key_of(customer), "action": "services"}).content == b"[]"


@pytest.mark.parametrize(
    ("rate", "printed"),
    [
        ("1", "1.00"),
        ("0", "0.00"),
        ("0.5", "0.50"),
        ("0.85", "0.85"),
        ("0.001", "0.001"),
        ("0.00001", "0.00001"),
        ("12345.67890", "12345.6789"),
        ("1000000", "1000000.00"),
    ],
)
def test_prints_rates_with_two_to_five_decimals(customer, make_service, rate, printed):
    make_service(id=7, rate=Decimal(rate))

    assert rates(customer) == {7: printed}


def test_prints_text_as_it_is(customer, make_service):
    make_service(name='Ünïcode 🚀 "quotes" </script> & \\', category="Ящик")

    (line,) = call_api(customer, action="services")

    assert line["name"] == 'Ünïcode 🚀 "quotes" </script> & \\'
    assert line["category"] == "Ящик"


def test_lists_by_category_and_position(customer, make_service):
    late = Category.objects.create(name="Late", position=2)
    early = Category.objects.create(name="Early", position=1)
    make_service(id=1, category=late.name)
    make_service(id=2, category=early.name, position=2)
    make_service(id=3, category=early.name, position=1)

    assert [line["service"] for line in call_api(customer, action="services")] == [3, 2, 1]


def test_adds_three_keys_on_request(customer, make_service):
    make_service(id=1, dripfeed=True, description="Starts fast", average_minutes=90)
    make_service(id=2)

    first, second = call_api(customer, action="services", extras=1)

    assert list(first) == [*KEYS, "dripfeed", "desc", "average_time"]
    assert (first["dripfeed"], first["desc"], first["average_time"]) == (True, "Starts fast", "90")
    assert (second["dripfeed"], second["desc"], second["average_time"]) == (False, "", "")
    assert list(call_api(customer, action="services")[0]) == KEYS


def test_shows_a_pause_on_the_next_request(customer, followers):
    assert rates(customer) == {1042: "0.85"}

    Service.objects.filter(pk=followers.pk).update(is_active=False)

    assert rates(customer) == {}


def test_shows_a_price_change_on_the_next_request(customer, followers):
    assert rates(customer) == {1042: "0.85"}

    Service.objects.filter(pk=followers.pk).update(rate=Decimal("0.9"))

    assert rates(customer) == {1042: "0.90"}


def test_shows_own_prices_to_their_owner_only(customer, other_customer, make_service):
    make_service(id=1, rate=Decimal(2))
    make_service(id=2, rate=Decimal(2))
    CustomRate.objects.create(customer=customer, service_id=1, rate=Decimal("1.5"))
    Discount.objects.create(customer=customer, percent=Decimal(10))

    assert rates(customer) == {1: "1.50", 2: "1.80"}
    assert rates(other_customer) == {1: "2.00", 2: "2.00"}


def test_prices_in_the_wallet_s_currency(usd, followers):
    Currency.objects.create(code="EUR", symbol="€", rate=Decimal("0.9"))
    european = registration.register_customer(
        username="european", email="eu@example.com", password=PASSWORD, currency="EUR"
    )

    assert rates(european) == {1042: "0.765"}


def test_takes_one_query_once_the_catalogue_is_in_memory(customer, followers, django_assert_num_queries):
    call_api(customer, action="services")
    key = key_of(customer)

    with django_assert_num_queries(1):
        response = post_api({"key": key, "action": "services"})

    assert response.json()[0]["service"] == 1042


def test_keeps_a_bounded_number_of_rendered_lists(usd, followers):
    for number in range(RENDERED_MAX + 3):
        user = registration.register_customer(username=f"c{number}", email=f"c{number}@example.com", password=PASSWORD)
        Discount.objects.create(customer=user, percent=Decimal(number))

    for user in User.objects.filter(username__startswith="c"):
        call_api(user, action="services")

    assert len(snapshot._current.derived) == RENDERED_MAX
