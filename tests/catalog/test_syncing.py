"""Following a provider's catalogue: by its rules, never blindly."""

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from django.core import mail
from django.db import connection

from catalog import tasks
from catalog.models import CatalogVersion, Currency, Route, Service, ServiceUpdate
from catalog.syncing import sync_provider
from providers.models import Provider
from tests.catalog.conftest import goods, world

OffSale = Service.OffSale


@pytest.fixture
def sync(fake_provider, shelf, settings):
    """Sync with the fake provider, whose mails to staff are counted."""
    settings.ADMINS = [("Staff", "staff@example.com")]

    def run(*, force=False):
        return sync_provider(fake_provider.provider, force=force)

    return run


def panel():
    return Provider.objects.get(kind="panel")


def rules(**changes):
    assert Provider.objects.filter(kind="panel").update(**changes) == 1


def fresh(service):
    return Service.objects.get(pk=service.pk)


def state(service):
    service = fresh(service)
    return service.is_active, service.off_sale_because


def version():
    return CatalogVersion.objects.get(pk=1).version


def updates(service):
    return [(one.field, one.old, one.new) for one in ServiceUpdate.objects.filter(service=service).order_by("pk")]


def test_follows_the_price_with_the_markup(sync, resell, shelf):
    service = resell()
    shelf["1"] = goods(1, cost="0.70")

    result = sync()

    assert (result.failure, result.listed, result.repriced, result.changed, result.suspicious) == ("", 6, 1, 1, [])
    assert fresh(service).rate == Decimal("0.91")
    assert service.routes.get().cost == Decimal("0.70")
    assert set(updates(service)) >= {("rate", "0.65000", "0.91000"), ("cost", "0.50000", "0.70000")}
    provider = panel()
    assert provider.synced_at is not None
    assert provider.sync_failure == ""


def test_keeps_the_price_where_the_rule_says_so(sync, resell, shelf):
    service = resell(rate=Decimal("0.85"))
    rules(price_rule="keep")
    shelf["1"] = goods(1, cost="0.70", min=20, max=99, refill=False, cancel=False)

    sync()

    found = fresh(service)
    assert found.rate == Decimal("0.85")
    assert (found.min, found.max, found.refill, found.cancel) == (20, 99, False, False)
    assert service.routes.get().cost == Decimal("0.70")


def test_a_services_own_rule_and_markup_come_first(sync, resell, shelf):
    kept = resell(1, price_rule="keep", rate=Decimal(5))
    dearer = resell(2, markup_percent=100, markup_fixed=Decimal("0.01"), rounding="0.1")
    rules(price_rule="follow")

    sync()

    assert (fresh(kept).rate, fresh(dearer).rate) == (Decimal(5), Decimal("1.1"))


def test_converts_from_the_providers_currency(sync, resell):
    service = resell()
    Currency.objects.create(code="EUR", rate=Decimal("0.5"))
    rules(currency="EUR")

    sync()

    assert fresh(service).rate == Decimal("1.3")
    assert service.routes.get().cost == Decimal("0.50")


def test_changes_nothing_when_nothing_changed(sync, resell):
    resell(1)
    resell(2)
    sync()
    before = world()

    result = sync()

    assert (result.repriced, result.changed, result.gone) == (0, 0, 0)
    assert world() == before  # the catalogue's version, too


def test_one_change_is_one_update(sync, resell, shelf):
    resell(1)
    changed = resell(2)
    sync()
    last = ServiceUpdate.objects.order_by("-pk").first().pk
    shelf["2"] = goods(2, max=500)

    sync()

    found = ServiceUpdate.objects.filter(pk__gt=last)
    assert [(one.service_id, one.field, one.new) for one in found] == [(changed.pk, "max", "500")]


def test_takes_off_sale_while_it_loses(sync, resell, shelf):
    service = resell(price_rule="keep")
    shelf["1"] = goods(1, cost="0.66")

    assert sync().taken_off == 1
    assert state(service) == (False, OffSale.LOSS)
    assert sync().taken_off == 0
    shelf["1"] = goods(1, cost="0.65")
    assert sync().put_back == 1

    assert state(service) == (True, "")
    assert [change for change in updates(service) if change[0] == "is_active"] == [
        ("is_active", "true", "false"),
        ("is_active", "false", "true"),
    ]


