"""What changed in the catalogue: public, and never more than that."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.registration import register_customer
from catalog import updates
from catalog.models import Currency, CustomRate, Discount, Route, Service, ServiceUpdate
from tests.dashboard.conftest import logged_in
from tests.dashboard.test_layout import INLINE

URL = "/services/updates/"


def change(service, **values):
    Service.objects.filter(pk=service.pk).update(**values)


def lines(page):
    return [line for day in page.context["days"] for line in day.lines]


def told(page):
    return [(line.title, line.old, line.new) for line in lines(page)]


@pytest.fixture
def quiet(followers):
    """A service whose beginning is long ago."""
    ServiceUpdate.objects.all().delete()
    return followers


def test_tells_price_changes_newest_first(quiet):
    change(quiet, rate=Decimal("0.91"))
    change(quiet, rate=Decimal("0.80"))

    page = Client().get(URL)

    assert told(page) == [("Rate", Decimal("0.91"), Decimal("0.80")), ("Rate", Decimal("0.85"), Decimal("0.91"))]
    assert [line.direction for line in lines(page)] == ["down", "up"]
    assert page.context["currency"] == "USD"
    assert page.text.index("Price down") < page.text.index("Price up")


def test_tells_the_rest_in_words(quiet):
    change(quiet, min=60, max=1_000_000, refill=False, cancel=False)
    change(quiet, refill=True, cancel=True)

    page = Client().get(URL)

    assert {title for title, _, _ in told(page)} == {
        "Minimum", "Maximum", "Refill is no longer offered", "Can no longer be canceled", "Refill is offered now",
        "Can be canceled now",
    }  # fmt: skip
    assert "100,000 → 1,000,000" in page.text


def test_tells_of_new_services(followers):
    page = Client().get(URL)

    assert told(page) == [("New", None, Decimal("0.85"))]
    assert "Instagram Followers — Real &amp; Active" in page.text


def test_groups_by_day_of_the_readers_clock(quiet, customer, browser):
    for value in ("0.9", "1", "1.1"):
        change(quiet, rate=Decimal(value))
    first, second, third = ServiceUpdate.objects.order_by("pk")
    for update, moment in (
        (first, datetime(2026, 3, 1, 23, 59, tzinfo=UTC)),
        (second, datetime(2026, 3, 2, 0, 1, tzinfo=UTC)),
        (third, datetime(2026, 3, 2, 12, 0, tzinfo=UTC)),
    ):
        ServiceUpdate.objects.filter(pk=update.pk).update(at=moment)

    page = Client().get(URL)

    assert [(day.date, len(day.lines)) for day in page.context["days"]] == [
        (date(2026, 3, 2), 2),
        (date(2026, 3, 1), 1),
    ]
    assert "2 March 2026" in page.text
    User.objects.filter(pk=customer.pk).update(time_zone="Asia/Tokyo")
    in_tokyo = browser.get(URL)
    assert [(day.date, len(day.lines)) for day in in_tokyo.context["days"]] == [(date(2026, 3, 2), 3)]
    assert "21:00" in in_tokyo.text
    assert "Time (Tokyo)" in in_tokyo.text


def test_customers_read_public_prices_in_their_currency(quiet):
    Currency.objects.create(code="EUR", rate=Decimal("0.5"))
    user = register_customer(username="euro", email="euro@example.com", password="x", currency="EUR")
    Discount.objects.create(customer=user, percent=50)
    CustomRate.objects.create(customer=user, service=quiet, rate=Decimal("0.1"))
    change(quiet, rate=Decimal("0.91"))

    page = logged_in(user).get(URL)

    assert told(page) == [("Rate", Decimal("0.425"), Decimal("0.455"))]
    assert page.context["currency"] == "EUR"
    assert "public prices in EUR" in page.text
    assert "yours may differ" in page.text


def test_never_tells_what_services_cost_us(quiet):
    quiet.routes.update(cost=Decimal("0.31337"))
    quiet.routes.update(gone_at=datetime(2026, 3, 1, tzinfo=UTC))
    quiet.routes.update(gone_at=None)
    assert ServiceUpdate.objects.count() == 3

    page = Client().get(URL)

    assert lines(page) == []
    assert "0.31337" not in page.text
    assert "ig-followers" not in page.text


def test_of_services_off_sale_it_tells_only_that(quiet, make_service):
    never_on_sale = make_service(name="Secret plans", is_active=False)
    change(never_on_sale, rate=Decimal(7))
    change(quiet, rate=Decimal("0.91"))
    change(quiet, is_active=False)
    change(quiet, rate=Decimal("9.99"))

    page = Client().get(URL)

    assert told(page) == [("Taken off sale", None, None)]
    assert "Secret plans" not in page.text
    assert "9.99" not in page.text
    change(quiet, is_active=True)
    assert [title for title, _, _ in told(Client().get(URL))] == ["On sale", "Rate", "Taken off sale", "Rate"]


def test_hides_services_that_no_route_delivers(quiet):
    change(quiet, rate=Decimal("0.91"))
    Route.objects.update(is_active=False)

    assert lines(Client().get(URL)) == []


def test_says_what_packages_cost_once(make_service):
    make_service(type="Package", min=1, max=1)

    assert ">once<" in Client().get(URL).text


def test_pages_by_key(quiet, monkeypatch):
    for number in range(1, updates.PAGE_UPDATES + 4):
        change(quiet, max=100_000 + number)

    first = Client().get(URL)
    second = Client().get(URL, {"before": first.context["next_before"]})

    assert (len(lines(first)), len(lines(second))) == (50, 3)
    assert lines(first)[-1].new == lines(second)[0].new + 1
    assert second.context["next_before"] is None
    assert f"before={first.context['next_before']}" in first.text
    assert "Newest" in second.text


@pytest.mark.parametrize("before", ["x", "-1", "0", "9" * 40, "'", ""])
def test_takes_any_page_address(before, followers):
    assert Client().get(URL, {"before": before}).status_code == 200


def test_looks_through_a_bounded_part_of_the_list(quiet, make_service, monkeypatch):
    monkeypatch.setattr(updates, "SCANNED_UPDATES_MAX", 3)
    change(quiet, max=7_000)
    hidden = make_service(is_active=False)
    for number in range(4):
        change(hidden, max=200_000 + number)

    page = Client().get(URL)
    assert lines(page) == []
    assert "Nothing in this part" in page.text
    older = Client().get(URL, {"before": page.context["next_before"]})

    assert [line.new for line in lines(older)] == [7_000]


def test_costs_the_same_however_much_changed(quiet, browser, make_service, django_assert_num_queries):
    for number in range(10):
        change(make_service(name=f"Other {number}"), max=5_000)
    logged_in_page = browser.get(URL)

    assert len(lines(logged_in_page)) == 20
    with django_assert_num_queries(2):  # where the part ends, the updates
        Client().get(URL)
    with django_assert_num_queries(5):  # with session, user, buyer
        browser.get(URL)


def test_shows_hostile_names_as_text(make_service):
    service = make_service(name='<script>alert(1)</script>"><img src=x onerror=alert(1)>')
    change(service, is_active=False)
    change(service, is_active=True)

    text = Client().get(URL).text

    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("who", ["visitor", "browser", "staff_browser"])
def test_everybody_sees_it_without_inline_code(who, request, quiet):
    change(quiet, rate=Decimal("0.91"), refill=False)
    page = (Client() if who == "visitor" else request.getfixturevalue(who)).get(URL)

    assert page.status_code == 200
    assert not INLINE.search(page.text), INLINE.search(page.text)


def test_is_linked_from_services_and_the_navigation(browser, followers):
    address = reverse("dashboard:service_updates")

    assert f'href="{address}"' in Client().get(reverse("dashboard:services")).text
    assert f'href="{address}"' in browser.get(reverse("dashboard:orders")).text


def test_says_when_nothing_has_changed(db):
    assert "No changes yet" in Client().get(URL).text
    assert "No older changes" in Client().get(URL, {"before": 5}).text


def test_takes_no_posts(followers):
    assert Client().post(URL).status_code == 405
