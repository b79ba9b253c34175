"""The keys page: the password, the one time a key is shown, whose keys they are."""

import re
import time
from types import SimpleNamespace

import pytest
from django.core.cache import caches
from django.test import Client
from django_ratelimit import core

from accounts import api_keys
from accounts.models import ApiKey
from tests.fixtures import PASSWORD, key_of, post_api

URL = "/account/api/"
KEY = re.compile(r"\b[0-9a-f]{32}\b")


def _issue(browser, *, name="Shop", password=PASSWORD):
    return browser.post(URL, {"name": name, "password": password})


def _shown_key(page):
    return re.search(r'id="new-key">([0-9a-f]{32})<', page.text)[1]


def test_shows_a_new_key_once_and_never_again(browser):
    answer = _issue(browser)
    text = _shown_key(answer)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert post_api({"key": text, "action": "balance"}).json() == {"balance": "0.00000", "currency": "USD"}
    assert not browser.cookies.get("messages")
    assert text not in str(dict(browser.session.items()))
    for path in (URL, "/dashboard/"):
        assert text not in browser.get(path).text
        assert not KEY.search(re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", browser.get(path).text))
    assert text[:6] in browser.get(URL).text


def test_wrong_password_makes_no_key(browser):
    page = _issue(browser, password="wrong")

    assert page.context["form"].errors["password"] == ["This is not your password."]
    assert ApiKey.objects.count() == 0
    assert 'value="wrong"' not in page.text


@pytest.mark.parametrize("name", ["", " ", "x" * 61])
def test_refuses_names_that_are_none(name, browser):
    assert "name" in _issue(browser, name=name).context["form"].errors
    assert ApiKey.objects.count() == 0


@pytest.fixture
def one_minute(monkeypatch):
    """Let no minute end while tries are counted."""
    now = time.time()
    monkeypatch.setattr(core, "time", SimpleNamespace(time=lambda: now))


@pytest.mark.usefixtures("one_minute")
def test_limits_guessing(browser):
    for _ in range(10):
        _issue(browser, password="wrong")

    page = _issue(browser)

    assert page.context["form"].errors["password"] == ["Too many tries. Wait a minute, then try again."]
    assert ApiKey.objects.count() == 0
    caches["limits"].clear()
    _shown_key(_issue(browser))


@pytest.mark.usefixtures("one_minute")
def test_limits_guessing_across_forms(customer, browser):
    key_of(customer)
    key = ApiKey.objects.get()
    for _ in range(10):
        _issue(browser, password="wrong")

    page = browser.post(f"{URL}{key.pk}/rotate/", {"password": PASSWORD})

    assert "Too many tries" in page.text
    key.refresh_from_db()
    assert key.revoked_at is None


def test_limits_live_keys(customer, browser, monkeypatch):
    monkeypatch.setattr(api_keys, "KEYS_MAX", 1)
    _issue(browser)

    page = _issue(browser)

    assert "the most one account can have" in page.context["form"].non_field_errors()[0]
    assert ApiKey.objects.count() == 1


def test_rotates_for_the_password(customer, browser):
    old = key_of(customer)
    key = ApiKey.objects.get()

    answer = browser.post(f"{URL}{key.pk}/rotate/", {"password": PASSWORD})

    new = _shown_key(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    assert post_api({"key": old, "action": "balance"}).json() == {"error": "Invalid API key"}
    assert "balance" in post_api({"key": new, "action": "balance"}).json()


def test_wrong_password_rotates_nothing(customer, browser):
    old = key_of(customer)
    key = ApiKey.objects.get()

    page = browser.post(f"{URL}{key.pk}/rotate/", {"password": "wrong"})

    assert page.context["form"].errors["password"] == ["This is not your password."]
    assert ApiKey.objects.count() == 1
    assert "balance" in post_api({"key": old, "action": "balance"}).json()


def test_revokes_without_password_but_only_by_post(customer, browser):
    text = key_of(customer)
    key = ApiKey.objects.get()

    assert "stops working at once" in browser.get(f"{URL}{key.pk}/revoke/").text
    assert "balance" in post_api({"key": text, "action": "balance"}).json()
    page = browser.post(f"{URL}{key.pk}/revoke/", follow=True)

    assert "Revoked" in page.text
    assert post_api({"key": text, "action": "balance"}).json() == {"error": "Invalid API key"}


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_foreign_and_dead_keys_are_missing(action, customer, browser, other_browser):
    text = key_of(customer)
    key = ApiKey.objects.get()

    foreign = other_browser.post(f"{URL}{key.pk}/{action}/", {"password": PASSWORD})
    missing = other_browser.post(f"{URL}{key.pk + 1}/{action}/", {"password": PASSWORD})

    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    assert "balance" in post_api({"key": text, "action": "balance"}).json()
    api_keys.revoke_api_key(user=customer, key_id=key.pk)
    assert browser.post(f"{URL}{key.pk}/{action}/", {"password": PASSWORD}).status_code == 404


def test_lists_only_own_keys(customer, other_browser):
    api_keys.issue_api_key(user=customer, name="Secret project")

    assert "Secret project" not in other_browser.get(URL).text


def test_shows_hostile_names_as_text(browser):
    answer = _issue(browser, name="<script>alert(1)</script>")

    assert "<script>alert" not in answer.text
    assert "<script>alert" not in browser.get(URL).text


def test_costs_fixed_queries(customer, browser, django_assert_num_queries):
    key_of(customer)
    # session, user, keys, buyer
    with django_assert_num_queries(4):
        browser.get(URL)


def test_needs_a_token_against_forged_forms(customer):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(customer, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert _issue(forged).status_code == 403
    assert ApiKey.objects.count() == 0