@pytest.mark.parametrize("allowed_by", ["provider", "service"])
def test_sells_at_a_loss_where_that_is_allowed(allowed_by, sync, resell, shelf):
    service = resell(price_rule="keep", allow_loss=allowed_by == "service")
    rules(pause_at_loss=allowed_by == "service")
    shelf["1"] = goods(1, cost="0.66")

    sync()

    assert state(service) == (True, "")


def test_a_higher_price_ends_the_loss(sync, resell, shelf):
    service = resell(price_rule="keep")
    shelf["1"] = goods(1, cost="0.66")
    sync()
    Service.objects.update(rate=Decimal(1))

    sync()

    assert state(service) == (True, "")


def test_takes_off_sale_what_is_gone_and_puts_it_back(sync, resell, shelf):
    service = resell()
    goods_1 = shelf.pop("1")

    result = sync()

    assert (result.gone, result.taken_off) == (1, 1)
    assert state(service) == (False, OffSale.GONE)
    gone_at = service.routes.get().gone_at
    assert gone_at is not None
    assert sync().gone == 0
    assert service.routes.get().gone_at == gone_at
    shelf["1"] = replace(goods_1, cost="0.60")
    result = sync()
    assert (result.returned, result.put_back, result.repriced) == (1, 1, 1)
    assert state(service) == (True, "")
    assert fresh(service).rate == Decimal("0.78")
    assert service.routes.get().gone_at is None


@pytest.mark.parametrize("change", [{"type": "Subscriptions"}, {"min": 0, "max": 0}])
def test_what_can_no_longer_be_ordered_is_as_good_as_gone(change, sync, resell, shelf):
    service = resell()
    shelf["1"] = goods(1, **change)

    sync()

    assert state(service) == (False, OffSale.GONE)


def test_goes_on_by_the_next_route(sync, resell, shelf, fake_provider):
    service = resell()
    Route.objects.create(service=service, provider=fake_provider.provider, provider_service="2", priority=2)
    shelf["2"] = goods(2, cost="1.00", max=50)
    sync()
    assert (fresh(service).rate, fresh(service).max) == (Decimal("0.65"), 1_000_000)
    del shelf["1"]

    result = sync()

    assert (result.gone, result.taken_off) == (1, 0)
    assert (fresh(service).rate, fresh(service).max) == (Decimal("1.3"), 50)
    assert state(service) == (True, "")


def test_passes_over_routes_that_staff_turned_off(sync, resell, fake_provider):
    service = resell()
    service.routes.update(is_active=False)
    Route.objects.create(service=service, provider=fake_provider.provider, provider_service="2", priority=9)

    sync()

    assert service.routes.get(priority=9).cost == Decimal("0.50")
    assert fresh(service).is_active


def test_a_route_elsewhere_that_comes_first_has_the_say(sync, resell, shelf, provider, fake_provider):
    service = resell(rate=Decimal("0.85"), max=77)
    first = Route.objects.create(service=service, provider=provider, provider_service="x", cost="0.4", priority=0)
    shelf["1"] = goods(1, cost="0.70")

    sync()

    assert (fresh(service).rate, fresh(service).max) == (Decimal("0.85"), 77)
    assert service.routes.get(provider=fake_provider.provider).cost == Decimal("0.70")
    del shelf["1"]
    sync()
    assert state(service) == (True, "")  # it is still to be had elsewhere
    first.refresh_from_db()
    assert (first.cost, first.gone_at) == (Decimal("0.4"), None)


def test_leaves_alone_what_staff_took_off_sale(sync, resell, shelf):
    resell(is_active=False, rate=Decimal(9))
    shelf["1"] = goods(1, cost="0.70", max=50)
    before = Service.objects.values().get()

    sync()
    del shelf["1"]
    sync()
    shelf["1"] = goods(1)
    sync()

    assert Service.objects.values().get() == before


def test_staff_may_end_what_a_sync_began(sync, resell, shelf):
    service = resell()
    del shelf["1"]
    sync()
    Service.objects.filter(pk=service.pk).update(is_active=False, off_sale_because="")
    shelf["1"] = goods(1)

    sync()

    assert state(service) == (False, "")


