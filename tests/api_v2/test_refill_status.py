"""`action=refill_status`: how refills stand."""

import pytest

from orders import refills
from orders.models import Refill
from tests.fixtures import call_api, funded, key_of, place, post_api, refused_api, report

pytestmark = pytest.mark.django_db

UNKNOWN = {"error": "Refill not found"}


@pytest.fixture
def refill(customer, followers):
    """The id of a fresh refill of the customer's order."""
    order_id = place(funded(customer, "10"), followers)
    report(order_id, "Completed")
    return int(call_api(customer, action="refill", order=order_id)["refill"])


@pytest.mark.parametrize("status", Refill.Status.values)
def test_tells_how_it_stands(customer, refill, status):
    refills.record_refill_status(refill, Refill.Status(status))

    response = post_api({"key": key_of(customer), "action": "refill_status", "refill": refill})

    assert response.content == b'{"status":"%s"}' % status.encode()


def test_answers_many_as_a_list_in_the_order_asked(customer, refill):
    assert call_api(customer, action="refill_status", refills=f"99999999,{refill},word") == [
        {"refill": 99999999, "status": UNKNOWN},
        {"refill": refill, "status": "Pending"},
        {"refill": "word", "status": UNKNOWN},
    ]


def test_one_id_in_refills_answers_a_list(customer, refill):
    assert call_api(customer, action="refill_status", refills=refill) == [{"refill": refill, "status": "Pending"}]


@pytest.mark.parametrize("unknown", [0, 99999999, 2**31, 10**17, "abc"])
def test_refuses_ids_that_are_no_refills(customer, refill, unknown):
    assert refused_api(customer, action="refill_status", refill=unknown) == UNKNOWN


def test_does_not_take_an_order_s_id(customer, refill):
    order_id = Refill.objects.get(pk=refill).order_id

    assert call_api(customer, action="refill_status", order=order_id) == {
        "error": "Incorrect request",
        "detail": "'refill' or 'refills' is missing.",
    }


def test_takes_two_queries_for_a_hundred_ids(customer, refill, django_assert_num_queries):
    ids = ",".join(map(str, range(refill, refill + 100)))
    body = {"key": key_of(customer), "action": "refill_status", "refills": ids}

    with django_assert_num_queries(2):
        response = post_api(body)

    assert len(response.json()) == 100
