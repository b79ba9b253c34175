"""Staff come in with a second factor only, customers not at all, and nobody goes round in circles."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.admin.browsing import with_second_factor
from tests.fixtures import PASSWORD

SECRET = "JBSWY3DPEHPK3PXP"


def log_in(user: User) -> Client:
    """Log in without a second factor."""
    client = Client()
    client.force_login(user)
    return client


def current_code() -> str:
    """Return what the owner's telephone shows."""
    return totp.format_hotp_value(totp.hotp_value(SECRET, next(totp.yield_hotp_counters_from_time())))


def test_staff_without_it_are_sent_to_its_set_up(staff: User) -> None:
    response = log_in(staff).get("/admin/", follow=True)

    addresses = [address.partition("?")[0] for address, _ in response.redirect_chain]
    assert reverse("mfa_activate_totp") in addresses
    assert addresses[-1] in (reverse("mfa_activate_totp"), reverse("account_reauthenticate"))
    assert response.status_code == 200


@pytest.mark.parametrize("address", ["/admin/orders/order/", "/admin/accounts/user/", "/admin/search/?s=a"])
def test_staff_without_it_see_no_page(staff: User, address: str) -> None:
    assert log_in(staff).get(address).status_code == 302


def test_staff_with_it_get_in(staff: User) -> None:
    assert with_second_factor(staff).get("/admin/").status_code == 200


def test_staff_that_are_suspended_stay_outside(staff: User) -> None:
    client = with_second_factor(staff)
    User.objects.filter(pk=staff.pk).update(is_suspended=True)

    assert client.get("/admin/orders/order/").status_code == 302
    assert client.get("/admin/", follow=True).status_code == 403


def test_other_factors_are_not_it(staff: User) -> None:
    Authenticator.objects.create(user=staff, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"})

    assert log_in(staff).get("/admin/").status_code == 302


def test_logging_in_asks_for_it(staff: User) -> None:
    totp.TOTP.activate(staff, SECRET)
    client = Client()

    first: Any = client.post(reverse("account_login"), {"login": "staff", "password": PASSWORD})

    assert first.url == reverse("mfa_authenticate")
    assert client.get("/admin/").status_code == 302
    client.post(first.url, {"code": current_code()})
    assert client.get("/admin/").status_code == 200


def test_session_from_before_it_was_turned_on_stays_outside_until_it_gives_a_code(staff: User) -> None:
    client = Client()
    client.post(reverse("account_login"), {"login": "staff", "password": PASSWORD})
    totp.TOTP.activate(staff, SECRET)

    response: Any = client.get("/admin/orders/order/?q=7", follow=True)

    address, _ = response.redirect_chain[-1]
    assert address == reverse("mfa_reauthenticate") + "?next=%2Fadmin%2Forders%2Forder%2F%3Fq%3D7"
    assert response.status_code == 200
    assert client.get("/admin/orders/order/").status_code == 302

    back: Any = client.post(address, {"code": current_code(), "next": "/admin/orders/order/?q=7"})
    assert back.url == "/admin/orders/order/?q=7"
    assert client.get(back.url).status_code == 200


def test_wrong_code_does_not_open_it(staff: User) -> None:
    client = log_in(staff)
    totp.TOTP.activate(staff, SECRET)

    assert client.post(reverse("mfa_reauthenticate"), {"code": "000000"}).status_code == 200

    assert client.get("/admin/").status_code == 302


def test_password_again_is_no_second_factor(staff: User) -> None:
    client = log_in(staff)
    totp.TOTP.activate(staff, SECRET)

    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    assert client.get("/admin/").status_code == 302


def test_code_that_another_user_gave_in_this_browser_does_not_count(staff: User, customer: User) -> None:
    client = with_second_factor(customer)
    totp.TOTP.activate(staff, SECRET)
    client.force_login(staff)

    assert client.get("/admin/").status_code == 302


def test_never_leads_to_a_strangers_site(staff: User) -> None:
    client = log_in(staff)
    totp.TOTP.activate(staff, SECRET)

    response: Any = client.get("/admin/login/?next=https://evil.example/")

    assert response.url == reverse("mfa_reauthenticate") + "?next=%2Fadmin%2F"


def test_djangos_own_login_form_is_closed(staff: User, customer: User, make_clerk: Callable[..., Client]) -> None:
    totp.TOTP.activate(staff, SECRET)
    credentials = {"username": "staff", "password": PASSWORD}

    for client in (Client(), log_in(customer), make_clerk("orders.view_order")):
        before = client.session.get("_auth_user_id")
        client.post("/admin/login/", credentials)
        assert client.session.get("_auth_user_id") == before


def test_customers_are_refused_without_a_loop(customer: User) -> None:
    client = log_in(customer)

    response: Any = client.get("/admin/", follow=True)

    assert response.status_code == 403
    assert len(response.redirect_chain) == 1


def test_strangers_come_to_the_panels_login_and_back(staff: User) -> None:
    response = Client().get("/admin/orders/order/", follow=True)

    address, _ = response.redirect_chain[-1]
    assert address.startswith(reverse("account_login"))
    assert "next=" in address
    assert response.status_code == 200


def test_inactive_staff_are_out(staff: User) -> None:
    client = with_second_factor(staff)
    User.objects.update(is_active=False)

    assert client.get("/admin/").status_code == 302


def test_debug_asks_for_none(staff: User, settings: Any) -> None:
    settings.DEBUG = True

    assert log_in(staff).get("/admin/").status_code == 200
