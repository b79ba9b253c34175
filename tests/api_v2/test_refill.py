"""`action=refill`: the id as text for one order, as numbers for many."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import REFILL_DAYS_MAX, Service
from orders import refills
from orders.models import Order, Refill
from tests.fixtures import call_api, funded, key_of, place, post_api, refused_api, report

pytestmark = pytest.mark.django_db

NOT_ELIGIBLE = {"error": "Order not eligible for refill"}
NOT_AVAILABLE = {"error": "Refill not available"}
UNKNOWN = {"error": "Incorrect order ID"}


@pytest.fixture
def buyer(customer):
    return funded(customer, "10")


@pytest.fixture
def delivered(buyer, followers):
    """The id of a completed order."""
    order_id = place(buyer, followers)
    report(order_id, "Completed")
    return order_id


def refused(user, order_id):
    """Ask for a refill alone and in a batch; both refuse in the same words, which are returned."""
    single = refused_api(user, action="refill", order=order_id)
    assert refused_api(user, action="refill", orders=order_id) == [{"order": order_id, "refill": single}]
    return single


def test_opens_one_and_answers_text(buyer, delivered):
    response = post_api({"key": key_of(buyer), "action": "refill", "order": delivered})

    refill = Refill.objects.get()
    assert response.content == b'{"refill":"%d"}' % refill.pk
    assert (refill.order_id, refill.status) == (delivered, "Pending")


def test_opens_many_and_answers_numbers(buyer, followers, delivered):
    second = place(buyer, followers)
    report(second, "Partial", remains=10)

    answer = call_api(buyer, action="refill", orders=f"{delivered},{second},99999999")

    first_refill, second_refill = Refill.objects.order_by("id").values_list("pk", flat=True)
    assert answer == [
        {"order": delivered, "refill": first_refill},
        {"order": second, "refill": second_refill},
        {"order": 99999999, "refill": UNKNOWN},
    ]


def test_one_id_in_orders_answers_a_list(buyer, delivered):
    answer = call_api(buyer, action="refill", orders=delivered)

    assert answer == [{"order": delivered, "refill": Refill.objects.get().pk}]


@pytest.mark.parametrize("status", ["Pending", "Processing", "In progress", "Canceled"])
def test_refuses_orders_that_are_not_delivered(buyer, followers, status):
    order_id = place(buyer, followers)
    report(order_id, status)

    assert refused(buyer, order_id) == NOT_ELIGIBLE


def test_refuses_while_a_refill_is_open(buyer, delivered):
    call_api(buyer, action="refill", order=delivered)

    assert refused(buyer, delivered) == NOT_ELIGIBLE


@pytest.mark.parametrize("ended", [Refill.Status.COMPLETED, Refill.Status.REJECTED])
def test_opens_again_after_the_last_one_ended(buyer, delivered, ended):
    call_api(buyer, action="refill", order=delivered)
    refills.record_refill_status(Refill.objects.get().pk, ended)

    call_api(buyer, action="refill", order=delivered)

    assert Refill.objects.count() == 2


def test_refuses_when_the_service_has_no_refill(buyer, make_service):
    order_id = place(buyer, make_service(refill=False))
    report(order_id, "Completed")

    assert refused(buyer, order_id) == NOT_AVAILABLE


def test_refuses_when_the_window_is_over(buyer, followers, delivered):
    window = timedelta(days=followers.refill_days)
    Order.objects.filter(pk=delivered).update(finished_at=timezone.now() - window - timedelta(minutes=1))

    assert refused(buyer, delivered) == NOT_AVAILABLE


def test_opens_on_the_window_s_last_day(buyer, delivered):
    Order.objects.filter(pk=delivered).update(finished_at=timezone.now() - timedelta(days=365) + timedelta(minutes=1))

    assert list(call_api(buyer, action="refill", order=delivered)) == ["refill"]


def test_the_window_is_the_service_s_own(buyer, followers, delivered):
    Service.objects.filter(pk=followers.pk).update(refill_days=30)
    Order.objects.filter(pk=delivered).update(finished_at=timezone.now() - timedelta(days=31))

    assert refused(buyer, delivered) == NOT_AVAILABLE


def test_opens_within_the_longest_window(buyer, followers, delivered):
    Service.objects.filter(pk=followers.pk).update(refill_days=REFILL_DAYS_MAX)

    assert list(call_api(buyer, action="refill", order=delivered)) == ["refill"]


@pytest.mark.parametrize("order", [0, 1, 2**31, 10**17])
def test_refuses_unknown_ids(customer, order):
    assert refused(customer, order) == UNKNOWN


@pytest.mark.parametrize("order", ["abc", "-1", "1_0"])
def test_refuses_ids_that_are_no_numbers_as_sent(customer, order):
    assert refused(customer, order) == UNKNOWN


def test_does_not_know_archived_orders(buyer, delivered):
    Order.objects.filter(pk=delivered).update(archived_at=timezone.now())

    assert refused(buyer, delivered) == UNKNOWN


def test_refuses_no_id(customer):
    assert refused_api(customer, action="refill") == {
        "error": "Incorrect request",
        "detail": "'order' or 'orders' is missing.",
    }
