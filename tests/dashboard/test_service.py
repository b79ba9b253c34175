"""One service with the past of its price, and the star that marks it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client

from accounts.registration import register_customer
from catalog import favourites
from catalog.models import Currency, CustomRate, Service, ServiceUpdate
from tests.dashboard.conftest import logged_in
from tests.dashboard.test_layout import INLINE

URL = "/services/1042/"
STAR = "/services/1042/favourite/"
HTMX = {"HX-Request": "true"}


def change(service, **values):
    Service.objects.filter(pk=service.pk).update(**values)


def told(page):
    return [(line.title, line.old, line.new) for line in page.context["lines"]]


@pytest.mark.parametrize("who", ["visitor", "browser", "staff_browser"])
def test_everybody_sees_it_without_inline_code(who, request, followers):
    change(followers, rate=Decimal("0.91"))
    page = (Client() if who == "visitor" else request.getfixturevalue(who)).get(URL)

    assert page.status_code == 200
    assert "Instagram Followers — Real &amp; Active" in page.text
    assert not INLINE.search(page.text), INLINE.search(page.text)


def test_tells_how_the_price_came_to_be(followers):
    change(followers, rate=Decimal("0.91"), max=5000)
    change(followers, rate=Decimal("0.80"))

    page = Client().get(URL)

    assert told(page) == [
        ("Rate", Decimal("0.91"), Decimal("0.80")),
        ("Rate", Decimal("0.85"), Decimal("0.91")),
        ("New", None, Decimal("0.85")),
    ]
    assert (page.context["chart"].low, page.context["chart"].high) == (Decimal("0.80"), Decimal("0.91"))
    assert '<svg class="rate-chart"' in page.text


def test_draws_steps_over_time(followers):
    change(followers, rate=Decimal("0.95"))
    ServiceUpdate.objects.filter(field="added").update(at=datetime(2026, 1, 1, tzinfo=UTC))
    chart = Client().get(URL).context["chart"]

    assert chart.line.startswith("M0 188H")
    assert chart.line.endswith("V12H1000")
    assert chart.area == f"{chart.line}V200H0Z"


def test_draws_nothing_where_nothing_changed(followers):
    page = Client().get(URL)

    assert page.context["chart"] is None
    assert '<svg class="rate-chart"' not in page.text


def test_history_is_public_prices_in_the_readers_currency(followers):
    Currency.objects.create(code="EUR", rate=Decimal("0.5"))
    user = register_customer(username="euro", email="euro@example.com", password="x", currency="EUR")
    CustomRate.objects.create(customer=user, service=followers, rate=Decimal("0.1"))
    change(followers, rate=Decimal("0.91"))

    page = logged_in(user).get(URL)

    assert told(page)[0] == ("Rate", Decimal("0.425"), Decimal("0.455"))
    assert page.context["price"].rate == Decimal("0.05")
    assert "Yours may differ." in page.text


def test_never_tells_what_it_costs_us(followers):
    followers.routes.update(cost=Decimal("0.31337"))

    assert "0.31337" not in Client().get(URL).text


def test_services_off_sale_are_not_there(followers, browser):
    change(followers, is_active=False)

    assert browser.get(URL).status_code == 404
    assert browser.get("/services/9/").status_code == 404
    assert browser.get(f"/services/{'9' * 30}/").status_code == 404


def test_costs_fixed_queries(browser, followers, django_assert_num_queries):
    browser.get(URL)
    # session, user, buyer, rates, favourites
    with django_assert_num_queries(5):
        browser.get(URL)


def test_the_star_marks_and_unmarks(customer, browser, followers):
    marked = browser.post(STAR, {"marked": "yes"}, headers=HTMX)
    browser.post(STAR, {"marked": "yes"}, headers=HTMX)

    assert 'aria-pressed="true"' in marked.text
    assert favourites.list_favourites(customer.pk) == {followers.pk}
    unmarked = browser.post(STAR, {"marked": "no"}, headers=HTMX)
    assert 'aria-pressed="false"' in unmarked.text
    assert favourites.list_favourites(customer.pk) == set()


def test_the_star_works_without_scripts(customer, browser, followers):
    page = browser.post(STAR, {"marked": "yes"})

    assert (page.status_code, page.url) == (302, URL)
    assert favourites.list_favourites(customer.pk) == {followers.pk}


def test_favourites_are_ones_own(customer, other_customer, browser, followers):
    favourites.add_favourite(customer_id=other_customer.pk, service_id=followers.pk)
    browser.post(STAR, {"marked": "no"})

    assert favourites.list_favourites(other_customer.pk) == {followers.pk}
    assert favourites.list_favourites(customer.pk) == set()


def test_services_off_sale_cannot_be_marked(customer, browser, followers):
    change(followers, is_active=False)

    assert browser.post(STAR, {"marked": "yes"}).status_code == 404
    assert browser.post("/services/9/favourite/", {"marked": "yes"}).status_code == 404
    assert favourites.list_favourites(customer.pk) == set()


def test_says_when_there_are_too_many(customer, browser, followers, make_service, monkeypatch):
    monkeypatch.setattr(favourites, "FAVOURITES_MAX", 1)
    favourites.add_favourite(customer_id=customer.pk, service_id=make_service().pk)

    star = browser.post(STAR, {"marked": "yes"}, headers=HTMX)

    assert 'aria-pressed="false"' in star.text
    assert "You have 1 favourites" in star.headers["HX-Trigger"]
    assert followers.pk not in favourites.list_favourites(customer.pk)


def test_strangers_are_asked_to_log_in(followers):
    assert Client().post(STAR, {"marked": "yes"}).url.startswith("/account/login/")
    assert Client().post(STAR, {"marked": "yes"}, headers=HTMX).headers["HX-Refresh"] == "true"


def test_marking_does_not_make_every_process_read_the_catalogue_again(customer, browser, followers):
    from catalog.models import CatalogVersion

    before = CatalogVersion.objects.get().version
    browser.post(STAR, {"marked": "yes"})

    assert CatalogVersion.objects.get().version == before
