"""Services edited in the list, repriced by a percentage, and put in order."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog.models import Category, Currency, Route, Service
from providers.models import Provider
from staff.models import AuditEntry
from tests.admin.browsing import page_of_action, told
from tests.fixtures import call_api

SERVICES = "/admin/catalog/service/"
REPRICE = "/admin/catalog/service/reprice/"
EDITED = ("name", "rate", "min", "max", "position", "is_active")


def rows_of(services: list[Service], **first: Any) -> dict[str, Any]:
    """Return the list's form as a browser sends it: what was shown, and what stands in the first row now."""
    form: dict[str, Any] = {"form-TOTAL_FORMS": len(services), "form-INITIAL_FORMS": len(services), "_save": "Save"}
    for number, service in enumerate(services):
        form[f"form-{number}-id"] = service.pk
        for name in EDITED:
            shown = getattr(service, name)
            if name == "is_active":
                shown = "on" if shown else ""
            form[f"initial-form-{number}-{name}"] = shown
            value = first.get(name, shown) if number == 0 else shown
            if value != "":
                form[f"form-{number}-{name}"] = value
    return form


@pytest.fixture
def shop(make_service: Callable[..., Service], usd: Currency) -> list[Service]:
    """Three services at 0.85, 1.00 and 0.10 that cost 0.50; their provider's prices are not followed."""
    Provider.objects.update(price_rule=Provider.PriceRule.KEEP)
    return [make_service(id=pk, rate=rate, cost="0.5") for pk, rate in ((11, "0.85"), (12, "1"), (13, "0.1"))]


# --- in the list ---------------------------------------------------------------------------------


def test_edits_in_the_list(boss: Client, customer: Any, shop: list[Service]) -> None:
    response = boss.post(
        SERVICES, rows_of(shop[::-1], name="Better", rate="0.2", min=10, max=20, position=7, is_active="")
    )

    assert response.status_code == 302, response.context["cl"].formset.errors
    service = Service.objects.get(pk=13)
    assert (service.name, service.rate, service.min, service.max, service.position, service.is_active) == (
        "Better", Decimal("0.2"), 10, 20, 7, False,
    )  # fmt: skip
    assert [one["service"] for one in call_api(customer, action="services")] == [11, 12]


def test_list_shows_what_it_compares_with(boss: Client, shop: list[Service]) -> None:
    page = boss.get(SERVICES).content.decode()

    assert 'name="form-0-rate"' in page
    assert 'name="initial-form-0-rate"' in page


def test_prices_that_a_sync_wrote_meanwhile_stay(boss: Client, shop: list[Service]) -> None:
    form = rows_of(shop, name="Better")
    Service.objects.filter(pk=12).update(rate="3")
    Service.objects.filter(pk=11).update(min=60)

    assert boss.post(SERVICES, form).status_code == 302

    assert Service.objects.get(pk=12).rate == Decimal(3)
    first = Service.objects.get(pk=11)
    assert (first.name, first.min) == ("Better", 60)


@pytest.mark.parametrize("wrong", [{"rate": "-1"}, {"rate": "0.000001"}, {"min": "0"}, {"max": "49"}, {"rate": "NaN"}])
def test_list_refuses_what_cannot_be(boss: Client, shop: list[Service], wrong: dict[str, str]) -> None:
    response = boss.post(SERVICES, rows_of(shop, **wrong))

    assert response.status_code == 200
    first = Service.objects.get(pk=11)
    assert (first.rate, first.min, first.max) == (Decimal("0.85"), 50, 100_000)


def test_staff_who_switch_decide_over_the_sync(boss: Client, shop: list[Service]) -> None:
    Service.objects.filter(pk=11).update(is_active=False, off_sale_because=Service.OffSale.LOSS)
    shop[0].refresh_from_db()

    boss.post(SERVICES, rows_of(shop, is_active="on"))

    service = Service.objects.get(pk=11)
    assert (service.is_active, service.off_sale_because) == (True, "")


def test_editing_the_list_needs_the_permission(make_clerk: Callable[..., Client], shop: list[Service]) -> None:
    clerk = make_clerk("catalog.view_service")

    assert 'name="form-0-rate"' not in clerk.get(SERVICES).content.decode()
    clerk.post(SERVICES, rows_of(shop, rate="9"))

    assert Service.objects.get(pk=11).rate == Decimal("0.85")


# --- by a percentage -----------------------------------------------------------------------------


def reprice(client: Client, **changes: Any) -> Any:
    """Send the form of the page."""
    return client.post(REPRICE, {"percent": "10", "rounding": "0.01", **changes})


def prices() -> dict[int, Decimal]:
    """Return what everything costs."""
    return dict(Service.objects.order_by("pk").values_list("pk", "rate"))


