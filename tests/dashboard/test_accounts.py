"""Signing up, logging in and out, passwords and second factors, on pages of ours."""

import re

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.fixtures import PASSWORD
from wallet.models import Wallet


def test_signs_up_with_a_wallet(usd):
    client = Client()

    page = client.post(
        "/account/signup/",
        {"email": "new@example.com", "username": "newcomer", "password1": PASSWORD, "password2": PASSWORD},
    )

    assert page.url == "/dashboard/"
    assert Wallet.objects.get(user__username="newcomer").currency == "USD"
    assert client.get("/dashboard/").status_code == 200


def test_sign_up_says_what_is_wrong(customer):
    page = Client().post(
        "/account/signup/", {"email": "no", "username": "customer", "password1": "123", "password2": "1234"}
    )

    assert {"email", "username"} <= set(page.context["form"].errors)
    assert page.text.count('aria-invalid="true"') >= 2
    assert User.objects.count() == 1


@pytest.mark.parametrize("login", ["customer", "customer@example.com"])
def test_logs_in_by_name_and_by_email(login, customer):
    page = Client().post("/account/login/", {"login": login, "password": PASSWORD})

    assert page.url == "/dashboard/"


def test_wrong_password_logs_nobody_in(customer):
    page = Client().post("/account/login/", {"login": "customer", "password": "wrong"})

    assert page.status_code == 200
    assert 'role="alert"' in page.text


def test_logs_out_by_post(browser):
    assert "Log out?" in browser.get("/account/logout/").text
    assert browser.post("/account/logout/").url == "/"
    assert browser.get("/dashboard/").status_code == 302


def test_resets_a_forgotten_password(customer):
    client = Client()
    client.post("/account/password/reset/", {"email": "customer@example.com"})
    assert client.get("/account/password/reset/done/").status_code == 200
    path = re.search(r"(/account/password/reset/key/\S+)", mail.outbox[0].body)[1]

    form = client.get(path, follow=True)
    path = form.redirect_chain[-1][0]
    assert 'name="password1"' in form.text
    done = client.post(path, {"password1": PASSWORD + "!", "password2": PASSWORD + "!"}, follow=True)

    assert done.status_code == 200
    customer.refresh_from_db()
    assert customer.check_password(PASSWORD + "!")
    assert "Bad Token" in client.get("/account/password/reset/key/1-nonsense/", follow=True).text


def test_account_pages_have_tabs(browser):
    for path in ("/account/email/", "/account/password/change/", "/account/2fa/"):
        assert 'class="tab"' in browser.get(path).text


def test_turns_on_a_second_factor(customer):
    client = Client()
    client.post("/account/login/", {"login": "customer", "password": PASSWORD})
    # Asks for the password once more, whoever just logged in.
    page = client.get("/account/2fa/totp/activate/", follow=True)
    assert page.redirect_chain[-1][0].startswith("/account/reauthenticate/")
    page = client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    assert 'class="qr' in page.text
    secret = page.context["form"].secret
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret, counter))

    page = client.post("/account/2fa/totp/activate/", {"code": code}, follow=True)

    assert "Unused codes" in page.text
    for path in ("/account/2fa/", "/account/2fa/recovery-codes/generate/", "/account/2fa/totp/deactivate/"):
        assert client.get(path).status_code == 200
    second = Client()
    assert (
        second.post("/account/login/", {"login": "customer", "password": PASSWORD}).url == "/account/2fa/authenticate/"
    )
    assert 'name="code"' in second.get("/account/2fa/authenticate/").text
    assert second.get("/dashboard/").status_code == 302
