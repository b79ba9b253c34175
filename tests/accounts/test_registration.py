"""Coming in: sign up, log in, log out, a forgotten password."""

import re

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.fixtures import PASSWORD
from wallet.models import Wallet

pytestmark = pytest.mark.django_db

SIGN_UP = {
    "email": "new@example.com",
    "username": "newcomer",
    "password1": "a-long-enough-password-1",
    "password2": "a-long-enough-password-1",
}


def test_signing_up_opens_an_empty_wallet_and_logs_in(client, usd):
    response = client.post("/account/signup/", SIGN_UP)

    assert response.status_code == 302
    user = User.objects.get(username="newcomer")
    wallet = Wallet.objects.get(user=user)
    assert (wallet.balance, wallet.currency, wallet.seq) == (0, "USD", 0)
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.parametrize(
    "change",
    [
        {"username": ""},
        {"username": "ab"},
        {"email": "not an address"},
        {"password2": "different"},
        {"password1": "12345678", "password2": "12345678"},
        {"username": "customer"},
    ],
)
def test_refuses_sign_ups_and_leaves_nothing(client, customer, change):
    response = client.post("/account/signup/", {**SIGN_UP, **change})

    assert response.status_code == 200
    assert User.objects.count() == Wallet.objects.count() == 1


def test_an_address_in_use_makes_no_second_account(client, customer):
    client.post("/account/signup/", {**SIGN_UP, "email": "CUSTOMER@example.com"})

    assert User.objects.count() == 1


@pytest.mark.parametrize("login", ["customer", "customer@example.com"])
def test_logs_in_and_out(client, customer, login):
    client.post("/account/login/", {"login": login, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(customer.pk)

    client.post("/account/logout/")
    assert "_auth_user_id" not in client.session


def test_logs_in_while_redis_is_away(client, customer, settings, tmp_path):
    settings.CACHES = {**settings.CACHES, "limits": {**settings.CACHES["limits"], "LOCATION": f"unix://{tmp_path}/no"}}

    client.post("/account/login/", {"login": "customer", "password": PASSWORD})

    assert client.session["_auth_user_id"] == str(customer.pk)


def test_refuses_a_wrong_password(client, customer):
    client.post("/account/login/", {"login": "customer", "password": "wrong"})

    assert "_auth_user_id" not in client.session


def test_a_forgotten_password_is_reset_by_mail(client, customer):
    client.post("/account/password/reset/", {"email": "customer@example.com"})
    path = re.search(r"https?://[^/\s]+(/account/password/reset/key/\S+)", mail.outbox[0].body).group(1)

    form = client.get(path, follow=True)
    new = "another-long-password-2"
    client.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})

    client.post("/account/login/", {"login": "customer", "password": new})
    assert client.session["_auth_user_id"] == str(customer.pk)


def test_with_totp_the_password_is_not_enough(customer):
    from allauth.mfa.totp.internal import auth as totp

    secret = totp.generate_totp_secret()
    totp.TOTP.activate(customer, secret)
    client = Client()

    client.post("/account/login/", {"login": "customer", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert "_auth_user_id" not in client.session

    code = totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))
    client.post("/account/2fa/authenticate/", {"code": code})
    assert client.session["_auth_user_id"] == str(customer.pk)
