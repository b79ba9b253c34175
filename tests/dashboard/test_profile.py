"""The profile page, and that what is saved there is in effect on the next page."""

import pytest

from accounts.models import User
from dashboard.devices import describe_device

PAGE = "/account/profile/"
PROFILE = {"name": "Ana", "username": "customer", "language": "browser", "time_zone": "UTC"}


def test_the_next_page_is_in_the_language_and_by_the_clock_chosen(browser, customer):
    page = browser.post(PAGE, {**PROFILE, "language": "es", "time_zone": "Asia/Tokyo"}, follow=True)

    assert page.redirect_chain == [(PAGE, 302)]
    assert page.headers["Content-Language"] == "es"
    assert '<html lang="es">' in page.text
    assert "Tokyo" in browser.get("/account/sessions/").text


def test_without_a_language_the_browser_decides(browser):
    browser.post(PAGE, PROFILE)

    assert '<html lang="es">' in browser.get(PAGE, headers={"accept-language": "es"}).text
    assert '<html lang="en">' in browser.get(PAGE).text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "ab"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "other"}, "username"),
        ({"username": "Other"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"name": "x" * 151}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"language": ""}, "language"),
        ({"language": "tlh"}, "language"),
        ({"time_zone": ""}, "time_zone"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
    ],
)
def test_says_beside_the_field_what_is_wrong_and_keeps_the_profile(browser, customer, other_customer, change, field):
    page = browser.post(PAGE, {**PROFILE, **change})

    assert list(page.context["form"].errors) == [field]
    assert 'aria-invalid="true"' in page.text
    customer.refresh_from_db()
    assert (customer.username, customer.first_name, customer.time_zone) == ("customer", "", "UTC")


def test_a_hostile_name_stays_text(browser):
    page = browser.post(PAGE, {**PROFILE, "name": "<script>alert(1)</script>"}, follow=True)

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_a_zone_outside_the_list_is_kept(browser, customer):
    User.objects.filter(pk=customer.pk).update(time_zone="US/Eastern")

    assert '<option value="US/Eastern" selected>' in browser.get(PAGE).text
    browser.post(PAGE, {**PROFILE, "time_zone": "US/Eastern"})
    customer.refresh_from_db()
    assert (customer.first_name, customer.time_zone) == ("Ana", "US/Eastern")


def test_the_profile_costs_no_query_but_those_of_every_page(browser, django_assert_num_queries):
    with django_assert_num_queries(3):  # session, user, buyer
        browser.get(PAGE)


@pytest.mark.parametrize(
    ("user_agent", "name", "is_mobile"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows", 0),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
            0,
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
            "Safari on macOS",
            0,
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1",
            "Safari on iPhone",
            1,
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
            1,
        ),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome on Linux", 0),
        ("python-requests/2.32.3", "python-requests", 0),
        ("curl/8.5.0", "curl", 0),
        ("", "Unknown browser", 0),
        ("<b>", "Unknown browser", 0),
    ],
)
def test_devices_are_named_in_plain_words(user_agent, name, is_mobile):
    assert describe_device(user_agent) == (name, bool(is_mobile))
