"""The first page a customer sees: what there is, what runs, what to do first."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from content.models import News
from tests.dashboard.test_orders import ordered_at
from tests.fixtures import balance_of, funded, place, report

URL = "/dashboard/"


def test_counts_by_status_in_fixed_queries(customer, browser, followers, django_assert_num_queries):
    funded(customer, "100")
    for _ in range(3):
        place(customer, followers)
    # session, user, buyer, counts, recent orders, live key, updates (how far back, which), news, days, free orders
    with django_assert_num_queries(11):
        page = browser.get(URL)

    assert page.context["counts"]["Pending"] == 3
    assert len(page.context["recent"]) == 3


def test_offers_a_key_until_there_is_one(customer, browser, followers):
    assert "You have no API key yet" in browser.get(URL).text
    funded(customer, "1")
    place(customer, followers)

    assert "You have no API key yet" not in browser.get(URL).text


def test_shows_a_new_customer_what_to_do(customer, browser):
    page = browser.get(URL)

    assert "Three steps to your first order" in page.text
    assert "data-chart" not in page.text


def test_steps_go_once_there_is_an_order(customer, browser, followers):
    funded(customer, "1")
    place(customer, followers)

    assert "Three steps to your first order" not in browser.get(URL).text


def test_draws_what_was_spent(customer, browser, followers):
    funded(customer, "10")
    place(customer, followers)
    order_id = place(customer, followers)
    report(order_id, "Partial", remains=400)

    page = browser.get(URL)

    spend, orders = page.context["spend_chart"], page.context["orders_chart"]
    assert [(series.label, series.values[-1]) for series in spend.series] == [
        ("Charges", Decimal("1.70")),
        ("Refunds", Decimal("0.34")),
    ]
    assert (orders.series[0].values[-1], sum(orders.series[0].values)) == (2, 2)
    assert "</span>1.70 charged − <span" in page.text
    assert '<script id="spend-chart" type="application/json">' in page.text
    today = f"{datetime.now(UTC):%-d %b}"
    assert f'<th scope="row">{today}</th><td>1.70000</td><td>0.34000</td>' in page.text


def test_counts_orders_for_nothing(customer, other_customer, browser, followers, make_service):
    free = make_service(id=7, rate="0")
    funded(customer, "10")
    place(customer, followers)
    ids = [place(customer, free) for _ in range(4)]
    place(other_customer, free)
    now = datetime.now(UTC)
    ordered_at({ids[0]: now - timedelta(days=3), ids[1]: now - timedelta(days=30)})  # 30: before the first day

    page = browser.get(URL)

    values = page.context["orders_chart"].series[0].values
    assert (values[-1], values[-4], sum(values), page.context["order_count"]) == (3, 1, 4, 4)
    assert page.context["days"].spent == Decimal("0.85")


def test_a_free_order_that_was_refunded_for_nothing_counts_once(customer, browser, make_service):
    order_id = place(customer, make_service(id=7, rate="0"))
    report(order_id, "Canceled")

    assert browser.get(URL).context["order_count"] == 1


def test_figures_are_of_one_customer(customer, other_customer, browser, followers):
    funded(other_customer, "10")
    place(other_customer, followers)
    funded(customer, "10")
    place(customer, followers, quantity=100)

    assert browser.get(URL).context["days"].spent == Decimal("0.085")


def test_warns_of_a_low_balance_and_says_why(customer, browser, followers):
    funded(customer, "8")
    place(customer, followers, quantity=8000)

    page = browser.get(URL)

    assert balance_of(customer) == Decimal("1.2")
    assert "over the last 7 days you spent 0.97142 USD a day, so it lasts about 1 day." in page.text


def test_does_not_warn_while_the_balance_lasts(customer, browser, followers):
    funded(customer, "100")
    place(customer, followers)

    assert "Low balance" not in browser.get(URL).text


def test_tells_what_changed_in_the_services(customer, browser, followers):
    followers.rate = Decimal("0.95")
    followers.save(update_fields=["rate"])

    page = browser.get(URL)

    assert "Price up" in page.text
    assert page.context["updates"][0].title == "Rate"


def test_tells_the_operator_s_news(customer, browser):
    News.objects.create(title="Slower <b>today</b>", body="So it is.")
    News.objects.create(title="Later", body="Not yet.", published_at=datetime.now(UTC) + timedelta(days=1))

    text = browser.get(URL).text

    assert "Slower &lt;b&gt;today&lt;/b&gt;" in text
    assert "Later" not in text


@pytest.mark.parametrize("name", ["spend-chart", "orders-chart"])
def test_every_chart_has_its_data_and_its_table(customer, browser, followers, name):
    funded(customer, "1")
    place(customer, followers)

    text = browser.get(reverse("dashboard:overview")).text

    assert text.count(f'data-chart="{name}"') == text.count(f'<script id="{name}"') == 1
    assert text.count("<caption>") == 2
