"""One order's page: its story, its money, canceling and refilling."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orders import cancellations, queries, refills, submission
from orders.models import Cancellation, Order, OrderEvent, Refill
from tests.fixtures import LINK, accept_due, balance_of, funded, nothing_moves, place, report


def _titles(page):
    return [step.title for step in page.context["steps"]]


@pytest.fixture
def order_id(customer: User, followers) -> int:
    """An order of 1,000 that nobody has sent yet, charged 0.85."""
    funded(customer, "10")
    return place(customer, followers)


@pytest.mark.parametrize("path", ["", "live/"])
def test_foreign_is_missing(path, order_id, other_browser):
    foreign = other_browser.get(f"/orders/{order_id}/{path}")
    missing = other_browser.get(f"/orders/{order_id + 1}/{path}")
    beyond = other_browser.get(f"/orders/{10**30}/{path}")

    assert foreign.status_code == missing.status_code == beyond.status_code == 404
    assert foreign.content == missing.content == beyond.content


@pytest.mark.parametrize("action", ["cancel", "refill"])
def test_foreign_orders_cannot_be_touched(action, order_id, other_browser):
    with nothing_moves():
        assert other_browser.post(f"/orders/{order_id}/{action}/").status_code == 404
        assert other_browser.post(f"/orders/{order_id + 1}/{action}/").status_code == 404


@pytest.mark.parametrize("action", ["cancel", "refill"])
def test_actions_need_post(action, order_id, browser):
    assert browser.get(f"/orders/{order_id}/{action}/").status_code == 405


def test_costs_fixed_queries(order_id, browser, django_assert_num_queries):
    # session, user, order, buyer, refills, runs, events, entries
    with django_assert_num_queries(8):
        browser.get(f"/orders/{order_id}/")
    report(order_id, "Partial", remains=400)
    # and the refunds
    with django_assert_num_queries(9):
        browser.get(f"/orders/{order_id}/")


def test_tells_a_partial_delivery_with_its_arithmetic(order_id, browser):
    report(order_id, "In progress", remains=900, start_count=12)
    report(order_id, "Partial", remains=400)

    page = browser.get(f"/orders/{order_id}/")

    assert _titles(page) == [
        "0.34 USD refunded",
        "Ended partially delivered",
        "Delivery started",
        "Sent for delivery",
        "Ordered through the API key “Test”",
    ]
    assert page.context["steps"][0].sum == "0.85000 × 400 ÷ 1,000 = 0.34000"
    assert page.context["net"] == Decimal("0.51")
    assert [(line.title, line.change, sum_) for line, sum_ in page.context["lines"]] == [
        ("Charge", Decimal("-0.85"), ""),
        ("Refund", Decimal("0.34"), "0.85000 × 400 ÷ 1,000 = 0.34000"),
    ]


def test_tells_a_second_refund_less_the_first(order_id, browser):
    report(order_id, "Partial", remains=400)
    run = Order.objects.get(pk=order_id).runs.get()
    cancellations.cancel_and_refund(order_id=order_id, reason="Dropped at once", actor_id=run.order.customer_id)

    page = browser.get(f"/orders/{order_id}/")

    sums = [step.sum for step in page.context["steps"] if step.sum]
    assert sums[0] == "all of 0.85000, less 0.34000 refunded before = 0.51000"
    assert "Canceled by our staff" in _titles(page)


def test_tells_every_kind_of_event(order_id, browser):
    told = {
        OrderEvent.Kind.REVIEW_OPENED: ({}, "Being checked by our staff"),
        OrderEvent.Kind.REVIEW_RESOLVED: ({"resolution": "resent"}, "Checked: it had not arrived and is sent again"),
        OrderEvent.Kind.REFILL_REQUESTED: ({"refill": 7}, "Refill 7 requested"),
        OrderEvent.Kind.REFILL_FINISHED: ({"refill": 7, "status": "Rejected"}, "Refill 7 rejected"),
        OrderEvent.Kind.CANCEL_REQUESTED: ({}, "Cancellation requested"),
        OrderEvent.Kind.HELD: ({}, "Being checked by our staff"),
        OrderEvent.Kind.RELEASED: ({"reason": "x"}, "Checked: it goes on to delivery"),
        OrderEvent.Kind.STAFF: ({"what": "canceled", "reason": "<i>x</i>"}, "Canceled by our staff"),
        OrderEvent.Kind.PROGRESS: ({"status": "Processing", "remains": 1000}, "Being prepared"),
        OrderEvent.Kind.FINISHED: ({"status": "Canceled", "remains": 1000}, "Canceled"),
        OrderEvent.Kind.SUBMITTED: ({"run": 1}, "Sent for delivery"),
    }
    for kind, (data, _) in told.items():
        OrderEvent.objects.create(order_id=order_id, kind=kind, data=data)

    page = browser.get(f"/orders/{order_id}/")

    assert set(_titles(page)) >= {title for _, title in told.values()}
    assert {*told, OrderEvent.Kind.PLACED, OrderEvent.Kind.REFUNDED} == set(OrderEvent.Kind)
    assert "<i>x</i>" not in page.text


def test_tells_what_staff_did_and_not_from_whom_we_buy(order_id, browser):
    told = {
        "cancel_requested": "Cancellation requested by our staff",
        "link_changed": "Link changed by our staff",
        "start_count_set": "Start count corrected by our staff",
        "partial_set": "Ended as partially delivered by our staff",
        "completed": "Marked as completed by our staff",
        "resent": "Checked: it goes on to delivery",
        "moved": "Checked: it goes on to delivery",
    }
    for what in told:
        data = {"what": what, "reason": f"why {what}", "provider": "Backup"}
        OrderEvent.objects.create(order_id=order_id, kind=OrderEvent.Kind.STAFF, data=data)

    page = browser.get(f"/orders/{order_id}/")

    assert set(_titles(page)) >= set(told.values())
    assert "why completed" in page.text
    for hidden in ("why resent", "why moved", "Backup"):
        assert hidden not in page.text


def test_shows_the_runs_of_a_drip_feed(customer, browser, followers):
    funded(customer, "10")
    order_id = place(customer, followers, quantity=1001, runs=3, interval=60)
    report(order_id, "Completed")

    page = browser.get(f"/orders/{order_id}/")

    assert [(run.quantity, run.delivered, run.word) for run in page.context["runs"]] == [
        (333, 333, "Completed"),
        (334, 0, "Scheduled"),
        (334, 0, "Scheduled"),
    ]
    assert page.context["runs_done"] == 1
    assert "1 of 3 runs done, one every 1 h" in page.text


def test_hides_what_the_provider_is_and_says(order_id, browser, provider):
    accept_due()
    run = Order.objects.get(pk=order_id).runs.get()
    type(provider).objects.update(name="Secret Supplier")

    text = browser.get(f"/orders/{order_id}/").text

    assert "Secret Supplier" not in text
    assert run.provider_order not in text


def test_polls_while_it_runs_and_stops_at_the_end(order_id, browser):
    assert "hx-get" in browser.get(f"/orders/{order_id}/").text
    assert "hx-get" in browser.get(f"/orders/{order_id}/live/").text
    report(order_id, "Completed")

    live = browser.get(f"/orders/{order_id}/live/").text
    assert "hx-get" not in live
    assert "<html" not in live


def test_polling_of_a_logged_out_page_reloads_it(order_id):
    answer = Client().get(f"/orders/{order_id}/live/")

    assert answer.headers["HX-Refresh"] == "true"
    assert LINK not in answer.text


def test_cancels_what_is_queued_and_refunds_it(order_id, customer, browser):
    page = browser.post(f"/orders/{order_id}/cancel/", follow=True)

    assert balance_of(customer) == Decimal(10)
    assert Order.objects.get(pk=order_id).status == "Canceled"
    assert "Cancellation requested" in page.text
    assert f"/orders/{order_id}/cancel/" not in page.text


def test_says_why_it_cannot_be_canceled(customer, browser, make_service):
    funded(customer, "10")
    order_id = place(customer, make_service(cancel=False))

    page = browser.get(f"/orders/{order_id}/")
    assert "This service cannot be canceled once ordered." in page.text
    assert f"/orders/{order_id}/cancel/" not in page.text
    with nothing_moves():
        page = browser.post(f"/orders/{order_id}/cancel/", follow=True)
    assert "This service cannot be canceled once ordered." in page.text


def test_refills_once_at_a_time(order_id, browser):
    report(order_id, "Completed")
    assert f"/orders/{order_id}/refill/" in browser.get(f"/orders/{order_id}/").text

    browser.post(f"/orders/{order_id}/refill/")
    page = browser.get(f"/orders/{order_id}/")

    refill = Refill.objects.get()
    assert f"Refill {refill.pk}, requested" in page.text
    assert f"/orders/{order_id}/refill/" not in page.text
    assert "hx-get" in page.text  # the refill is still on its way
    with nothing_moves():
        page = browser.post(f"/orders/{order_id}/refill/", follow=True)
    assert "no other refill of it is running" in page.text


@pytest.mark.parametrize(
    ("finished_days_ago", "archived"), [(366, False), (400, True)], ids=["window over", "archived"]
)
def test_offers_no_refill_that_would_be_refused(finished_days_ago, archived, order_id, browser):
    report(order_id, "Completed")
    ended = timezone.now() - timedelta(days=finished_days_ago)
    Order.objects.filter(pk=order_id).update(finished_at=ended, archived_at=timezone.now() if archived else None)

    page = browser.get(f"/orders/{order_id}/")

    assert f"/orders/{order_id}/refill/" not in page.text
    assert "This service has no refill, or the time for it is over." in page.text


@pytest.mark.parametrize("action", ["cancel", "refill"])
def test_suspended_customers_change_nothing(action, order_id, browser, suspend):
    if action == "refill":
        report(order_id, "Completed")
    suspend()

    assert f"/orders/{order_id}/{action}/" not in browser.get(f"/orders/{order_id}/").text
    with nothing_moves():
        browser.post(f"/orders/{order_id}/{action}/")


def test_buttons_say_what_the_domain_does(order_id, customer, browser):
    """The page's own rules must not drift from those of the operations."""
    submission.submit_next()
    page = browser.get(f"/orders/{order_id}/")
    assert page.context["can_cancel"]
    assert not page.context["can_refill"]

    cancellations.request_cancellation(user_id=customer.pk, order_id=order_id)
    assert not browser.get(f"/orders/{order_id}/").context["can_cancel"]
    assert Cancellation.objects.count() == 1

    report(order_id, "Partial", remains=10)
    page = browser.get(f"/orders/{order_id}/")
    assert not page.context["can_cancel"]
    assert page.context["can_refill"]
    refills.request_refill(user_id=customer.pk, order_id=order_id)


