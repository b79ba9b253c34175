"""Ordering on the website."""

from decimal import Decimal

import pytest
from django.test import Client

from catalog.types import TYPES
from dashboard.forms import LABELS
from orders.models import Order
from tests.fixtures import LINK, balance_of, funded, nothing_moves

URL = "/new-order/"


def _order(browser, service, **fields):
    return browser.post(URL, {"service": service.pk, "link": LINK, **fields})


def test_places_an_order_and_shows_it(customer, browser, followers):
    funded(customer, "1")

    page = _order(browser, followers, quantity=1000)

    order = Order.objects.get()
    assert page.status_code == 302
    assert page.url == f"/orders/{order.pk}/"
    assert (order.customer, order.api_key, order.link, order.quantity) == (customer, None, LINK, 1000)
    assert balance_of(customer) == Decimal("0.15")


def test_places_a_drip_feed(customer, browser, followers):
    funded(customer, "1")

    _order(browser, followers, quantity=1000, runs=5, interval=60)

    order = Order.objects.get()
    assert (order.run_count, order.interval_minutes, order.charge) == (5, 60, Decimal("0.85"))


def test_counts_comments(customer, browser, make_service):
    funded(customer, "1")
    service = make_service(type="Custom Comments", min=1)

    _order(browser, service, comments="one\r\n\r\n two \rthree\n")

    order = Order.objects.get()
    assert order.quantity == 3
    assert order.parameters == {"comments": ["one", "two", "three"]}


@pytest.mark.parametrize("name", TYPES)
def test_asks_for_the_fields_of_every_type(name, browser, make_service):
    service = make_service(type=name, min=1, max=5000)

    form = browser.get(URL, {"service": service.pk}).context["form"]

    kind = TYPES[name]
    expected = {"link", *kind.required, *kind.optional} | ({"quantity"} if kind.quantity == "quantity" else set())
    assert set(form.fields) == expected
    assert expected - {"link", "quantity"} <= set(LABELS)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"quantity": 49}, "quantity", "Too few: 49. The minimum of this service is 50."),
        ({"quantity": 100_001}, "quantity", "Too many: 100,001. The maximum of this service is 100,000."),
        ({"quantity": ""}, "quantity", "This field is required."),
        ({"quantity": "1e3"}, "quantity", "Enter a whole number."),
        ({"quantity": 1000, "link": ""}, "link", "This field is required."),
        (
            {"quantity": 1000, "link": "x" * 2049},
            "link",
            "Ensure this value has at most 2048 characters (it has 2049).",
        ),
        ({"quantity": 1000, "runs": 5}, "interval", "Fill in both runs and interval, or leave both empty."),
        ({"quantity": 1000, "interval": 5}, "runs", "Fill in both runs and interval, or leave both empty."),
        ({"quantity": 1000, "runs": 1001, "interval": 5}, "runs", "Ensure this value is less than or equal to 1000."),
        (
            {"quantity": 100, "runs": 5, "interval": 5},
            "quantity",
            "A run would have only 20. The minimum of this service is 50 in each run.",
        ),
        ({"quantity": 100_000}, "__all__", "This order costs 85.00 USD, your balance is 1.00 USD."),
    ],
)
def test_refuses_beside_the_field(fields, field, sentence, customer, browser, followers):
    funded(customer, "1")

    with nothing_moves():
        page = _order(browser, followers, **fields)

    assert page.status_code == 200
    assert page.context["form"].errors[field] == [sentence]


def test_refuses_too_few_comments_beside_them(customer, browser, make_service):
    funded(customer, "1")
    service = make_service(type="Custom Comments", min=2)

    with nothing_moves():
        page = _order(browser, service, comments="one")
        empty = _order(browser, service, comments=" \n ")

    assert page.context["form"].errors["comments"] == ["Too few: 1. The minimum of this service is 2."]
    assert empty.context["form"].errors["comments"] == ["This field is required."]


def test_says_that_a_service_is_gone(customer, browser, followers, make_service):
    make_service()
    funded(customer, "1")
    followers.is_active = False
    followers.save(update_fields=["is_active"])

    with nothing_moves():
        page = _order(browser, followers, quantity=1000)

    assert "This service is no longer on sale." in page.text


@pytest.mark.parametrize("service", ["", "x", "9" * 40, "-1", "１"])
def test_senseless_services_show_the_choice(service, browser, followers):
    assert browser.get(URL, {"service": service}).context["form"] is None
    assert browser.post(URL, {"service": service}).status_code == 200


def test_suspended_customers_cannot_order(customer, browser, followers, suspend):
    funded(customer, "1")
    suspend()

    with nothing_moves():
        page = _order(browser, followers, quantity=1000)

    assert page.context["form"].non_field_errors() == [
        "Your account is suspended. Contact support to have it looked at."
    ]


def test_staff_without_a_wallet_cannot_order(staff_browser, followers):
    with nothing_moves():
        assert _order(staff_browser, followers, quantity=1000).status_code == 200


def test_chooses_by_category_and_by_search(browser, make_service):
    one = make_service(name="Likes", category="Instagram")
    two = make_service(name="Views", category="YouTube")

    def choices(**query):
        context = browser.get(URL, query).context
        return [offer.id for offer in context["choices"]], context["price"] and context["price"].offer.id

    assert choices() == ([one.pk], None)
    assert choices(category="YouTube") == ([two.pk], None)
    assert choices(category="YouTube", service=one.pk) == ([two.pk], None)
    assert choices(service=two.pk) == ([two.pk], two.pk)
    assert choices(q="youtube views", service=one.pk) == ([two.pk], None)
    assert choices(q=f"#{one.pk}") == ([one.pk], None)


def test_costs_fixed_queries(customer, browser, followers, django_assert_num_queries):
    browser.get(URL)  # the process now holds the catalogue
    # session, user, buyer
    with django_assert_num_queries(3):
        browser.get(URL, {"service": followers.pk})


def test_needs_a_token_against_forged_forms(customer, followers):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(customer, backend="allauth.account.auth_backends.AuthenticationBackend")
    with nothing_moves():
        page = _order(forged, followers, quantity=1000)

    assert page.status_code == 403
    assert "Please try again" in page.text
