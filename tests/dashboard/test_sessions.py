"""Where a customer is logged in: the list, ending one, ending all others, and what a new password ends."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import sessions, suspension
from accounts.models import User
from tests.fixtures import PASSWORD, WRITING_A_USER, meanwhile

PAGE = "/account/sessions/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


def log_in(user_agent: str = FIREFOX, username: str = "customer") -> Client:
    client = Client(headers={"user-agent": user_agent})
    client.post("/account/login/", {"login": username, "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def session_of(client: Client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def test_lists_browsers_in_plain_words_this_one_first(customer, other_customer):
    here = log_in()
    log_in(PHONE)
    log_in("curl/8.5.0", "other")

    page = here.get(PAGE)

    assert [line.device.name for line in page.context["lines"]] == ["Firefox on Windows", "Chrome on Android"]
    assert page.text.count("This browser") == 1
    assert "127.0.0.1" in page.text
    assert "curl" not in page.text


def test_ends_one(customer):
    here, there = log_in(), log_in(PHONE)

    page = here.post(f"{PAGE}{session_of(there).pk}/end/", follow=True)

    assert "Chrome on Android is logged out." in page.text
    assert not is_in(there)
    assert is_in(here)


def test_ending_this_one_logs_out(customer):
    here = log_in()

    assert here.post(f"{PAGE}{session_of(here).pk}/end/").url == "/account/login/"
    assert not is_in(here)


def test_ends_all_others(customer):
    here, one, two = log_in(), log_in(PHONE), log_in()

    page = here.post(PAGE, follow=True)

    assert len(page.context["lines"]) == 1
    assert "Log out all others" not in page.text
    assert (is_in(here), is_in(one), is_in(two)) == (True, False, False)


@pytest.mark.parametrize("session_id", ["theirs", "missing"])
def test_a_session_of_somebody_else_is_not_there(customer, other_customer, session_id):
    here, theirs = log_in(), log_in(username="other")
    number = session_of(theirs).pk if session_id == "theirs" else 2**62

    assert here.post(f"{PAGE}{number}/end/").status_code == 404
    assert is_in(theirs)


def test_is_ended_by_post_only(browser):
    assert browser.get(f"{PAGE}1/end/").status_code == 405


def test_what_has_expired_is_not_listed(customer):
    here, there = log_in(), log_in(PHONE)
    Session.objects.filter(pk=there.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))

    assert len(here.get(PAGE).context["lines"]) == 1


def test_the_list_costs_the_same_however_long(customer, django_assert_num_queries):
    browser = log_in()
    for _ in range(3):
        log_in()

    with django_assert_num_queries(4):  # session, user, sessions, buyer
        page = browser.get(PAGE)

    assert len(page.context["lines"]) == 4


def test_a_new_password_ends_all_sessions_but_the_one_it_was_made_in(customer):
    here, there = log_in(), log_in(PHONE)
    new = "another-long-password-2"

    page = here.post(
        "/account/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new}, follow=True
    )

    assert page.status_code == 200
    assert not is_in(there)
    assert [line.is_current for line in here.get(PAGE).context["lines"]] == [True]


@pytest.mark.django_db(transaction=True)
def test_a_new_password_leaves_a_suspension_of_the_same_moment(customer):
    here = log_in()
    new = {"oldpassword": PASSWORD, "password1": "another-long-password-2", "password2": "another-long-password-2"}

    with meanwhile(WRITING_A_USER, happens=lambda: suspension.suspend(customer.pk)):
        here.post("/account/password/change/", new)

    customer.refresh_from_db()
    assert customer.is_suspended
    assert customer.check_password(new["password1"])


def test_a_password_reset_by_mail_ends_all_sessions(customer, mailoutbox):
    there = log_in()
    visitor = Client()
    visitor.post("/account/password/reset/", {"email": "customer@example.com"})
    path = next(word for word in mailoutbox[0].body.split() if "/reset/key/" in word).partition("testserver")[2]
    form = visitor.get(path, follow=True)
    visitor.post(form.redirect_chain[-1][0], {"password1": "another-long-1", "password2": "another-long-1"})

    assert not is_in(there)
    assert User.objects.get().check_password("another-long-1")


def test_use_is_noted_at_most_every_five_minutes_per_session_and_address(customer, django_assert_num_queries):
    browser = log_in()
    session = session_of(browser)
    long_ago = timezone.now() - timedelta(hours=1)
    UserSession.objects.update(last_seen_at=long_ago)

    with django_assert_num_queries(3):  # noted when logging in, so not now: session, user, buyer
        browser.get("/account/profile/")
    sessions._noted.clear()  # five minutes later, or another process
    with django_assert_num_queries(4):
        browser.get("/account/profile/")
    with django_assert_num_queries(3):
        browser.get("/account/profile/")

    session.refresh_from_db()
    assert session.last_seen_at > long_ago + timedelta(minutes=59)


def test_another_address_is_noted_at_once(customer):
    browser = log_in()
    browser.get(PAGE, REMOTE_ADDR="203.0.113.9")

    assert session_of(browser).ip == "203.0.113.9"
    assert "203.0.113.9" in browser.get(PAGE, REMOTE_ADDR="203.0.113.9").text


def test_what_a_process_remembers_is_bounded(monkeypatch):
    monkeypatch.setattr(sessions, "REMEMBERED_MAX", 2)

    for number in range(5):
        sessions.remember("key", f"192.0.2.{number}")

    assert len(sessions._noted) == 2