def test_shows_old_new_and_margin_first(boss: Client, shop: list[Service]) -> None:
    before = prices()

    response = reprice(boss, category=shop[0].category_id)

    assert response.status_code == 200
    rows = {str(row[0]).split(">")[1].split(" ")[0]: row[1:] for row in response.context["facts"][0].rows}
    assert rows == {
        "13": ("0.10", "0.11", "0.50", "-354.5 %", "costs more than it brings"),
        "11": ("0.85", "0.94", "0.50", "46.8 %", ""),
        "12": ("1.00", "1.10", "0.50", "54.5 %", ""),
    }
    assert "3 prices change" in response.content.decode()
    assert prices() == before


def test_writes_what_was_shown(boss: Client, shop: list[Service]) -> None:
    seen = reprice(boss, ids="11,12").context["seen"]

    response = reprice(boss, ids="11,12", seen=seen, write="yes")

    assert told(response) == "2 prices changed."
    assert prices() == {11: Decimal("0.94"), 12: Decimal("1.10"), 13: Decimal("0.10")}
    assert sorted(AuditEntry.objects.get().after) == ["11", "12"]
    logged = AuditEntry.objects.get()
    assert (logged.actor_name, logged.outcome) == ("staff", "2 prices changed by 10 %.")
    assert logged.before == {"11": "0.85000", "12": "1.00000"}
    assert logged.after == {"11": "0.94000", "12": "1.10000"}
    assert reprice(boss, ids="11,12", seen=seen, write="yes").status_code == 200  # a form sent twice
    assert prices()[11] == Decimal("0.94")


def test_lowers_and_rounds_up(boss: Client, shop: list[Service]) -> None:
    how = {"ids": "11,12,13", "percent": "-33.3", "rounding": "0.1"}

    reprice(boss, **how, seen=reprice(boss, **how).context["seen"], write="yes")

    assert prices() == {11: Decimal("0.6"), 12: Decimal("0.7"), 13: Decimal("0.1")}


@pytest.mark.parametrize("seen", ["", "x" * 64])
def test_writes_nothing_that_was_not_shown(boss: Client, shop: list[Service], seen: str) -> None:
    before = prices()

    response = reprice(boss, ids="11", seen=seen, write="yes")

    assert "Nothing was written" in response.content.decode()
    assert prices() == before


def test_writes_nothing_when_a_price_moved(boss: Client, shop: list[Service]) -> None:
    seen = reprice(boss, ids="11,12").context["seen"]
    Service.objects.filter(pk=12).update(rate="2")

    response = reprice(boss, ids="11,12", seen=seen, write="yes")

    assert "Nothing was written" in response.content.decode()
    assert prices()[11] == Decimal("0.85")
    assert response.context["seen"] != seen


def test_prices_that_follow_a_provider_are_left_alone(boss: Client, shop: list[Service], provider: Provider) -> None:
    Provider.objects.update(price_rule=Provider.PriceRule.FOLLOW)
    Service.objects.filter(pk=12).update(price_rule=Provider.PriceRule.KEEP)

    response = reprice(boss, provider=provider.pk)
    assert "1 prices change; 0 stay, 2 follow" in response.content.decode()
    reprice(boss, provider=provider.pk, seen=response.context["seen"], write="yes")

    assert prices() == {11: Decimal("0.85"), 12: Decimal("1.10"), 13: Decimal("0.10")}


def test_finds_by_provider_and_category(
    boss: Client, shop: list[Service], make_service: Callable[..., Service]
) -> None:
    elsewhere = Provider.objects.create(name="Other", kind=Provider.Kind.SANDBOX, price_rule=Provider.PriceRule.KEEP)
    there = make_service(id=21, category="Else", provider=elsewhere)
    Route.objects.create(service=shop[0], provider=elsewhere, provider_service="x", is_active=False)

    def found(**scope: Any) -> list[str]:
        rows = reprice(boss, **scope).context["facts"][0].rows
        return sorted(str(row[0]).split(">")[1].split(" ")[0] for row in rows)

    assert found(provider=elsewhere.pk) == ["21"]
    assert found(category=there.category_id) == ["21"]
    assert found(category=shop[0].category_id, provider=elsewhere.pk) == []


@pytest.mark.parametrize(
    "wrong",
    [{}, {"ids": "11,x"}, {"ids": "11;12"}, {"ids": "9" * 12}, {"ids": "11", "percent": "-100"}, {"category": 999}],
)
def test_refuses_what_cannot_be_meant(boss: Client, shop: list[Service], wrong: dict[str, Any]) -> None:
    before = prices()

    response = reprice(boss, **wrong, write="yes")

    assert response.context["form"].errors
    assert prices() == before


