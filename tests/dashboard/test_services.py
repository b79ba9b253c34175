"""The price list."""

from decimal import Decimal

import pytest
from django.test import Client

from accounts.registration import register_customer
from catalog.models import Currency, CustomRate, Discount
from dashboard.views import services
from tests.dashboard.conftest import logged_in

URL = "/services/"


def _rates(page):
    return {price.offer.id: price.rate for price in page.context["prices"]}


def test_visitors_see_public_rates(followers, usd):
    page = Client().get(URL)

    assert _rates(page) == {followers.pk: Decimal("0.85")}
    assert page.context["currency"] == "USD"


def test_customers_see_their_own_rates(customer, browser, followers, make_service):
    other = make_service(rate=Decimal(1))
    Discount.objects.create(customer=customer, percent=10)
    CustomRate.objects.create(customer=customer, service=followers, rate=Decimal("0.5"))

    assert _rates(browser.get(URL)) == {followers.pk: Decimal("0.5"), other.pk: Decimal("0.9")}
    assert _rates(Client().get(URL)) == {followers.pk: Decimal("0.85"), other.pk: Decimal(1)}


def test_customers_see_their_own_currency(followers):
    Currency.objects.create(code="EUR", rate=Decimal("0.5"))
    user = register_customer(username="euro", email="euro@example.com", password="x", currency="EUR")

    page = logged_in(user).get(URL)

    assert page.context["currency"] == "EUR"
    assert _rates(page) == {followers.pk: Decimal("0.425")}


@pytest.mark.parametrize("search", ["instagram REAL", "1042", "#1042", "followers instagram"])
def test_finds(search, followers, make_service):
    make_service(name="Views", category="YouTube")

    assert list(_rates(Client().get(URL, {"q": search}))) == [followers.pk]


def test_says_when_nothing_is_found(followers):
    assert "No service matches" in Client().get(URL, {"q": "nothing like this"}).text


def test_hides_paused_services(make_service):
    make_service(is_active=False)

    assert "Nothing on sale" in Client().get(URL).text


def test_pages(make_service, monkeypatch):
    monkeypatch.setattr(services, "PAGE_SERVICES", 2)
    ids = [make_service().pk for _ in range(3)]

    assert list(_rates(Client().get(URL))) == ids[:2]
    assert list(_rates(Client().get(URL, {"page": 2}))) == ids[2:]
    assert list(_rates(Client().get(URL, {"page": "x"}))) == ids[:2]


def test_costs_one_query_for_visitors(followers, django_assert_num_queries):
    Client().get(URL)  # the process now holds the catalogue
    with django_assert_num_queries(1):
        Client().get(URL)


def test_shows_hostile_names_as_text(make_service):
    make_service(name="<script>alert(1)</script>", description='"><img src=x onerror=alert(1)>')

    text = Client().get(URL).text

    assert "<script>alert" not in text
    assert "<img src=x" not in text