def test_live_part_is_sent_only_when_something_changed(order_id, browser):
    report(order_id, "In progress", remains=900)
    sign = browser.get(f"/orders/{order_id}/").context["sign"]

    assert browser.get(f"/orders/{order_id}/live/", {"shown": sign}).status_code == 204
    report(order_id, "In progress", remains=800)
    live = browser.get(f"/orders/{order_id}/live/", {"shown": sign})

    assert live.status_code == 200
    assert "200</span> of 1,000 delivered" in live.text


def test_tells_a_long_story_in_parts(order_id, browser, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_EVENTS", 2)
    report(order_id, "In progress", remains=900)
    report(order_id, "Completed")

    page = browser.get(f"/orders/{order_id}/")
    assert _titles(page) == ["Completed", "Delivery started"]
    earlier = browser.get(page.context["older_url"])
    assert _titles(earlier) == ["Sent for delivery", "Ordered through the API key “Test”"]
    assert "hx-get" not in earlier.text
    assert browser.get(f"/orders/{order_id}/", {"before": "x"}).context["steps"] == page.context["steps"]


def test_offers_the_same_again(customer, browser, followers):
    funded(customer, "10")
    plain = place(customer, followers, link="https://example.com/?a=1&b=2")
    drip = place(customer, followers, quantity=1000, runs=4, interval=30)

    for order_id, filled in (
        (plain, {"link": "https://example.com/?a=1&b=2", "quantity": "1000", "runs": None}),
        (drip, {"quantity": "1000", "runs": "4", "interval": "30"}),
    ):
        page = browser.get(browser.get(f"/orders/{order_id}/").context["again_url"])
        assert {name: page.context["form"][name].value() for name in filled} == filled
        assert page.context["preview"].quote is not None


def test_offers_the_same_comments_again(customer, browser, make_service):
    comments = make_service(type="Custom Comments")
    text = "Nice!\nGreat\n<b>Wow</b>" + "\nx" * 97
    order_id = place(funded(customer, "10"), comments, quantity=None, comments=text)

    page = browser.get(browser.get(f"/orders/{order_id}/").context["again_url"])

    assert page.context["form"]["comments"].value() == text
    assert page.context["preview"].quote.quantity == 100
    assert "<b>Wow" not in page.text


def test_offers_nothing_of_anothers_order_again(other_customer, browser, followers):
    order_id = place(funded(other_customer, "10"), followers, link="https://example.com/secret")

    for number in (order_id, 999_999, "x", "-1", "1" * 30):
        page = browser.get("/new-order/", {"again": number})
        assert (page.status_code, page.context["form"]) == (200, None)
        assert "secret" not in page.text


def test_leads_to_help_with_the_order(order_id, browser):
    assert f"/support/new/?subject=order&amp;orders={order_id}" in browser.get(f"/orders/{order_id}/").text
