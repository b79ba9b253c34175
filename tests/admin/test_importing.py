"""Staff choose from a provider's catalogue what to sell."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog.admin import importing
from catalog.models import Route, Service
from providers.models import Provider
from staff.models import AuditEntry
from tests.admin.browsing import complaints, page_of, page_of_action, told
from tests.catalog.conftest import goods, world
from tests.fake_provider.book import Goods
from tests.fake_provider.fixtures import BoughtFrom

PAGE = "/admin/catalog/service/import_services/"
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"

pytestmark = pytest.mark.usefixtures("shelf")


def page_for(provider: Provider) -> str:
    return f"{PAGE}?provider={provider.pk}"


def send(client: Client, provider: Provider, *ids: str, **changes: Any) -> Any:
    """Send the form as the page's script does."""
    markup = {"percent": "30.00", "fixed": "0.00", "rounding": "0.00001"}
    return client.post(page_for(provider), {"ids": "\n".join(ids), **markup, **changes})


def rows_of(response: Any) -> dict[str, dict[str, Any]]:
    """Return what the page's script gets to show."""
    found = re.search(r'<script id="import-rows" type="application/json">(.*?)</script>', response.content.decode())
    assert found, response.content.decode()
    return {row["id"]: row for row in json.loads(found[1])}


def test_asks_which_provider_first(boss: Client, fake_provider: BoughtFrom, provider: Provider) -> None:
    page = boss.get(PAGE).content.decode()

    assert f"?provider={fake_provider.provider.pk}" in page
    assert f"?provider={provider.pk}" in page
    assert fake_provider.received == []


def test_is_linked_from_services_and_from_the_provider(boss: Client, fake_provider: BoughtFrom) -> None:
    assert PAGE in boss.get("/admin/catalog/service/").content.decode()
    sell = page_of_action(fake_provider.provider, "sell")
    assert sell in boss.get(page_of(fake_provider.provider)).content.decode()
    assert boss.get(sell).headers["Location"] == page_for(fake_provider.provider)


def test_shows_the_catalogue_with_what_is_sold_already(
    boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods], make_service: Callable[..., Service]
) -> None:
    service = make_service(provider=fake_provider.provider, provider_service="2")
    shelf["3"] = goods(3, type="Subscriptions")
    Provider.objects.update(markup_percent=Decimal("12.5"), markup_fixed=Decimal("0.02"), rounding="0.01")

    response = boss.get(page_for(fake_provider.provider))

    rows = rows_of(response)
    assert rows["1"] == {
        "id": "1", "name": "Goods 1", "category": "Fake", "type": "Default", "ours": None, "cost": "0.50000",
        "min": 10, "max": 1_000_000, "can": ["refill", "cancel", "dripfeed"],
    }  # fmt: skip
    assert rows["2"]["ours"] == service.pk
    assert "Subscriptions" in rows["3"]["why"]
    assert response.context["form"].initial == {
        "percent": Decimal("12.50"), "fixed": "0.02", "rounding": "0.01"
    }  # fmt: skip
    assert response.context["categories"] == ["Fake"]


def test_imports_what_was_chosen(boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods]) -> None:
    response = send(boss, fake_provider.provider, "1", "2", "2", percent="50")

    assert response.headers["Location"] == "/admin/catalog/service/?o=-1"
    assert told(response) == "2 services imported from Fake panel."
    assert set(Service.objects.values_list("name", "rate")) == {
        ("Goods 1", Decimal("0.75")),
        ("Goods 2", Decimal("0.75")),
    }
    assert len(AuditEntry.objects.get(operation="catalog.service: add many").after) == 2


def test_says_what_was_not_imported(boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods]) -> None:
    send(boss, fake_provider.provider, "1")
    shelf["3"] = goods(3, type="Subscriptions")

    said = told(send(boss, fake_provider.provider, "1", "2", "3", "404"))

    assert "1 services imported" in said
    assert "1 are sold here already" in said
    assert "404: the provider does not list it" in said
    assert "Subscriptions" in said


