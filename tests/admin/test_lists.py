"""Lists cost the same however many rows they show, and are searched by whole values."""

import re
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import registration
from accounts.models import User
from catalog.models import Category, Currency, CustomRate, Discount, Service
from orders import submission
from orders.models import Order, Run
from panel import admin_pages
from panel.admin_facts import Fact
from tests.admin.browsing import page_of
from tests.fixtures import LINK, PASSWORD, call_api, funded, key_of, place, report
from tests.support.tickets import opened

ORDERS = "/admin/orders/order/"


def populate(number: int, make_service: Callable[..., Service]) -> None:
    """Add one more of everything."""
    user = registration.register_customer(username=f"c{number}", email=f"c{number}@example.com", password=PASSWORD)
    service = make_service(category=f"Category {number}", name=f"Service {number}")
    Currency.objects.create(code=f"XX{chr(65 + number)}", rate=1)
    CustomRate.objects.create(customer=user, service=service, rate=1)
    Discount.objects.create(customer=user, percent=1)
    funded(user, "100")
    completed = place(user, service)
    report(completed, "Completed")
    call_api(user, action="refill", order=completed)
    call_api(user, action="cancel", orders=place(user, service))
    lost = place(user, service)
    claim = submission.claim_next()
    assert claim is not None
    assert claim.run.order_id == lost
    submission.record_unknown(claim.attempt.pk, evidence="no answer")
    opened(user, order_ids=[completed])


def count_queries(client: Client, address: str) -> int:
    """Return how many queries a page takes; the first look fills Django's own caches."""
    assert client.get(address).status_code == 200, address
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    return len(queries)


def test_no_list_asks_once_per_row(boss: Client, make_service: Callable[..., Service]) -> None:
    populate(0, make_service)
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in admin.site._registry
    ]
    before = {address: count_queries(boss, address) for address in lists}
    for number in (1, 2, 3):
        populate(number, make_service)

    assert {address: count_queries(boss, address) for address in lists} == before
    assert max(before.values()) <= 15


def test_page_of_an_order_asks_once_per_table(boss: Client, customer: User, followers: Service) -> None:
    funded(customer, "10")
    one = Order.objects.get(pk=place(customer, followers))
    many = Order.objects.get(pk=place(customer, followers, runs=10, interval=5))

    assert count_queries(boss, page_of(one)) == count_queries(boss, page_of(many))


@pytest.mark.parametrize(
    "find",
    [
        lambda order: str(order.pk),
        lambda order: f"  {order.pk} ",
        lambda order: LINK,
        lambda order: "customer",
        lambda order: order.runs.get().provider_order,
    ],
    ids=["id", "id with blanks", "link", "user name", "provider's id"],
)
def test_finds_orders_by_whole_values(
    boss: Client, customer: User, other_customer: User, followers: Service, find: Callable[[Order], str]
) -> None:
    order = Order.objects.get(pk=place(funded(customer, "10"), followers))
    other = Order.objects.get(pk=place(funded(other_customer, "10"), followers, link="https://example.com/other"))
    report(order.pk, "In progress", remains=900)

    page = boss.get(ORDERS, {"q": find(order)}).content.decode()

    assert page_of(order) in page
    assert page_of(other) not in page


@pytest.mark.parametrize("term", ["9" * 18, "9" * 5000, "１０４２", "custome", "a b", "%", "'", "-1", "https://"])
def test_finds_nothing_for_anything_else(boss: Client, order_id: int, term: str) -> None:
    response = boss.get(ORDERS, {"q": term})

    assert response.status_code == 200
    assert f"/order/{order_id}/change/" not in response.content.decode()


def test_every_list_bears_every_search(boss: Client, order_id: int) -> None:
    for model in admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for term in ("abc", "1001", "9" * 30, "charge:order:1", "a@b", "/x", "'\""):
            assert boss.get(address, {"q": term}).status_code == 200, (address, term)


def test_filters_orders_by_status(boss: Client, customer: User, followers: Service, order_id: int) -> None:
    canceled = place(customer, followers)
    call_api(customer, action="cancel", orders=canceled)

    page = boss.get(ORDERS, {"status": "Canceled"}).content.decode()

    assert f"/order/{canceled}/change/" in page
    assert f"/order/{order_id}/change/" not in page


def test_counts_no_further_than_anybody_pages(
    boss: Client, make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    category = make_service().category
    monkeypatch.setattr(admin_pages, "COUNTED_ROWS_MAX", 3)
    Category.objects.bulk_create(Category(name=f"More {number}") for number in range(10))

    with CaptureQueriesContext(connection) as queries:
        response = boss.get("/admin/catalog/category/")

    assert category.pk
    assert response.context["cl"].result_count == 3
    assert any("LIMIT 3" in query["sql"] for query in queries)


def test_links_between_pages_lead_somewhere(boss: Client, customer: User, order_id: int) -> None:
    key_of(customer)
    order = Order.objects.get(pk=order_id)
    wallet_page = boss.get(page_of(customer.wallet)).content.decode()

    assert f'href="{page_of(customer)}"' in wallet_page
    assert f"/admin/wallet/ledgerentry/?wallet={customer.wallet.pk}" in wallet_page
    entries: Any = boss.get(f"/admin/wallet/ledgerentry/?wallet={customer.wallet.pk}")
    assert f"charge:order:{order_id}" in entries.content.decode()
    assert page_of(customer.wallet) in boss.get(page_of(customer)).content.decode()
    assert f'href="{page_of(customer)}"' in boss.get(page_of(order)).content.decode()
    assert Run.objects.get().state == "queued"


def test_facts_show_figures_to_the_right_and_no_empty_columns() -> None:
    at = timezone.now()
    rows = [("1,020", at, "", "a word"), (Decimal("-0.5"), None, None, "7")]

    heads, lines = Fact("Facts", ("amount", "when", "nothing", "what"), rows).draw()

    assert heads == [("amount", "fact-number"), ("when", "fact-time"), ("what", "")]
    assert [[cell for cell, _kind in line] for line in lines] == [["1,020", at, "a word"], [Decimal("-0.5"), None, "7"]]


def test_statuses_of_orders_are_one_click_away_and_keep_the_search(boss: Client, customer: User, order_id: int) -> None:
    page = boss.get(ORDERS, {"q": customer.username, "status": "Pending"}).content.decode()

    assert f'<a href="?q={customer.username}&amp;status=Partial">Partial</a>' in page
    assert f'<a href="?q={customer.username}&amp;status=Pending" aria-current="page">Pending</a>' in page
    assert page_of(Order.objects.get()) in page
    assert page_of(Order.objects.get()) not in boss.get(ORDERS, {"status": "Partial"}).content.decode()


def test_an_order_leads_to_what_belongs_to_it(boss: Client, order_id: int) -> None:
    order = Order.objects.get()
    page = boss.get(page_of(order)).content.decode()

    for title in ("Orders of this customer", "Orders with this link", "Statement", "Tickets about it"):
        address = re.search(f'href="([^"]+)"[^>]*>{title}</a>', page)
        assert address is not None
        assert boss.get(unescape(address[1])).status_code == 200
    assert page_of(order) in boss.get(f"{ORDERS}?{urlencode({'link': order.link})}").content.decode()
