"""One page for each service: everything that changed it, who, when, before and after."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from catalog import syncing
from catalog.admin import history
from catalog.models import Category, Currency, Route, Service, ServiceUpdate
from providers.models import Provider
from staff.models import AuditEntry
from tests.admin.browsing import page_of
from tests.admin.test_catalog_and_providers import service_form
from tests.admin.test_importing import send
from tests.admin.test_services import SERVICES, put, reprice, rows_of
from tests.admin.test_sheets import confirm, preview
from tests.catalog.conftest import goods
from tests.fake_provider.book import Goods
from tests.fake_provider.fixtures import BoughtFrom

Row = tuple[str, str, str, str, str]  # who, what, before, after, why


def address_of(service: Service) -> str:
    """Return the page of a service's history."""
    return reverse("admin:catalog_service_history", args=[service.pk])


def rows_at(client: Client, address: str) -> list[Row]:
    """Return what a page tells, without when and without links."""
    response = client.get(address)
    assert response.status_code == 200
    rows = response.context["facts"][0].rows
    return [tuple(re.sub("<.*?>", "", str(cell)) for cell in row[1:]) for row in rows]


def told_of(client: Client, service: Service) -> list[Row]:
    """Return what its history tells of a service, newest first."""
    return rows_at(client, address_of(service))


@pytest.fixture
def old_services(make_service: Callable[..., Service], usd: Currency) -> list[Service]:
    """Three services at 0.85 whose past is forgotten, so that tests see what they do."""
    Provider.objects.update(price_rule=Provider.PriceRule.KEEP)
    services = [make_service(id=pk) for pk in (11, 12, 13)]
    ServiceUpdate.objects.all().delete()
    return services


@pytest.fixture
def service(old_services: list[Service]) -> Service:
    """The first of them."""
    return old_services[0]


