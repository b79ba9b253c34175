"""Cancel and refill from the list: one order without leaving it, many at once with the outcome of each."""

import pytest

from orders.models import Cancellation, Order, Refill
from tests.fixtures import balance_of, funded, nothing_moves, place, report

HTMX = {"HX-Request": "true"}


@pytest.fixture
def order_id(customer, followers):
    """An order of 1,000 that nobody has sent yet, charged 0.85."""
    funded(customer, "10")
    return place(customer, followers)


def test_cancels_one_in_its_row(order_id, customer, browser):
    answer = browser.post(f"/orders/{order_id}/cancel/", headers=HTMX)

    assert answer.text.startswith(f'<tr id="order-{order_id}">')
    assert "Canceled" in answer.text
    assert '"tone": "success"' in answer.headers["HX-Trigger"]
    assert Order.objects.get().status == "Canceled"
    assert str(balance_of(customer)) == "10.00000"


def test_refusal_of_one_is_a_toast(order_id, browser):
    report(order_id, "Completed")
    with nothing_moves():
        answer = browser.post(f"/orders/{order_id}/cancel/", headers=HTMX)

    assert "This order has ended" in answer.headers["HX-Trigger"]
    assert '"tone": "danger"' in answer.headers["HX-Trigger"]


def test_foreign_orders_are_missing_for_htmx_too(order_id, other_browser):
    with nothing_moves():
        assert other_browser.post(f"/orders/{order_id}/cancel/", headers=HTMX).status_code == 404


def test_cancels_the_selected_and_tells_the_outcome_of_each(order_id, customer, other_customer, browser, followers):
    funded(other_customer, "10")
    theirs = place(other_customer, followers)
    ended = place(customer, followers)
    report(ended, "Completed")
    again = place(customer, followers)

    answer = browser.post("/orders/cancel/", {"order": [order_id, ended, theirs, again, again]}, headers=HTMX)

    assert [(outcome.order_id, outcome.is_done) for outcome in answer.context["outcomes"]] == [
        (order_id, True),
        (ended, False),
        (theirs, False),
        (again, True),
    ]
    assert "None of your orders has this ID." in answer.text
    assert "2 of 4 orders" in answer.text
    assert f'<template><tr id="order-{order_id}" hx-swap-oob="true">' in answer.text
    assert f'id="order-{theirs}"' not in answer.text
    assert set(Cancellation.objects.values_list("order_id", flat=True)) == {order_id, again}
    assert Order.objects.get(pk=theirs).status == "Pending"


def test_refills_the_selected(order_id, customer, browser, followers):
    report(order_id, "Completed")
    waiting = place(customer, followers)

    page = browser.post("/orders/refill/", {"order": [order_id, waiting]})

    assert [outcome.is_done for outcome in page.context["outcomes"]] == [True, False]
    assert "<html" in page.text  # without htmx: a page of its own
    refill = Refill.objects.get()
    assert (refill.order_id, refill.customer_id) == (order_id, customer.pk)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([], "Select the orders first."),
        (["x", "-1", "9" * 30], "Select the orders first."),
        (list(range(1, 102)), "Up to 100 orders can be changed at once; these are 101."),
    ],
)
@pytest.mark.parametrize("deed", ["cancel", "refill"])
def test_senseless_selections_change_nothing(deed, sent, said, order_id, browser):
    with nothing_moves():
        answer = browser.post(f"/orders/{deed}/", {"order": sent}, headers=HTMX)

    assert said in answer.text
    assert answer.context["outcomes"] == []


@pytest.mark.parametrize("deed", ["cancel", "refill"])
def test_suspended_customers_change_nothing(deed, order_id, browser, suspend):
    suspend()
    with nothing_moves():
        answer = browser.post(f"/orders/{deed}/", {"order": [order_id]}, headers=HTMX)

    assert "Your account is suspended" in answer.text
    assert browser.get(f"/orders/{deed}/").status_code == 405
