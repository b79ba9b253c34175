"""Browsers of the people the tests are about."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import sessions
from accounts.models import User
from tests.payments.conftest import bank, card, stripe_api  # noqa: F401 - fixtures of pages about payments
from tests.support.tickets import ticket  # noqa: F401 - a fixture


@pytest.fixture
def browser(customer: User) -> Client:
    """The customer's browser, logged in."""
    return logged_in(customer)


@pytest.fixture
def other_browser(other_customer: User) -> Client:
    """The other customer's browser, logged in."""
    return logged_in(other_customer)


@pytest.fixture
def staff_browser(staff: User) -> Client:
    """The browser of somebody without a wallet, logged in."""
    return logged_in(staff)


@pytest.fixture
def suspend(customer: User) -> Callable[[], None]:
    """Suspend the customer when called."""

    def apply() -> None:
        User.objects.filter(pk=customer.pk).update(is_suspended=True)

    return apply


def logged_in(user: User) -> Client:
    """Open a browser in which somebody is logged in."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    sessions.remember(client.session.session_key or "", "127.0.0.1")  # as the log-in page does
    return client
