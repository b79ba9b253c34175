"""Ordering on the website."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.test import Client

from accounts.models import User
from catalog import favourites
from catalog.types import TYPES
from dashboard.forms import LABELS
from dashboard.views import new_order
from orders.models import Order, Run
from tests.fixtures import LINK, balance_of, funded, nothing_moves, place, report

URL = "/new-order/"
CHOICES = "/new-order/services/"
PREVIEW = "/new-order/preview/"
HTMX = {"HX-Request": "true"}


def _order(browser, service, **fields):
    return browser.post(URL, {"service": service.pk, "link": LINK, **fields})


def test_places_an_order_and_shows_it(customer, browser, followers):
    funded(customer, "1")

    page = _order(browser, followers, quantity=1000)

    order = Order.objects.get()
    assert page.status_code == 302
    assert page.url == f"/new-order/?placed={order.pk}&service={followers.pk}"
    assert (order.customer, order.api_key, order.link, order.quantity) == (customer, None, LINK, 1000)
    assert balance_of(customer) == Decimal("0.15")


def test_shows_the_order_just_placed_and_is_ready_for_the_next(customer, browser, followers):
    funded(customer, "1")

    page = browser.get(_order(browser, followers, quantity=1000).url)

    order = Order.objects.get()
    assert f"Order {order.pk} is placed" in page.text
    assert "Your balance is 0.15 USD." in page.text
    assert f'href="/orders/{order.pk}/"' in page.text
    again = f"/new-order/?service={followers.pk}&amp;link=https%3A%2F%2Finstagram.com%2Fyour_handle&amp;quantity=1000"
    assert again in page.text
    assert page.context["form"]["link"].value() is None


@pytest.mark.parametrize("placed", ["", "x", "9" * 10, "9" * 40, "-1", "１"])
def test_takes_any_number_as_just_placed(placed, browser, followers):
    assert browser.get(URL, {"placed": placed}).context["placed"] is None


def test_shows_nobody_elses_order_as_just_placed(other_customer, browser, followers):
    funded(other_customer, "1")
    order_id = place(other_customer, followers)

    page = browser.get(URL, {"placed": order_id})

    assert page.context["placed"] is None
    assert "is placed" not in page.text


def test_takes_what_an_address_brings(customer, browser, followers):
    funded(customer, "1")

    page = browser.get(URL, {"service": followers.pk, "link": LINK, "quantity": 1000, "runs": 5, "interval": 60})

    assert [page.context["form"][name].value() for name in ("link", "quantity", "runs")] == [LINK, "1000", "5"]
    assert page.context["form"].errors == {}
    assert (page.context["preview"].quote.charge, page.context["preview"].left) == (Decimal("0.85"), Decimal("0.15"))
    assert "5 runs, if you order now" in page.text


def test_what_an_address_brings_stays_while_choosing_another_service(browser, followers, make_service):
    other = make_service()

    page = browser.get(URL, {"link": LINK, "quantity": "<1>"})

    assert f"?service={other.pk}&amp;link=https%3A%2F%2Finstagram.com%2Fyour_handle&amp;quantity=%3C1%3E" in page.text


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


def test_browses_by_category_and_searches(browser, make_service):
    one = make_service(name="Likes", category="Instagram")
    two = make_service(name="Views", category="YouTube")

    def choices(**query):
        return [price.offer.id for price in browser.get(CHOICES, query, headers=HTMX).context["prices"]]

    assert choices() == [one.pk, two.pk]
    assert choices(category="YouTube") == [two.pk]
    assert choices(q="youtube views") == [two.pk]
    assert choices(q=f"#{one.pk}") == [one.pk]
    assert choices(q="views", category="Instagram") == []
    assert "No service matches" in browser.get(CHOICES, {"q": "nothing"}, headers=HTMX).text


def test_search_puts_the_likeliest_first(customer, browser, make_service):
    by_category = make_service(name="Watch time", category="Likes and views")
    by_name = make_service(name="Likes")
    marked = make_service(name="More likes")
    by_id = make_service(name="Anything")
    favourites.add_favourite(customer_id=customer.pk, service_id=marked.pk)

    def choices(search):
        return [price.offer.id for price in browser.get(CHOICES, {"q": search}).context["prices"]]

    assert choices("likes") == [marked.pk, by_name.pk, by_category.pk]
    assert choices(str(by_id.pk))[0] == by_id.pk


def test_favourites_come_first_and_can_be_chosen_alone(customer, browser, followers, make_service):
    marked = make_service(name="Marked", category="YouTube")
    assert "No favourites yet" in browser.get(CHOICES, {"category": "favourites"}, headers=HTMX).text
    favourites.add_favourite(customer_id=customer.pk, service_id=marked.pk)

    page = browser.get(URL)
    alone = browser.get(CHOICES, {"category": "favourites"}, headers=HTMX)

    assert page.text.index(f'id="favourite-{marked.pk}"') < page.text.index(f'id="choice-{followers.pk}"')
    assert [price.offer.id for price in alone.context["prices"]] == [marked.pk]


def test_lists_a_bounded_number(browser, make_service, monkeypatch):
    monkeypatch.setattr(new_order, "CHOICES_MAX", 2)
    for _ in range(3):
        make_service()

    page = browser.get(URL)

    assert page.text.count('role="option"') == 2
    assert "1 more." in page.text


def test_what_is_listed_is_a_listbox_of_options(browser, followers):
    page = browser.get(URL).text

    assert 'role="combobox" aria-expanded="true" aria-controls="choices"' in page
    assert '<div id="choices" role="listbox"' in page


def _preview(browser, service, **fields):
    return browser.post(PREVIEW, {"service": service.pk, "link": LINK, **fields}, headers=HTMX)


def test_preview_tells_charge_and_what_is_left(customer, browser, followers):
    funded(customer, "1")

    with nothing_moves():
        page = _preview(browser, followers, quantity=1000)

    assert "0.85 USD</output>" in page.text
    assert "0.15 USD</output>" in page.text
    assert "errorlist" not in page.text


def test_preview_plans_the_runs_on_the_readers_clock(customer, browser, followers):
    funded(customer, "1")
    User.objects.filter(pk=customer.pk).update(time_zone="Asia/Tokyo")

    page = _preview(browser, followers, quantity=1003, runs=7, interval=90)
    _order(browser, followers, quantity=1003, runs=7, interval=90)

    runs = page.context["preview"].runs
    assert [run.quantity for run in runs] == list(Run.objects.order_by("number").values_list("quantity", flat=True))
    assert {second.at - first.at for first, second in pairwise(runs)} == {timedelta(minutes=90)}
    assert "2 more runs" in page.text
    assert page.text.count("<time ") == 5
    assert "Times: Tokyo" in page.text


def test_preview_says_what_is_short(customer, browser, followers):
    funded(customer, "1")

    page = _preview(browser, followers, quantity=10_000)

    assert "Your balance is 7.50 USD short." in page.text
    assert page.context["preview"].left == 0


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"quantity": 49}, "quantity", "Too few: 49. The minimum of this service is 50."),
        ({"quantity": 100_001}, "quantity", "Too many: 100,001. The maximum of this service is 100,000."),
        ({"quantity": "1e3"}, "quantity", "Enter a whole number."),
        ({"quantity": 100, "runs": 5, "interval": 5}, "quantity", "A run would have only 20."),
    ],
)
def test_preview_refuses_beside_the_field(fields, field, sentence, customer, browser, followers):
    funded(customer, "1")

    page = _preview(browser, followers, **fields)

    assert sentence in page.text.split(f"innerHTML:#id_{field}_said")[1].split("</div>")[0]
    assert page.context["preview"].quote is None


def test_preview_does_not_complain_of_what_is_still_empty(customer, browser, followers, make_service):
    empty = browser.post(PREVIEW, {"service": followers.pk, "link": "", "quantity": "", "runs": ""}, headers=HTMX)
    half = _preview(browser, followers, quantity=1000, runs=5, interval="")
    comments = _preview(browser, make_service(type="Custom Comments"), comments=" ")

    assert all("errorlist" not in page.text for page in (empty, half, comments))
    assert "Fill in both runs and interval" in half.text


def test_preview_warns_of_an_unfinished_order_on_the_same_link(customer, other_customer, browser, followers):
    funded(other_customer, "1")
    place(other_customer, followers)
    assert "is not finished" not in _preview(browser, followers, quantity=1000).text
    funded(customer, "2")
    order_id = place(customer, followers)

    warned = _preview(browser, followers, quantity=1000)

    assert f"Order {order_id} on this link is not finished" in warned.text
    assert "is not finished" not in _preview(browser, followers, quantity=1000, link=f"{LINK}2").text
    report(order_id, "Completed", remains=0)
    assert "is not finished" not in _preview(browser, followers, quantity=1000).text


def test_preview_and_choices_of_strangers_reload_the_page(followers, db):
    assert _preview(Client(), followers, quantity=1).headers["HX-Refresh"] == "true"
    assert Client().get(CHOICES).headers["HX-Refresh"] == "true"


def test_preview_of_a_service_that_is_gone_reloads_the_page(browser, followers):
    followers.is_active = False
    followers.save(update_fields=["is_active"])

    assert _preview(browser, followers, quantity=1000).headers["HX-Refresh"] == "true"


def test_preview_costs_fixed_queries(customer, browser, followers, django_assert_num_queries):
    browser.get(URL)
    # session, user, buyer, unfinished order
    with django_assert_num_queries(4):
        _preview(browser, followers, quantity=1000)


def test_shows_hostile_text_as_text(customer, browser, make_service):
    hostile = '"><img src=x onerror=alert(1)>'
    service = make_service(name=hostile, description=hostile, category=hostile)
    funded(customer, "5")
    place(customer, service, link=hostile)

    pages = [
        browser.get(URL),
        browser.get(CHOICES, {"q": "img"}, headers=HTMX),
        browser.get(URL, {"service": service.pk, "link": hostile, "quantity": hostile}),
        _preview(browser, service, link=hostile, quantity=hostile),
        browser.get(URL, {"placed": Order.objects.get().pk}),
    ]

    assert all("<img src=x" not in page.text for page in pages)


def test_costs_fixed_queries(customer, browser, followers, django_assert_num_queries):
    browser.get(URL)  # the process now holds the catalogue
    # session, user, buyer, favourites
    with django_assert_num_queries(4):
        browser.get(URL)
    with django_assert_num_queries(4):
        browser.get(URL, {"service": followers.pk})
    with django_assert_num_queries(5):  # with the unfinished order on the same link
        browser.get(URL, {"service": followers.pk, "link": LINK})


def test_needs_a_token_against_forged_forms(customer, followers):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(customer, backend="allauth.account.auth_backends.AuthenticationBackend")
    with nothing_moves():
        page = _order(forged, followers, quantity=1000)

    assert page.status_code == 403
    assert "Please try again" in page.text
