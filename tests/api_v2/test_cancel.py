"""`action=cancel`: always a list; 1 means accepted."""

import pytest
from django.utils import timezone

from orders import cancellations, submission, tracking
from orders.models import Cancellation, Order, Run
from tests.fixtures import (
    accept_due,
    balance_of,
    call_api,
    funded,
    key_of,
    place,
    post_api,
    refused_api,
    report,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer(customer):
    return funded(customer, "10")


def cancel(user, *order_ids):
    return call_api(user, action="cancel", orders=",".join(map(str, order_ids)))


def test_refunds_a_queued_order_before_it_answers(buyer, followers):
    order_id = place(buyer, followers)

    response = post_api({"key": key_of(buyer), "action": "cancel", "orders": order_id})

    assert response.content == b'[{"order":%d,"cancel":1}]' % order_id
    assert balance_of(buyer) == 10
    assert call_api(buyer, action="status", order=order_id) == {
        "charge": "0.00000",
        "start_count": "0",
        "status": "Canceled",
        "remains": "1000",
        "currency": "USD",
    }


def test_waits_for_the_provider_when_the_order_is_there(buyer, followers):
    order_id = place(buyer, followers)
    report(order_id, "In progress", remains=600)

    assert cancel(buyer, order_id) == [{"order": order_id, "cancel": 1}]

    assert str(balance_of(buyer)) == "9.15000"
    assert Cancellation.objects.get().forward_at is not None
    report(order_id, "Partial", remains=600)
    assert str(balance_of(buyer)) == "9.66000"


def test_refunds_the_runs_that_have_not_left(buyer, followers):
    order_id = place(buyer, followers, runs=4, interval=60)
    accept_due()

    assert cancel(buyer, order_id) == [{"order": order_id, "cancel": 1}]

    assert sorted(Run.objects.values_list("state", flat=True)) == ["canceled", "canceled", "canceled", "submitted"]
    assert str(balance_of(buyer)) == "9.78750"


def test_accepts_twice_and_refunds_once(buyer, followers):
    order_id = place(buyer, followers)
    report(order_id, "In progress", remains=600)
    cancel(buyer, order_id)

    assert refused_api(buyer, action="cancel", orders=order_id) == [{"order": order_id, "cancel": 1}]
    assert Cancellation.objects.count() == 1


@pytest.mark.parametrize("final", ["Completed", "Partial", "Canceled"])
def test_refuses_final_orders(buyer, followers, final):
    order_id = place(buyer, followers)
    report(order_id, final, remains=10)

    assert refused_api(buyer, action="cancel", orders=order_id) == [
        {"order": order_id, "cancel": {"error": "Order already completed"}}
    ]


def test_refuses_a_second_time_after_a_refund(buyer, followers):
    order_id = place(buyer, followers)
    cancel(buyer, order_id)

    assert refused_api(buyer, action="cancel", orders=order_id) == [
        {"order": order_id, "cancel": {"error": "Order already completed"}}
    ]
    assert balance_of(buyer) == 10


def test_refuses_when_the_service_has_no_cancel(buyer, make_service):
    order_id = place(buyer, make_service(cancel=False))

    assert refused_api(buyer, action="cancel", orders=order_id) == [
        {"order": order_id, "cancel": {"error": "Cancel not available"}}
    ]


def test_a_final_order_is_completed_even_without_cancel(buyer, make_service):
    order_id = place(buyer, make_service(cancel=False))
    report(order_id, "Completed")

    assert refused_api(buyer, action="cancel", orders=order_id) == [
        {"order": order_id, "cancel": {"error": "Order already completed"}}
    ]


@pytest.mark.parametrize("order", [0, 1, 2**31, 10**17])
def test_refuses_unknown_ids_as_numbers(customer, order):
    assert refused_api(customer, action="cancel", orders=order) == [
        {"order": order, "cancel": {"error": "Incorrect order ID"}}
    ]


def test_refuses_ids_that_are_no_numbers_as_sent(customer):
    assert refused_api(customer, action="cancel", orders="abc,-1") == [
        {"order": "abc", "cancel": {"error": "Incorrect order ID"}},
        {"order": "-1", "cancel": {"error": "Incorrect order ID"}},
    ]


def test_does_not_know_archived_orders(buyer, followers):
    order_id = place(buyer, followers)
    report(order_id, "Completed")
    Order.objects.filter(pk=order_id).update(archived_at=timezone.now())

    assert cancel(buyer, order_id) == [{"order": order_id, "cancel": {"error": "Incorrect order ID"}}]


def test_takes_order_and_still_answers_a_list(buyer, followers):
    order_id = place(buyer, followers)

    assert call_api(buyer, action="cancel", order=order_id) == [{"order": order_id, "cancel": 1}]


def test_refuses_no_id(customer):
    assert refused_api(customer, action="cancel") == {
        "error": "Incorrect request",
        "detail": "'order' or 'orders' is missing.",
    }


def test_one_refusal_does_not_touch_the_others(buyer, followers):
    first, final, last = (place(buyer, followers) for _ in range(3))
    report(final, "Completed")
    untouched = place(buyer, followers)

    answer = cancel(buyer, first, final, 99999999, last)

    assert [item["cancel"] for item in answer] == [
        1,
        {"error": "Order already completed"},
        {"error": "Incorrect order ID"},
        1,
    ]
    assert Order.objects.get(pk=untouched).status == "Pending"


def test_the_request_reaches_the_provider(buyer, followers, settings):
    settings.SANDBOX_SPEED = 0.001  # at the provider, and not started there
    order_id = place(buyer, followers)
    assert submission.submit_next()
    cancel(buyer, order_id)

    assert cancellations.forward_cancellations() == 1

    Run.objects.update(poll_at=timezone.now())
    assert tracking.track_due() == 1
    assert call_api(buyer, action="status", order=order_id)["status"] == "Canceled"
    assert balance_of(buyer) == 10
