"""What holds on every page: who may see it, strict markup, staff without a wallet."""

import re

import pytest
from django.test import Client
from django.urls import reverse

PUBLIC = [
    "dashboard:landing",
    "dashboard:services",
    "dashboard:service_rows",
    "dashboard:service_updates",
    "dashboard:news",
    "account_login",
    "account_signup",
    "account_reset_password",
]
PRIVATE = [
    "dashboard:overview",
    "dashboard:new_order",
    "dashboard:mass_order",
    "dashboard:orders",
    "dashboard:dripfeeds",
    "dashboard:refills",
    "dashboard:services",
    "dashboard:service_updates",
    "dashboard:wallet",
    "dashboard:add_funds",
    "dashboard:deposits",
    "dashboard:api_keys",
    "dashboard:api_usage",
    "dashboard:api_requests",
    "dashboard:api_console",
    "dashboard:notifications",
    "dashboard:tickets",
    "dashboard:new_ticket",
    "dashboard:news",
    "dashboard:profile",
    "dashboard:sessions",
    "account_email",
    "account_change_password",
    "mfa_index",
]
ONLY_LOGGED_IN = sorted(set(PRIVATE) - set(PUBLIC))

# What a strict content security policy would block.
INLINE = re.compile(
    r"\son[a-z]+\s*=|<style|\sstyle\s*=|javascript:|<script(?![^>]*(?:\ssrc=|application/json))", re.IGNORECASE
)


@pytest.mark.parametrize("name", PUBLIC)
def test_visitors_see_public_pages(name, followers):
    page = Client().get(reverse(name))

    assert page.status_code == 200
    assert not INLINE.search(page.text), INLINE.search(page.text)


@pytest.mark.parametrize("name", ONLY_LOGGED_IN)
def test_visitors_are_asked_to_log_in(name, db):
    page = Client().get(reverse(name))

    assert page.status_code == 302
    assert page.url.startswith(reverse("account_login"))


@pytest.mark.parametrize("name", PRIVATE)
def test_customers_see_their_pages(name, browser, followers):
    page = browser.get(reverse(name))

    assert page.status_code == 200
    assert not INLINE.search(page.text), INLINE.search(page.text)


@pytest.mark.parametrize("name", PRIVATE)
def test_staff_without_a_wallet_see_every_page(name, staff_browser, followers):
    assert staff_browser.get(reverse(name)).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "dashboard:overview",
        "dashboard:new_order",
        "dashboard:mass_order",
        "dashboard:wallet",
        "dashboard:add_funds",
        "dashboard:deposits",
    ],
)
def test_pages_about_money_explain_a_missing_wallet(name, staff_browser):
    assert "This account has no wallet" in staff_browser.get(reverse(name)).text


@pytest.mark.parametrize("name", PRIVATE)
def test_suspended_customers_are_told_everywhere(name, browser, suspend, followers):
    suspend()

    assert "Your account is suspended" in browser.get(reverse(name)).text


def test_landing_sends_customers_to_their_overview(browser):
    page = browser.get(reverse("dashboard:landing"))

    assert page.status_code == 302
    assert page.url == reverse("dashboard:overview")


def test_missing_page_is_a_page_of_ours(db):
    page = Client().get("/nowhere/")

    assert page.status_code == 404
    assert "Not found" in page.text