@pytest.mark.parametrize("cost", ["5.00001", "0", "0.04999", "0.00001", "4000000"])
def test_believes_no_price_that_jumps(cost, sync, resell, shelf):
    service = resell()
    shelf["1"] = goods(1, cost=cost, max=50)

    result = sync()

    assert len(result.suspicious) == 1
    assert f"(service {service.pk})" in result.suspicious[0]
    assert result.failure == ""
    route = service.routes.get()
    assert (route.cost, route.unconfirmed_cost) == (Decimal("0.50"), Decimal(cost))
    assert (fresh(service).rate, fresh(service).max) == (Decimal("0.65"), 50)
    assert "not believed" in panel().sync_failure
    shelf["1"] = goods(1)
    sync()
    assert service.routes.get().unconfirmed_cost is None


def test_sells_nothing_whose_price_may_have_jumped_above_ours(sync, resell, shelf):
    service = resell()
    shelf["1"] = goods(1, cost="6")

    sync()

    assert state(service) == (False, OffSale.LOSS)
    shelf["1"] = goods(1)
    sync()
    assert state(service) == (True, "")
    assert panel().sync_failure == ""


def test_a_price_of_nothing_ends_no_loss(sync, resell, shelf):
    service = resell(price_rule="keep")
    shelf["1"] = goods(1, cost="0.66")
    sync()
    shelf["1"] = goods(1, cost="0")

    sync()

    assert state(service) == (False, OffSale.LOSS)


@pytest.mark.parametrize(("cost", "rate"), [("6", "7.8"), ("0", "0")])
def test_believes_it_when_forced(cost, rate, sync, resell, shelf):
    service = resell()
    shelf["1"] = goods(1, cost=cost)
    sync()

    result = sync(force=True)

    assert result.suspicious == []
    assert fresh(service).rate == Decimal(rate)
    assert state(service) == (True, "")
    assert panel().sync_failure == ""


def test_ten_times_is_believed(sync, resell, shelf):
    service = resell()
    shelf["1"] = goods(1, cost="5")

    assert sync().suspicious == []
    assert fresh(service).rate == Decimal("6.5")


def test_first_price_of_a_route_is_believed(sync, resell):
    service = resell(cost=Decimal(0))

    assert sync().suspicious == []
    assert fresh(service).rate == Decimal("0.65")


def test_does_not_take_another_thing_for_ours(sync, resell, shelf):
    service = resell()
    shelf["1"] = goods(1, cost="0.70", max=50, type="Package")

    result = sync()

    assert len(result.suspicious) == 1
    assert (fresh(service).rate, fresh(service).max) == (Decimal("0.65"), 1_000_000)
    assert service.routes.get().cost == Decimal("0.50")


def test_tells_staff_of_suspicious_prices_once(sync, resell, shelf):
    resell()
    shelf["1"] = goods(1, cost="6")

    for _ in range(3):
        sync()

    assert len(mail.outbox) == 1
    assert "6.00 after 0.50 USD" in mail.outbox[0].body


def test_empty_catalogue_is_a_fault(sync, resell, shelf):
    service = resell()
    sync()
    shelf.clear()
    before = world()

    results = [sync() for _ in range(3)]

    assert {result.failure for result in results} == {"Its catalogue is empty."}
    assert world() == before
    assert panel().sync_failure == "Its catalogue is empty."
    assert len(mail.outbox) == 1
    assert sync(force=True).gone == 1
    assert state(service) == (False, OffSale.GONE)
    assert panel().sync_failure == ""


def test_catalogue_that_shrank_absurdly_is_a_fault(sync, resell, shelf):
    for number in range(1, 6):
        resell(number)
    sync()
    kept = [shelf.pop(str(number)) for number in (1, 2, 3)]
    before = world()

    assert "more than half" in sync().failure

    assert world() == before
    shelf["1"] = kept[0]
    assert sync().gone == 2
    assert len(mail.outbox) == 1


def test_staff_hear_of_a_fault_again_after_it_had_ended(sync, resell, shelf):
    resell()
    for _ in range(2):
        goods_then = dict(shelf)
        shelf.clear()
        sync()
        shelf.update(goods_then)
        sync()

    assert len(mail.outbox) == 2


