"""The lists of drip-feeds and of refills."""

import pytest

from orders import listing, refills
from orders.models import Refill
from tests.fixtures import funded, place, report

DRIPFEEDS, REFILLS = "/orders/drip-feed/", "/orders/refills/"


@pytest.fixture
def rich(customer, other_customer):
    """The customer, and the other one, with money."""
    funded(other_customer, "100")
    return funded(customer, "100")


def drip(user, service):
    return place(user, service, quantity=1001, runs=3, interval=60)


def refilled(user, order_id):
    report(order_id, "Completed")
    return refills.request_refill(user_id=user.pk, order_id=order_id)


def test_dripfeeds_tell_their_progress(rich, other_customer, browser, followers):
    place(rich, followers)
    order_id = drip(rich, followers)
    drip(other_customer, followers)
    report(order_id, "Completed")

    page = browser.get(DRIPFEEDS)

    [row] = page.context["rows"]
    assert row.order.pk == order_id
    assert row.progress.runs_done == 1
    assert row.delivered == 333
    assert row.progress.next_at == row.order.runs.get(number=2).due_at
    assert row.progress.last_at == row.order.runs.get(number=3).due_at
    assert "1 of 3" in page.text
    assert "333 of 1,001" in page.text


def test_dripfeeds_follow_what_happens(rich, browser, followers):
    order_id = drip(rich, followers)
    watched = browser.get(DRIPFEEDS).context["watched"]

    assert browser.get(f"{DRIPFEEDS}live/", {"rows": watched}).context["rows"] == []
    report(order_id, "Completed")
    live = browser.get(f"{DRIPFEEDS}live/", {"rows": watched})

    assert [row.order.pk for row in live.context["rows"]] == [order_id]
    assert f'<template><tr id="order-{order_id}" hx-swap-oob="true">' in live.text


def test_refills_are_listed_newest_first(rich, other_customer, browser, followers):
    first = refilled(rich, place(rich, followers))
    refilled(other_customer, place(other_customer, followers))
    second = refilled(rich, place(rich, followers))

    page = browser.get(REFILLS)

    assert [refill.pk for refill in page.context["page"].rows] == [second, first]


def test_refills_follow_what_happens(rich, other_browser, browser, followers):
    refill_id = refilled(rich, place(rich, followers))
    watched = browser.get(REFILLS).context["watched"]

    assert browser.get(f"{REFILLS}live/", {"rows": watched}).context["refills"] == []
    assert other_browser.get(f"{REFILLS}live/", {"rows": f"{refill_id}-x"}).context["refills"] == []
    refills.record_refill_status(refill_id, Refill.Status.COMPLETED)
    live = browser.get(f"{REFILLS}live/", {"rows": watched})

    assert "Completed" in live.text
    assert "hx-get" not in live.text


@pytest.mark.parametrize(
    ("url", "size", "queries"),
    # session, user, rows, buyer; and the runs of drip-feeds
    [(DRIPFEEDS, "PAGE_DRIPFEEDS", 5), (REFILLS, "PAGE_REFILLS", 4)],
)
def test_both_page_by_key_with_fixed_queries(
    url, size, queries, rich, browser, followers, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(listing, size, 2)
    orders = [drip(rich, followers) if url == DRIPFEEDS else place(rich, followers) for _ in range(3)]
    ids = [refilled(rich, order_id) for order_id in orders] if url == REFILLS else orders

    with django_assert_num_queries(queries):
        page = browser.get(url)
    assert _ids(page) == ids[:0:-1]
    with django_assert_num_queries(queries):
        page = browser.get(url, {"before": page.context["page"].next_key})
    assert _ids(page) == ids[:1]
    assert page.context["page"].next_key is None
    assert browser.get(url, {"before": "x"}).status_code == 200
    assert browser.get(url, {"before": "1"}).status_code == 200


def _ids(page):
    return [row.pk for row in page.context["page"].rows]
