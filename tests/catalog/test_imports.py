"""Choosing from a provider's catalogue what to sell."""

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection

from catalog import imports
from catalog.errors import NotImportable, ProviderCurrencyUnknown, RouteExists
from catalog.models import Category, Currency, Route, Service
from providers.errors import ProviderError
from providers.models import Provider
from tests.catalog.conftest import goods, world


def importing(fake_provider, *ids, **markup):
    return imports.import_services(provider=fake_provider.provider, ids=ids, **markup)


def test_puts_services_on_sale_with_the_markup(fake_provider, shelf):
    shelf["2"] = goods(2, cost="1.00", min=5, max=500, category="Likes", refill=False, cancel=False, dripfeed=False)

    result = importing(fake_provider, "1", "2")

    assert (sorted(result.created), result.already, result.refused) == (["1", "2"], [], {})
    first, second = (Service.objects.get(pk=result.created[one]) for one in ("1", "2"))
    assert (first.name, first.category.name, first.type, first.rate) == ("Goods 1", "Fake", "Default", Decimal("0.65"))
    assert (first.min, first.max, first.refill, first.cancel, first.dripfeed) == (10, 1_000_000, True, True, True)
    assert (second.rate, second.min, second.max, second.category.name) == (Decimal("1.3"), 5, 500, "Likes")
    assert (second.refill, second.cancel, second.dripfeed, second.is_active) == (False, False, False, True)
    route = Route.objects.get(service=second)
    assert (route.provider, route.provider_service, route.priority) == (fake_provider.provider, "2", 1)
    assert (route.cost, route.min, route.max, route.gone_at) == (Decimal("1.00"), 5, 500, None)
    assert len(fake_provider.calls("services")) == 1


def test_sells_nothing_for_nothing(fake_provider, shelf):
    shelf["2"] = goods(2, cost="0")

    result = importing(fake_provider, "2")

    assert (result.created, result.refused) == ({}, {"2": "it would be sold for nothing; give it a fixed markup"})
    assert importing(fake_provider, "2", fixed=Decimal("0.01")).created


def test_skips_what_is_imported_already_and_says_so(fake_provider, shelf):
    first = importing(fake_provider, "1").created

    result = importing(fake_provider, "1", "2")

    assert (list(result.created), result.already, result.refused) == (["2"], ["1"], {})
    assert Route.objects.filter(provider_service="1").get().service_id == first["1"]


def test_same_id_at_another_provider_is_another_service(fake_provider, shelf, make_service, provider):
    make_service(provider=provider, provider_service="1")

    assert list(importing(fake_provider, "1").created) == ["1"]


def test_says_what_cannot_be_sold(fake_provider, shelf):
    shelf["2"] = goods(2, type="Subscriptions")
    shelf["3"] = goods(3, type="Miracle")

    result = importing(fake_provider, "1", "2", "3", "404")

    assert list(result.created) == ["1"]
    assert set(result.refused) == {"2", "3", "404"}
    assert "Subscriptions" in result.refused["2"]
    assert result.refused["404"] == "the provider does not list it"
    assert Service.objects.count() == 1


def test_own_markup_stays_with_the_service(fake_provider, shelf):
    result = importing(
        fake_provider, "1", percent=Decimal(50), fixed=Decimal("0.10"), rounding=Provider.Rounding.TENTH.value
    )

    service = Service.objects.get(pk=result.created["1"])
    assert service.rate == Decimal("0.9")  # 0.85, up to a tenth
    assert (service.markup_percent, service.markup_fixed, service.rounding) == (Decimal(50), Decimal("0.10"), "0.1")


def test_the_providers_markup_is_not_copied(fake_provider, shelf):
    result = importing(fake_provider, "1", percent=Decimal("30.00"), fixed=Decimal(0), rounding="0.00001")

    service = Service.objects.get(pk=result.created["1"])
    assert (service.markup_percent, service.markup_fixed, service.rounding) == (None, None, "")


def test_converts_from_the_providers_currency(fake_provider, shelf):
    Currency.objects.create(code="EUR", rate=Decimal("0.5"))
    Provider.objects.update(currency="EUR")
    fake_provider.provider.refresh_from_db()

    service = Service.objects.get(pk=importing(fake_provider, "1").created["1"])

    assert service.rate == Decimal("1.3")  # 0.50 EUR are 1.00 USD
    assert service.routes.get().cost == Decimal("0.50")


@pytest.mark.parametrize("call", [importing, lambda fake, one: route_to(fake, one, service_id=1)])
def test_refuses_a_currency_that_nobody_knows(call, fake_provider, shelf):
    fake_provider.provider.currency = "XAU"
    before = world()

    with pytest.raises(ProviderCurrencyUnknown) as refusal:
        call(fake_provider, "1")

    assert refusal.value.currency == "XAU"
    assert world() == before