def test_refuses_a_price_that_does_not_fit(boss: Client, shop: list[Service]) -> None:
    Service.objects.filter(pk=12).update(rate="900000000000000")

    response = reprice(boss, ids="11,12", percent="50", write="yes")

    assert "service 12" in str(response.context["form"].errors)
    assert prices()[11] == Decimal("0.85")


def test_selection_in_the_list_leads_there(boss: Client, shop: list[Service]) -> None:
    response = boss.post(SERVICES, {"action": "change_prices", "_selected_action": [12, 11]})

    assert response.url == f"{REPRICE}?ids=11,12"
    assert 'value="11,12"' in boss.get(response.url).content.decode()


def test_repricing_needs_the_permission(make_clerk: Callable[..., Client], shop: list[Service]) -> None:
    clerk = make_clerk("catalog.view_service")
    before = prices()

    assert clerk.get(REPRICE).status_code == 403
    assert reprice(clerk, ids="11", seen="x", write="yes").status_code == 403

    assert prices() == before


# --- in order ------------------------------------------------------------------------------------


def put(client: Client, category: Category, ids: str) -> Any:
    """Send an order."""
    return client.post(page_of_action(category, "order"), {"ids": ids})


def positions() -> dict[int, int]:
    """Return where everything stands."""
    return dict(Service.objects.order_by("pk").values_list("pk", "position"))


def test_puts_services_in_order(boss: Client, customer: Any, shop: list[Service]) -> None:
    category = shop[0].category

    page = boss.get(page_of_action(category, "order")).content.decode()
    assert 'data-id="13"' in page
    assert told(put(boss, category, "13,11,12")) == "3 services moved."

    assert [one["service"] for one in call_api(customer, action="services")] == [13, 11, 12]


def test_services_that_came_meanwhile_follow(boss: Client, shop: list[Service]) -> None:
    put(boss, shop[0].category, "12,11")

    assert positions() == {12: 1, 11: 2, 13: 3}


@pytest.mark.parametrize("ids", ["11,12,21", "11,11", "999"])
def test_refuses_an_order_of_other_services(
    boss: Client, shop: list[Service], make_service: Callable[..., Service], ids: str
) -> None:
    make_service(id=21, category="Else")
    before = positions()

    assert "not the services of this category" in told(put(boss, shop[0].category, ids))

    assert positions() == before


def test_ordering_needs_the_permission(make_clerk: Callable[..., Client], shop: list[Service]) -> None:
    clerk = make_clerk("catalog.view_category", "catalog.change_category")

    assert put(clerk, shop[0].category, "13,11,12").status_code == 403

    assert set(positions().values()) == {0}


def test_a_row_is_an_id_and_a_name(boss: Client, shop: list[Service]) -> None:
    """Ten thousand of them must not be a heavy page."""
    Service.objects.filter(pk=12).update(name="<b>Bold</b>", is_active=False)

    page = boss.get(page_of_action(shop[0].category, "order")).content.decode()

    assert '<li data-id="12">12 &lt;b&gt;Bold&lt;/b&gt; (off sale)\n<li data-id="13">13 ' in page


@pytest.mark.parametrize(
    ("move", "place", "expected"),
    [
        (13, 1, [13, 11, 12]),
        (11, 2, [12, 11, 13]),
        (11, 3, [12, 13, 11]),
        (11, 999, [12, 13, 11]),
        (12, 2, [11, 12, 13]),
    ],
)
def test_moves_one_to_a_place(boss: Client, shop: list[Service], move: int, place: int, expected: list[int]) -> None:
    """As without a mouse and without a script, which sends the whole order."""
    response = boss.post(page_of_action(shop[0].category, "order"), {"ids": "", "move": move, "place": place})

    assert response.status_code == 302
    assert sorted(positions(), key=positions().__getitem__) == expected
    assert sorted(positions().values()) == [1, 2, 3]


def test_moves_one_in_what_was_dragged(boss: Client, shop: list[Service]) -> None:
    boss.post(page_of_action(shop[0].category, "order"), {"ids": "13,12,11", "move": 11, "place": 2})

    assert positions() == {13: 1, 11: 2, 12: 3}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"move": 11}, {"place": 1}, {"move": 11, "place": 0}, {"move": 11, "place": "x"}),
        *({"move": "9" * 30, "place": 1}, {"move": 21, "place": 1}, {"move": 999, "place": 1}, {"ids": "x"}),
    ],
)
def test_refuses_a_move_that_cannot_be(
    boss: Client, shop: list[Service], make_service: Callable[..., Service], wrong: dict[str, Any]
) -> None:
    make_service(id=21, category="Else")

    response = boss.post(page_of_action(shop[0].category, "order"), {"ids": "13,12,11", **wrong})

    assert response.status_code == 302 or response.context["form"].errors
    assert "moved" not in told(response)
    assert set(positions().values()) == {0}
    assert not AuditEntry.objects.exists()
