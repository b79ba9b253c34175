"""Coming in: sign up, log in, log out, a forgotten password."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.http import HttpResponse
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


def sign_up_together(first: dict[str, str], second: dict[str, str], monkeypatch) -> list[HttpResponse]:
    """Sign two people up so that both forms have looked before either account is there."""
    both_looked = threading.Barrier(2, timeout=10)
    save_user = DefaultAccountAdapter.save_user

    def wait_for_the_other(adapter, request, user, form, commit=True):
        if not hasattr(request, "waited"):
            request.waited = True
            both_looked.wait()
        return save_user(adapter, request, user, form, commit=commit)

    monkeypatch.setattr(DefaultAccountAdapter, "save_user", wait_for_the_other)

    def post(form: dict[str, str]) -> HttpResponse:
        try:
            return Client(raise_request_exception=False).post("/account/signup/", {**SIGN_UP, **form})
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(post, (first, second)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ({"username": "one"}, {"username": "two", "email": "New@Example.com"}, "email"),
        ({"email": "one@example.com"}, {"email": "two@example.com"}, "username"),
        ({"email": "one@example.com"}, {"email": "two@example.com", "username": "NewComer"}, "username"),
    ],
)
def test_of_two_sign_ups_at_once_the_second_reads_what_is_taken(usd, monkeypatch, first, second, field):
    answers = sign_up_together(first, second, monkeypatch)

    assert sorted(answer.status_code for answer in answers) == [200, 302]
    refused = next(answer for answer in answers if answer.status_code == 200)
    assert f'id="id_{field}_error"' in refused.text
    assert User.objects.count() == Wallet.objects.count() == EmailAddress.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_different_sign_ups_at_once_both_come_in(usd, monkeypatch):
    answers = sign_up_together({"username": "one", "email": "one@example.com"}, {}, monkeypatch)

    assert [answer.status_code for answer in answers] == [302, 302]
    assert User.objects.count() == Wallet.objects.count() == 2


def test_whoever_signs_up_in_another_language_gets_mails_in_it(client, usd):
    client.post("/account/signup/", SIGN_UP, headers={"accept-language": "es"})

    assert User.objects.get().language == "es"


def test_signs_up_while_the_mail_server_is_away(client, usd, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    assert client.post("/account/signup/", SIGN_UP).status_code == 302

    assert "could not be sent" in caplog.text


def test_an_address_somebody_signed_up_with_meanwhile_does_not_become_primary(client, customer, other_customer):
    client.post("/account/login/", {"login": "customer", "password": PASSWORD})
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    client.get("/account/email/")
    EmailAddress.objects.filter(user=customer).update(verified=True, primary=True)
    EmailAddress.objects.create(user=customer, email="other@example.com", verified=True)
    mail.outbox.clear()

    page = client.post("/account/email/", {"email": "other@example.com", "action_primary": ""}, follow=True)

    assert "Another account uses this address." in page.text
    assert EmailAddress.objects.get(user=customer, primary=True).email == "customer@example.com"
    assert User.objects.get(pk=customer.pk).email == "customer@example.com"
    assert mail.outbox == []


def test_the_address_changes_only_for_the_password_and_the_old_one_is_told(client, customer):
    client.post("/account/login/", {"login": "customer", "password": PASSWORD})
    client.get("/account/email/")
    EmailAddress.objects.filter(user=customer).update(verified=True, primary=True)
    EmailAddress.objects.create(user=customer, email="new@example.com", verified=True)
    change = {"email": "new@example.com", "action_primary": ""}

    asked = client.post("/account/email/", change)
    assert asked.url.startswith("/account/reauthenticate/")
    assert User.objects.get().email == "customer@example.com"
    mail.outbox.clear()
    client.post(asked.url, {"password": PASSWORD})

    assert User.objects.get().email == "new@example.com"
    assert {to for message in mail.outbox for to in message.to} == {"customer@example.com"}