def by_hand(**changes: Any) -> None:
    """Change every service as by a statement in a transaction of its own; a test's transaction remembers who signed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('catalog.writer', '', true)")
    Service.objects.update(**changes)


# --- by staff ------------------------------------------------------------------------------------


def test_tells_every_field_of_the_form(boss: Client, service: Service) -> None:
    other = Category.objects.create(name="Elsewhere")
    changes: dict[str, Any] = {
        "name": "Better", "description": "Now with words", "category": other.pk, "min": "60", "refill_days": "30",
        "dripfeed": "on", "price_rule": "keep", "markup_percent": "12.5", "position": "4", "rate": "0.9",
    }  # fmt: skip
    form = service_form(service, **changes)
    del form["is_active"]

    assert boss.post(page_of(service), form).status_code == 302

    told = told_of(boss, service)
    assert {row[0] for row in told} == {"staff", ""}  # who did it is said once
    assert {row[1:4] for row in told} == {
        ("name", "Instagram Followers — Real & Active", "Better"),
        ("description", "", "Now with words"),
        ("category", "Instagram › Followers", "Elsewhere"),
        ("min", "50", "60"),
        ("refill days", "365", "30"),
        ("dripfeed", "no", "yes"),
        ("price rule", "", "keep"),
        ("markup percent", "", "12.5"),
        ("position", "0", "4"),
        ("rate", "0.85", "0.90"),
        ("active", "yes", "no"),
    }


def test_tells_routes_that_the_form_changes_and_adds(boss: Client, service: Service) -> None:
    elsewhere = Provider.objects.create(name="Other", kind=Provider.Kind.SANDBOX)
    form = service_form(service)
    added = {"provider": elsewhere.pk, "provider_service": "77", "cost": "0.4", "priority": "2", "is_active": "on"}
    form |= {f"routes-1-{name}": value for name, value in added.items()} | {"routes-1-service": service.pk}
    form |= {"routes-TOTAL_FORMS": 2, "routes-0-cost": "0.55"}
    del form["routes-0-is_active"]

    assert boss.post(page_of(service), form).status_code == 302

    assert {row[1:4] for row in told_of(boss, service)} == {
        ("route Sandbox ig-followers: cost", "0.00", "0.55"),
        ("route Sandbox ig-followers: active", "yes", "no"),
        ("route Other 77: provider", "", "Other"),
        ("route Other 77: provider's service id", "", "77"),
        ("route Other 77: cost", "0.00", "0.40"),
        ("route Other 77: priority", "1", "2"),
    }


def test_tells_who_added_it(boss: Client, service: Service) -> None:
    form = service_form(service, name="Brand new") | {"routes-INITIAL_FORMS": 0, "routes-TOTAL_FORMS": 0}

    assert boss.post("/admin/catalog/service/add/", form).status_code == 302

    told = told_of(boss, Service.objects.get(name="Brand new"))
    assert told[0][0] == "staff"
    assert ("name", "", "Brand new") in {row[1:4] for row in told}


def test_tells_what_was_edited_in_the_list(boss: Client, old_services: list[Service]) -> None:
    boss.post(SERVICES, rows_of(old_services, name="Better", position=7))

    assert told_of(boss, old_services[0]) == [
        ("staff", "name", "Instagram Followers — Real & Active", "Better", ""),
        ("", "position", "0", "7", ""),
    ]
    assert told_of(boss, old_services[1]) == []


def test_tells_what_many_at_once_were_switched(boss: Client, old_services: list[Service]) -> None:
    boss.post(SERVICES, {"action": "take_off_sale", "_selected_action": [11, 12]})
    boss.post(SERVICES, {"action": "put_on_sale", "_selected_action": [11]})

    assert told_of(boss, old_services[0]) == [
        ("staff", "active", "no", "yes", "Switched on sale."),
        ("staff", "active", "yes", "no", "Switched off sale."),
    ]
    assert [row[3] for row in told_of(boss, old_services[1])] == ["no"]
    assert told_of(boss, old_services[2]) == []
    assert AuditEntry.objects.count() == 2


def test_tells_prices_changed_by_percent(boss: Client, old_services: list[Service]) -> None:
    seen = reprice(boss, ids="11,12").context["seen"]
    reprice(boss, ids="11,12", seen=seen, write="yes")

    for service in old_services[:2]:
        assert told_of(boss, service) == [
            ("staff", "rate", "0.85", "0.94", "2 prices changed by 10 %."),
        ]
    assert told_of(boss, old_services[2]) == []


def test_tells_where_it_was_put(boss: Client, old_services: list[Service]) -> None:
    put(boss, old_services[0].category, "13,11,12")

    assert told_of(boss, old_services[2]) == [
        ("staff", "position", "0", "1", "Put the services of Instagram › Followers in order; 3 moved."),
    ]
    assert [row[3] for row in told_of(boss, old_services[1])] == ["3"]


def test_an_order_that_is_refused_is_not_told(boss: Client, service: Service) -> None:
    put(boss, service.category, "13,11,999")

    assert told_of(boss, service) == []
    assert not AuditEntry.objects.exists()


def test_tells_what_a_spreadsheet_changed(boss: Client, old_services: list[Service]) -> None:
    rows = [{"id": pk, "rate": "0.99", "description": "From a sheet"} for pk in (11, 13)]
    confirm(boss, preview(boss, rows))

    assert sorted(row[1:4] for row in told_of(boss, old_services[2])) == [
        ("description", "", "From a sheet"),
        ("rate", "0.85", "0.99"),
    ]
    assert told_of(boss, old_services[0])[0][4] == "Changed 2 services from a file."
    assert told_of(boss, old_services[1]) == []


def test_tells_who_imported_it(boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods]) -> None:
    send(boss, fake_provider.provider, "1", "2", percent="50")

    assert told_of(boss, Service.objects.get(name="Goods 2")) == [
        ("staff", "rate", "", "0.75", "Imported from Fake panel."),
        ("", "route", "", "Fake panel 2", ""),
    ]
    assert AuditEntry.objects.get().operation == "catalog.service: add many"


def test_tells_who_added_a_route(
    boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods], service: Service
) -> None:
    send(boss, fake_provider.provider, "1", service=str(service.pk))
    send(boss, fake_provider.provider, "1", service=str(service.pk))  # refused: it is there

    assert told_of(boss, service) == [
        ("staff", "change", "", "", "Service 11 can be bought as Fake panel 1, too."),
    ]


def test_tells_of_an_import_from_the_command_line(
    boss: Client, fake_provider: BoughtFrom, shelf: dict[str, Goods]
) -> None:
    call_command("provider", "import", "Fake panel", "--ids", "1")

    assert [row[0] for row in told_of(boss, Service.objects.get(name="Goods 1"))] == ["command line", ""]


def test_tells_of_one_among_thousands(boss: Client, service: Service) -> None:
    """Ids that contain its id are other services."""
    everything = {str(pk): {"name": f"was {pk}"} for pk in range(1, 3000)}
    another = {str(pk): {"name": "no"} for pk in (1, 111, 1100)}
    facts = {"operation": "test", "subject_model": "catalog.service", "subject_id": "many", "channel": "admin"}
    AuditEntry.objects.create(actor_name="a", before=everything, after=everything, **facts)
    AuditEntry.objects.create(actor_name="b", before=another, after=another, **facts)
    AuditEntry.objects.create(actor_name="c", after=everything, **facts | {"subject_model": "orders.order"})

    assert told_of(boss, service) == [("a", "name", "was 11", "was 11", "")]


# --- by others -----------------------------------------------------------------------------------


def test_tells_what_a_sync_changed(
    boss: Client, fake_provider: BoughtFrom, resell: Callable[..., Service], shelf: dict[str, Goods]
) -> None:
    service = resell()
    ServiceUpdate.objects.all().delete()
    shelf["1"] = goods(1, cost="0.70", min=20)
    syncing.sync_provider(fake_provider.provider)

    told = told_of(boss, service)

    assert told == [
        ("Sync of Fake panel", "Rate", "0.65", "0.91", ""),
        ("", "Min", "10", "20", ""),
        ("Sync of Fake panel", "Cost: Fake panel 1", "0.50", "0.70", ""),
    ]


def test_tells_why_a_sync_took_it_off_sale(
    boss: Client, fake_provider: BoughtFrom, resell: Callable[..., Service], shelf: dict[str, Goods]
) -> None:
    service = resell()
    ServiceUpdate.objects.all().delete()
    del shelf["1"]
    syncing.sync_provider(fake_provider.provider)

    assert told_of(boss, service) == [
        ("Sync of Fake panel", "on sale", "yes", "no", "its provider no longer sells it"),
        ("Sync of Fake panel", "gone at the provider: Fake panel 1", "no", "yes", ""),
    ]


@pytest.mark.django_db(transaction=True)
def test_who_signed_is_forgotten_with_the_transaction(boss: Client, old_services: list[Service]) -> None:
    boss.post(SERVICES, rows_of(old_services, rate="2"))
    Service.objects.filter(pk=11).update(rate=3)

    assert told_of(boss, old_services[0]) == [
        (history.NOBODY, "Rate", "2.00", "3.00", ""),
        ("staff", "rate", "0.85", "2.00", ""),
    ]


def test_tells_what_was_written_by_hand(boss: Client, service: Service) -> None:
    by_hand(rate="2", refill=False)

    assert told_of(boss, service) == [
        (history.NOBODY, "Rate", "0.85", "2.00", ""),
        ("", "Refill", "yes", "no", ""),
    ]


# --- the page ------------------------------------------------------------------------------------


def change_alternately(boss: Client, service: Service, times: int) -> list[str]:
    """Change a price by turns by hand and through the staff log; return the new ones, newest first."""
    for number in range(1, times + 1):
        if number % 2:
            by_hand(rate=number)
        else:
            boss.post(SERVICES, rows_of(list(Service.objects.order_by("-pk")), rate=number))
    return [f"{number}.00" for number in range(times, 0, -1)]


def test_pages_by_key_and_tells_each_once(
    boss: Client, make_service: Callable[..., Service], usd: Currency, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(id=11)
    ServiceUpdate.objects.all().delete()
    prices = change_alternately(boss, service, 7)
    monkeypatch.setattr(history, "PAGE_ROWS", 3)

    told, address, pages = [], address_of(service), 0
    while address:
        told += [row[3] for row in rows_at(boss, address)]
        older = boss.get(address).context["older"]
        pages += 1
        if pages == 1:  # what comes meanwhile shifts nothing
            by_hand(rate=9)
        address = f"{address_of(service)}?before={older}" if older else ""

    assert told == prices
    assert pages == 3


@pytest.mark.parametrize("key", ["", ".", "x.y", "-1.2", "9" * 30, "1.1.1"])
def test_a_key_that_makes_no_sense_is_no_error(boss: Client, service: Service, key: str) -> None:
    assert boss.get(f"{address_of(service)}?before={key}").status_code == 200


def test_costs_the_same_however_long_it_is(
    boss: Client, old_services: list[Service], django_assert_max_num_queries: Any
) -> None:
    first = old_services[0]
    boss.get(address_of(first))

    def count() -> int:
        with django_assert_max_num_queries(100) as queries:
            boss.get(address_of(first))
        return len(queries)

    before = count()
    for number in range(1, 9):
        put(boss, first.category, "11,12,13" if number % 2 else "13,12,11")
        by_hand(rate=number)
        Route.objects.filter(service=11).update(cost=number)
        boss.post(SERVICES, rows_of(list(Service.objects.order_by("-pk")), name=f"Name {number}"))

    assert count() == before


def test_is_linked_from_the_services_page(boss: Client, service: Service) -> None:
    assert address_of(service) in boss.get(page_of(service)).content.decode()
    assert "Everything that changed this service" in boss.get(page_of(service)).content.decode()


def test_needs_the_permission(make_clerk: Callable[..., Client], service: Service) -> None:
    nobody = make_clerk("support.view_ticket", "support.change_ticket")

    assert nobody.get(address_of(service)).status_code == 403
    assert Client().get(address_of(service)).status_code == 302
    assert make_clerk("catalog.view_service").get(address_of(service)).status_code == 200


def test_a_service_that_is_not_there_is_not_found(boss: Client, service: Service) -> None:
    assert boss.get(address_of(service).replace("/11/", "/99/")).status_code == 404
    assert boss.get(address_of(service).replace("/11/", "/x/")).status_code == 404


def test_only_who_may_read_the_log_is_led_there(
    boss: Client, make_clerk: Callable[..., Client], service: Service
) -> None:
    boss.post(SERVICES, {"action": "take_off_sale", "_selected_action": [11]})
    log_page = page_of(AuditEntry.objects.get())

    assert log_page in boss.get(address_of(service)).content.decode()
    clerk = make_clerk("catalog.view_service")
    assert log_page not in clerk.get(address_of(service)).content.decode()
    assert told_of(clerk, service)[0][0] == "staff"


def test_hostile_names_are_text(boss: Client, service: Service) -> None:
    Service.objects.filter(pk=11).update(name="<script>alert(1)</script>")
    User.objects.filter(username="staff").update(username="<img src=x>")
    boss.post(SERVICES, {"action": "take_off_sale", "_selected_action": [11]})

    page = boss.get(address_of(service)).content.decode()

    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page
