"""What the admin's search box finds, and for whom."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from orders.models import Order, Run
from tests.admin.browsing import page_of
from tests.admin.conftest import boss, make_clerk, order_id  # noqa: F401 - fixtures
from tests.fixtures import report
from tests.payments.conftest import bank, card, stripe_api  # noqa: F401 - fixtures
from tests.support.tickets import ticket  # noqa: F401 - a fixture


def found(client: Client, term: str) -> str:
    return client.get(f"/admin/search/?{urlencode({'s': term, 'extended': 1})}").content.decode()


def test_finds_an_order_by_its_id_its_link_and_its_providers_id(boss: Client, order_id: int) -> None:  # noqa: F811
    order = Order.objects.get()
    Order.objects.update(link="https://Example.com/P/CaSe")  # the theme lowers what is typed
    report(order_id, "In progress", remains=900)

    for term in (str(order_id), "https://Example.com/P/CaSe", Run.objects.get().provider_order):
        assert page_of(order) in found(boss, term), term


def test_finds_a_customer_by_the_beginning_of_the_name_and_by_address(boss: Client, customer: User) -> None:  # noqa: F811
    for term in (customer.username[:3], customer.email.upper()):
        assert page_of(customer) in found(boss, term), term


def test_finds_a_ticket_by_its_number(boss: Client, ticket: Any) -> None:  # noqa: F811
    assert page_of(ticket) in found(boss, f"#{ticket.pk}")


@pytest.mark.parametrize("term", ["99999999999999999999", "9" * 18, "%", "nobody", "https://example.com/nowhere", "#"])
def test_finds_nothing_where_there_is_nothing(boss: Client, order_id: int, term: str) -> None:  # noqa: F811
    assert "/change/" not in found(boss, term)


def test_shows_nobody_what_they_may_not_see(
    make_clerk: Callable[..., Client],  # noqa: F811
    order_id: int,  # noqa: F811
    customer: User,
    ticket: Any,  # noqa: F811
) -> None:
    clerk = make_clerk("catalog.view_service")

    for term in (str(order_id), customer.username, str(ticket.pk)):
        assert "/change/" not in found(clerk, term)