def test_unknown_currency_is_a_fault(sync, resell):
    resell()
    rules(currency="XAU")
    before = world()

    assert "XAU" in sync().failure

    assert world() == before
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("fault", ["html", "http_500", "refuse", "accept_truncated", "reset"])
def test_a_provider_that_fails_changes_nothing(fault, sync, resell, fake_provider):
    resell()
    before = world()
    fake_provider.fail_next(fault, action="services")

    result = sync()

    assert result.failure.startswith("It could not be read: ")
    assert panel().sync_failure == result.failure
    assert world() == before
    assert mail.outbox == []  # the provider's health is watched elsewhere
    assert sync().failure == ""
    assert panel().sync_failure == ""


def test_sandbox_sells_more_than_it_lists(usd, provider, followers):
    before = world()

    result = sync_provider(provider)

    assert (result.failure, result.gone, result.changed) == ("", 0, 0)
    assert world() == before


def test_task_passes_over_providers_that_are_paused_or_down(sync, resell, shelf, fake_provider):
    resell()
    shelf["1"] = goods(1, cost="0.70")
    rules(is_active=False)
    tasks.sync_providers()
    assert fake_provider.received == []
    rules(is_active=True, down_until="2999-01-01T00:00Z")
    tasks.sync_providers()
    assert fake_provider.received == []
    rules(down_until=None)

    tasks.sync_providers()

    assert len(fake_provider.calls("services")) == 1
    assert Service.objects.get().rate == Decimal("0.91")


def test_task_survives_one_providers_surprise(sync, resell, shelf, fake_provider):
    Provider.objects.create(name="A surprise", kind="panel", api_url=fake_provider.url, sealed_key="junk")
    Provider.objects.create(name="Nobody", kind="panel", api_url="https://[nonsense", sealed_key="junk")
    resell()
    shelf["1"] = goods(1, cost="0.70")

    tasks.sync_providers()

    assert Service.objects.get().rate == Decimal("0.91")
    assert Provider.objects.exclude(sync_failure="").count() == 2


def test_task_is_in_the_schedule(settings):
    assert settings.CELERY_BEAT_SCHEDULE["catalog.sync_providers"]["schedule"] == 600.0


def test_what_was_read_before_the_last_sync_is_not_believed(sync, resell, shelf):
    service = resell()
    sync()
    rules(synced_at="2999-01-01T00:00Z")
    shelf["1"] = goods(1, cost="0.70")

    assert sync().changed == 0

    assert fresh(service).rate == Decimal("0.65")


def populate(resell, shelf, count):
    """Put many services on sale, quickly."""
    template = resell(1)
    shelf.update({str(number): goods(number) for number in range(1, count + 1)})
    facts = {"category": template.category, "rate": template.rate, "min": 10, "max": 1_000_000, "refill": True}
    made = Service.objects.bulk_create([Service(name="x", cancel=True, **facts) for _ in range(2, count + 1)])
    provider = template.routes.get().provider
    routes = zip(made, range(2, count + 1), strict=True)
    Route.objects.bulk_create(
        [
            Route(service=one, provider=provider, provider_service=str(number), cost="0.5", min=10, max=1_000_000)
            for one, number in routes
        ]
    )


def test_thousands_cost_as_many_queries_as_one(sync, resell, shelf, django_assert_num_queries):
    populate(resell, shelf, 5000)
    sync()
    at_first = version()
    shelf.update({str(number): goods(number, cost="0.60") for number in range(1, 5001)})

    # read: time; write: savepoint, lock, provider, currencies, services, routes, two updates, provider, release
    with django_assert_num_queries(11):
        result = sync()

    assert (result.repriced, result.changed) == (5000, 5000)
    assert Service.objects.filter(rate=Decimal("0.78")).count() == 5000
    assert version() == at_first + 2


@pytest.mark.django_db(transaction=True)
def test_several_at_once_do_no_harm(sync, resell, shelf):
    services = [resell(number) for number in range(1, 6)]
    shelf.update({str(number): goods(number, cost="0.70") for number in range(1, 5)})
    del shelf["5"]
    start = threading.Barrier(4)
    results = []

    def work():
        start.wait(10)
        results.append(sync())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [result.failure for result in results] == [""] * 4
    assert sorted(result.changed for result in results) == [0, 0, 0, 5]
    assert [fresh(service).rate for service in services] == [Decimal("0.91")] * 4 + [Decimal("0.65")]
    assert ServiceUpdate.objects.filter(field="rate").count() == 4
    assert ServiceUpdate.objects.filter(field="gone").count() == 1