def test_takes_more_ids_than_a_form_has_fields(
    boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.update({str(number): goods(number) for number in range(1, 1501)})

    send(boss, fake_provider.provider, *shelf)

    assert Service.objects.count() == 1500
    monkeypatch.setattr(importing, "IMPORT_AT_ONCE_MAX", 2)
    assert "at most 2" in complaints(send(boss, fake_provider.provider, "1", "2", "3"))


def test_adds_a_further_route(boss: Client, fake_provider: BoughtFrom, followers: Service) -> None:
    response = send(boss, fake_provider.provider, "1", service=str(followers.pk))

    assert told(response) == "Service 1042 can be bought as Fake panel 1, too."
    assert Route.objects.get(provider=fake_provider.provider).service == followers
    assert Service.objects.count() == 1
    before = world()
    assert "already" in complaints(send(boss, fake_provider.provider, "1", service=str(followers.pk)))
    assert world() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"ids": ""},
        {"percent": "-1"},
        {"percent": "x"},
        {"percent": ""},
        {"fixed": "-0.01"},
        {"fixed": "0.000001"},
        {"rounding": "3"},
        {"service": "4711"},
        {"service": "0"},
        {"ids": "1\n2", "service": "1042"},
    ],
)
def test_refuses_what_makes_no_sense(
    boss: Client, fake_provider: BoughtFrom, followers: Service, wrong: dict[str, str]
) -> None:
    before = world()

    response = send(boss, fake_provider.provider, "1", **wrong)

    assert complaints(response)
    assert rows_of(response)  # one can go on choosing
    assert world() == before


@pytest.mark.parametrize("fault", ["refuse", "html", "reset", "http_500", "accept_truncated"])
def test_a_provider_that_fails_is_a_message(boss: Client, fake_provider: BoughtFrom, fault: str) -> None:
    before = world()
    fake_provider.fail_next(fault, fault, fault, action="services")

    looked = boss.get(page_for(fake_provider.provider))
    sent = send(boss, fake_provider.provider, "1")

    for response in (looked, sent):
        assert response.status_code == 200
        assert "does not tell what it sells" in response.content.decode()
    assert world() == before


def test_unknown_currency_is_a_message(boss: Client, fake_provider: BoughtFrom) -> None:
    Provider.objects.update(currency="XAU")
    before = world()

    for response in (boss.get(page_for(fake_provider.provider)), send(boss, fake_provider.provider, "1")):
        assert "Nobody has said what XAU is worth" in response.content.decode()
    assert world() == before


def test_import_that_fails_once_can_be_sent_again(boss: Client, fake_provider: BoughtFrom) -> None:
    fake_provider.fail_next("html", action="services")

    response = send(boss, fake_provider.provider, "1", "2")

    assert "does not tell what it sells" in complaints(response)
    assert response.context["form"]["ids"].value() == "1\n2"
    assert len(rows_of(response)) == 6


def test_what_the_provider_writes_stays_text(boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods]) -> None:
    shelf["1"] = goods(1, name=ATTACK, category=f'"{ATTACK}\u202e', type=ATTACK[:60])
    shelf["2"] = goods(2, name=ATTACK, category=ATTACK)
    fake_provider.fail_next("refuse", action="balance", text=ATTACK)

    pages = [boss.get(page_for(fake_provider.provider)), boss.get("/admin/catalog/service/")]
    sent = send(boss, fake_provider.provider, "1", "2", f"9{ATTACK[:20]}")
    pages.append(boss.get(sent.headers["Location"]))

    assert rows_of(pages[0])["2"]["name"] == ATTACK
    for page in pages:
        assert "<script>alert" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()


def test_thousands_of_rows_cost_a_handful_of_queries(
    boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods], django_assert_max_num_queries: Any
) -> None:
    shelf.update({str(number): goods(number, category=f"C{number % 40}") for number in range(1, 5001)})

    with django_assert_max_num_queries(15):
        response = boss.get(page_for(fake_provider.provider))

    assert len(rows_of(response)) == 5000
    assert len(response.content) < 1_500_000


def test_needs_the_permission(make_clerk: Callable[..., Client], fake_provider: BoughtFrom) -> None:
    clerk = make_clerk("catalog.view_service", "catalog.change_service", "providers.view_provider")
    before = world()

    assert clerk.get(PAGE).status_code == 403
    assert clerk.get(page_for(fake_provider.provider)).status_code == 403
    assert send(clerk, fake_provider.provider, "1").status_code == 403
    assert clerk.get(page_of_action(fake_provider.provider, "sell")).status_code == 403
    assert PAGE not in clerk.get("/admin/catalog/service/").content.decode()
    assert fake_provider.received == []
    assert world() == before


def test_visitors_and_customers_are_sent_away(client: Client, fake_provider: BoughtFrom, customer: Any) -> None:
    client.force_login(customer, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert send(client, fake_provider.provider, "1").status_code == 302
    assert send(Client(), fake_provider.provider, "1").status_code == 302
    assert not Service.objects.exists()


@pytest.mark.parametrize("provider_id", ["0", "4711", "9" * 30, "x", "-1"])
def test_providers_that_are_not_there(boss: Client, provider_id: str) -> None:
    assert boss.get(PAGE, {"provider": provider_id}).status_code in (200, 404)
