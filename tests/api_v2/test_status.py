"""`action=status`: how orders stand, all in strings."""

from decimal import Decimal

import pytest
from django.utils import timezone

from orders.models import Order
from tests.fixtures import balance_of, call_api, funded, key_of, place, post_api, refused_api, report

pytestmark = pytest.mark.django_db

UNKNOWN = {"error": "Incorrect order ID"}


@pytest.fixture
def buyer(customer):
    return funded(customer, "10")


def status(user, order_id):
    return call_api(user, action="status", order=order_id)


def test_is_pending_with_start_count_zero_at_first(buyer, followers):
    order_id = place(buyer, followers)

    response = post_api({"key": key_of(buyer), "action": "status", "order": order_id})

    assert response.content == (
        b'{"charge":"0.85000","start_count":"0","status":"Pending","remains":"1000","currency":"USD"}'
    )


@pytest.mark.parametrize(
    ("reported", "remains", "expected"),
    [
        ("Pending", None, ("Pending", "1000", "0.85000")),
        ("Processing", None, ("Processing", "1000", "0.85000")),
        ("In progress", 240, ("In progress", "240", "0.85000")),
        ("Completed", 5, ("Completed", "0", "0.85000")),
        ("Partial", 240, ("Partial", "240", "0.64600")),
        ("Canceled", None, ("Canceled", "1000", "0.00000")),
    ],
)
def test_follows_the_provider(buyer, followers, reported, remains, expected):
    order_id = place(buyer, followers)

    report(order_id, reported, remains=remains, start_count=12450)

    answer = status(buyer, order_id)
    assert (answer["status"], answer["remains"], answer["charge"]) == expected
    assert answer["start_count"] == "12450"


def test_charge_is_net_of_what_the_wallet_got_back(buyer, followers):
    order_id = place(buyer, followers)
    report(order_id, "Partial", remains=333)

    answer = status(buyer, order_id)

    assert answer["charge"] == "0.56695"  # 0.85 less 0.28305
    assert balance_of(buyer) + Decimal(answer["charge"]) == 10


def test_shows_one_status_for_all_runs(buyer, followers):
    order_id = place(buyer, followers, runs=4, interval=60)
    report(order_id, "Completed", start_count=7)

    assert status(buyer, order_id) == {
        "charge": "0.85000",
        "start_count": "7",
        "status": "In progress",
        "remains": "750",
        "currency": "USD",
    }


@pytest.mark.parametrize("order", [1, 0, 2**31, 2**63, 10**17, "abc", "-1", "1;drop table", "１２３", "1_000", "ÿ"])
def test_refuses_ids_that_are_no_orders(buyer, followers, order):
    place(buyer, followers)

    assert refused_api(buyer, action="status", order=order) == UNKNOWN


def test_refuses_no_id(customer):
    assert refused_api(customer, action="status") == {
        "error": "Incorrect request",
        "detail": "'order' or 'orders' is missing.",
    }


def test_does_not_know_archived_orders(buyer, followers):
    order_id = place(buyer, followers)
    report(order_id, "Completed")
    Order.objects.filter(pk=order_id).update(archived_at=timezone.now())

    assert status(buyer, order_id) == UNKNOWN
    assert call_api(buyer, action="status", orders=order_id) == {str(order_id): UNKNOWN}


def test_answers_many_in_the_order_asked(buyer, followers):
    first, second = place(buyer, followers), place(buyer, followers, quantity=50)

    answer = call_api(buyer, action="status", orders=f"{second},99999999,{first},word")

    assert list(answer) == [str(second), "99999999", str(first), "word"]
    assert answer["99999999"] == answer["word"] == UNKNOWN
    assert answer[str(first)]["remains"] == "1000"
    assert answer[str(second)]["remains"] == "50"


def test_takes_two_queries_for_a_hundred_ids(buyer, followers, django_assert_num_queries):
    order_id = place(buyer, followers)
    body = {"key": key_of(buyer), "action": "status", "orders": ",".join(map(str, range(order_id, order_id + 100)))}

    with django_assert_num_queries(2):
        response = post_api(body)

    assert len(response.json()) == 100


def test_takes_two_queries_for_one(buyer, followers, django_assert_num_queries):
    body = {"key": key_of(buyer), "action": "status", "order": place(buyer, followers)}

    with django_assert_num_queries(2):
        response = post_api(body)

    assert response.json()["status"] == "Pending"
