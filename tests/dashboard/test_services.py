"""The price list."""

from decimal import Decimal

import pytest
from django.test import Client
from django.utils import translation

from accounts.registration import register_customer
from catalog import favourites
from catalog.models import Currency, CustomRate, Discount
from catalog.types import TYPES
from dashboard.refusals import sentence_for
from dashboard.views import services
from dashboard.words import TYPE_WORDS, type_word_for
from orders.errors import NotForMassOrders
from tests.dashboard.conftest import logged_in
from tests.fixtures import call_api, funded, place

URL = "/services/"
ROWS = "/services/rows/"
HTMX = {"HX-Request": "true"}


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


@pytest.mark.parametrize("search", ["instagram REAL", "1042", "#1042", "104", "followers instagram"])
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


def test_an_id_with_its_sign_is_no_other_id(followers):
    assert "No service matches" in Client().get(URL, {"q": "#104"}).text


def test_narrows_to_a_category(make_service):
    one = make_service(name="Likes", category="Instagram")
    make_service(name="Views", category="YouTube")

    assert list(_rates(Client().get(URL, {"category": "Instagram"}))) == [one.pk]
    assert list(_rates(Client().get(URL, {"category": "Instagram", "q": "views"}))) == []
    assert "No service matches" in Client().get(URL, {"category": "MySpace"}).text


def test_narrows_to_favourites(customer, browser, followers, make_service):
    make_service()

    assert "No favourites yet" in browser.get(URL, {"favourites": "on"}).text
    favourites.add_favourite(customer_id=customer.pk, service_id=followers.pk)
    assert list(_rates(browser.get(URL, {"favourites": "on"}))) == [followers.pk]
    assert "No favourites yet" in Client().get(URL, {"favourites": "on"}).text


def test_typing_swaps_the_table_and_keeps_the_address(followers, make_service):
    make_service(name="Views", category="YouTube")

    rows = Client().get(ROWS, {"q": "real", "category": ""}, headers=HTMX)

    assert list(_rates(rows)) == [followers.pk]
    assert "<html" not in rows.text
    assert ">1 service\n" in rows.text
    assert rows.headers["HX-Replace-Url"] == "/services/?q=real"
    on_landing = Client().get(ROWS, {"q": "real"}, headers={**HTMX, "HX-Current-URL": "http://testserver/?q=rea"})
    assert on_landing.headers["HX-Replace-Url"] == "/?q=real"
    elsewhere = Client().get(ROWS, headers={**HTMX, "HX-Current-URL": "https://elsewhere.example/nowhere"})
    assert elsewhere.headers["HX-Replace-Url"] == "/services/"


def test_scrolling_brings_more_rows_and_no_head_twice(make_service, monkeypatch):
    monkeypatch.setattr(services, "PAGE_SERVICES", 2)
    for category in ("Instagram", "Instagram", "Instagram", "YouTube"):
        make_service(category=category)

    first = Client().get(URL)
    more = Client().get(ROWS, {"page": 2}, headers=HTMX)

    assert f'hx-get="{ROWS}?page=2"' in first.text
    assert first.text.count('scope="rowgroup"') == 1
    assert more.text.lstrip().startswith("<tbody")
    assert more.text.count('scope="rowgroup"') == 1
    assert "YouTube</th>" in more.text
    assert "Show more" not in more.text


def test_costs_one_query_for_visitors(followers, django_assert_num_queries):
    Client().get(URL)  # the process now holds the catalogue
    with django_assert_num_queries(1):
        Client().get(URL)


def test_costs_fixed_queries_for_customers(browser, followers, django_assert_num_queries):
    browser.get(URL)
    # session, user, buyer, favourites
    with django_assert_num_queries(4):
        browser.get(URL)


def test_shows_hostile_names_as_text(make_service):
    make_service(name="<script>alert(1)</script>", description='"><img src=x onerror=alert(1)>')

    text = Client().get(URL).text

    assert "<script>alert" not in text
    assert "<img src=x" not in text


@pytest.fixture
def spanish(customer, browser):
    """A customer who reads Spanish."""
    customer.language = "es"
    customer.save(update_fields=["language"])
    return browser


def test_types_are_in_the_readers_language(customer, spanish, make_service):
    service = make_service(id=7, type="Custom Comments", min=1)

    assert "Comentarios personalizados" in spanish.get(URL).text
    assert "Comentarios personalizados" in spanish.get(f"{URL}7/").text
    order_id = place(funded(customer, "10"), service, comments="a\nb", quantity=2)
    assert "Comentarios personalizados" in spanish.get(f"/orders/{order_id}/").text
    assert "Custom Comments" in Client().get(URL).text
    assert call_api(customer, action="services")[0]["type"] == "Custom Comments"


@pytest.mark.parametrize("search", ["comentarios", "COMMENTS custom", "personalizados followers"])
def test_finds_by_type_in_every_language(spanish, make_service, search):
    make_service(id=7, type="Custom Comments")
    make_service(id=8)

    assert set(_rates(spanish.get(URL, {"q": search}))) == {7}


def test_every_type_has_a_word():
    assert TYPE_WORDS.keys() == TYPES.keys()
    with translation.override("en"):
        assert [type_word_for(name) for name in TYPES] == list(TYPES)
    with translation.override("es"):
        words = [type_word_for(name) for name in TYPES]
    assert len(set(words)) == len(TYPES)
    assert sum(word == name for word, name in zip(words, TYPES, strict=True)) == 1  # SEO


def test_a_refusal_names_the_type_in_the_readers_language():
    with translation.override("es"):
        assert "Paquete" in sentence_for(NotForMassOrders(service_type="Package"))