def test_moves_nothing_when_the_provider_fails(fake_provider, shelf):
    before = world()
    fake_provider.fail_next("html", action="services")

    with pytest.raises(ProviderError):
        importing(fake_provider, "1")

    assert world() == before


def test_imports_all_or_nothing(fake_provider, shelf):
    before = world()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_route ADD CONSTRAINT unlucky CHECK (provider_service <> '3')")

    with pytest.raises(DatabaseError):
        importing(fake_provider, "1", "2", "3")

    assert world() == before


def test_refuses_markups_that_take_away(fake_provider, shelf):
    before = world()

    with pytest.raises(ValueError, match="markup"):
        importing(fake_provider, "1", percent=Decimal(-1))

    assert world() == before
    assert fake_provider.received == []


def test_asks_the_provider_outside_any_transaction(fake_provider, shelf, monkeypatch):
    depths = []
    read = imports.buying.read_catalogue
    at_rest = len(connection.savepoint_ids)
    monkeypatch.setattr(
        imports.buying,
        "read_catalogue",
        lambda provider: depths.append(len(connection.savepoint_ids)) or read(provider),
    )

    importing(fake_provider, "1")

    assert depths == [at_rest]


def test_uses_categories_that_are_there(fake_provider, shelf):
    ours = Category.objects.create(name="Fake", position=7)
    shelf["2"] = goods(2, category="New")
    shelf["3"] = goods(3, category="Newer")

    importing(fake_provider, "3", "2", "1")

    assert Service.objects.filter(category=ours).count() == 1
    positions = dict(Category.objects.values_list("name", "position"))
    assert positions == {"Fake": 7, "New": 8, "Newer": 9}


def test_hostile_names_become_one_line_of_text(fake_provider, shelf):
    attack = "<script>alert(1)</script>\0\r\n\u202e" + "x" * 300
    shelf["1"] = goods(1, name=attack, category=attack)
    shelf["2"] = goods(2, name="\r\n", category="\u202e")

    result = importing(fake_provider, "1", "2")

    service = Service.objects.get(pk=result.created["1"])
    assert service.name.startswith("<script>alert(1)</script>")
    assert len(service.category.name) <= 200
    assert not set("\0\r\n\u202e") & set(service.name + service.category.name)
    assert list(result.refused) == ["2"]


def test_thousands_take_few_queries(fake_provider, shelf, django_assert_max_num_queries):
    shelf.update({str(number): goods(number, category=f"C{number % 50}") for number in range(1, 3001)})

    with django_assert_max_num_queries(25):
        result = importing(fake_provider, *shelf)

    assert len(result.created) == 3000
    assert list(Service.objects.order_by("pk").values_list("name", flat=True)[:2]) == ["Goods 1", "Goods 2"]


def route_to(fake_provider, provider_service, *, service_id):
    return imports.add_route(provider=fake_provider.provider, provider_service=provider_service, service_id=service_id)


def test_adds_a_further_route(fake_provider, shelf, followers):
    route = route_to(fake_provider, "1", service_id=followers.pk)

    assert [one.pk for one in followers.routes.all()][-1] == route.pk
    assert (route.priority, route.cost, route.min, route.max) == (2, Decimal("0.50"), 10, 1_000_000)
    followers.refresh_from_db()
    assert followers.rate == Decimal("0.85")
    assert Service.objects.count() == 1


def test_refuses_the_same_route_twice(fake_provider, shelf, followers):
    route_to(fake_provider, "1", service_id=followers.pk)
    before = world()

    with pytest.raises(RouteExists):
        route_to(fake_provider, "1", service_id=followers.pk)

    assert world() == before


@pytest.mark.parametrize("wrong", ["404", "2", "3"])
def test_refuses_routes_to_another_thing(wrong, fake_provider, shelf, followers):
    shelf["2"] = goods(2, type="Package")
    shelf["3"] = replace(shelf["3"], type="Subscriptions")
    before = world()

    with pytest.raises(NotImportable):
        route_to(fake_provider, wrong, service_id=followers.pk)

    assert world() == before


def test_refuses_routes_of_services_that_are_not_there(fake_provider, shelf):
    with pytest.raises(Service.DoesNotExist):
        route_to(fake_provider, "1", service_id=4711)

    assert not Route.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_import_once(fake_provider, shelf):
    start = threading.Barrier(4)
    results = []

    def work():
        start.wait(10)
        results.append(importing(fake_provider, *shelf))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(len(result.created) for result in results) == [0, 0, 0, 6]
    assert Route.objects.count() == Service.objects.count() == 6
