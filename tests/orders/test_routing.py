"""From whom a run is bought: the owner's order of routes, refusals, outages, and never at a loss unseen."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models.functions import Now

from catalog.models import Currency, Discount, Route, Service
from orders import routing, submission
from orders.models import Attempt, Run
from providers.errors import Ambiguous, LinkBusy, NotSent, Refused, RefusedForNow
from providers.models import Provider
from providers.sandbox import Sandbox
from tests.fixtures import balance_of
from tests.orders.conftest import event_kinds, order_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def backup(followers):
    """A second provider that sells the same service, after the first."""
    provider = Provider.objects.create(name="Backup", kind=Provider.Kind.SANDBOX)
    return Route.objects.create(service=followers, provider=provider, provider_service="backup-1", priority=2)


@pytest.fixture
def world(monkeypatch):
    """What each provider's service answers to `add`: an error, or an id of its own; and what was asked of whom."""

    class World(dict):
        asked: list[str] = []

    world = World()
    world.asked = []

    def add(self, *, service, **sent):
        world.asked.append(service)
        reply = world.get(service)
        if isinstance(reply, Exception):
            raise reply
        return f"{service}-{len(world.asked)}"

    monkeypatch.setattr(Sandbox, "add", add)
    return world


def work():
    while submission.submit_next():
        pass


def state_of(order):
    run = order.runs.get()
    return run.state, run.provider.name, [attempt.state for attempt in run.attempts.order_by("pk")]


def test_goes_by_the_first_route(customer, followers, backup, world):
    order = order_of(customer, followers)

    work()

    assert world.asked == ["ig-followers"]
    assert state_of(order) == ("submitted", "Sandbox", ["accepted"])


def test_follows_a_change_of_priority_for_what_is_queued(customer, followers, backup, world):
    order = order_of(customer, followers)
    Route.objects.filter(pk=backup.pk).update(priority=0)

    work()

    assert state_of(order) == ("submitted", "Backup", ["accepted"])


@pytest.mark.parametrize("failure", [Refused("no such link"), NotSent("connection refused"), LinkBusy("wait")])
def test_falls_over_to_the_next_route_at_once(customer, followers, backup, world, failure):
    world["ig-followers"] = failure
    order = order_of(customer, followers)

    work()

    assert world.asked == ["ig-followers", "backup-1"]
    assert state_of(order)[:2] == ("submitted", "Backup")
    assert balance_of(customer) == Decimal("99.15")


def test_falls_over_when_a_provider_refuses_everything_for_now(customer, followers, backup, world):
    world["ig-followers"] = RefusedForNow("Not enough funds")
    order = order_of(customer, followers)

    work()

    assert state_of(order) == ("submitted", "Backup", ["deferred", "accepted"])


def test_never_falls_over_when_nobody_knows(customer, followers, backup, world):
    world["ig-followers"] = Ambiguous("timed out")
    order = order_of(customer, followers)

    work()

    assert world.asked == ["ig-followers"]
    assert state_of(order) == ("unknown", "Sandbox", ["unknown"])


def test_ends_when_every_route_has_refused(customer, followers, backup, world):
    world["ig-followers"] = world["backup-1"] = Refused("no such link")
    order = order_of(customer, followers)

    work()

    order.refresh_from_db()
    assert state_of(order) == ("rejected", "Backup", ["rejected", "rejected"])
    assert (order.status, order.refunded) == ("Canceled", Decimal("0.85"))
    assert balance_of(customer) == 100


@pytest.mark.parametrize("change", [{"is_active": False}, {"gone_at": Now()}, {"max": 999}])
def test_ends_when_every_route_in_use_has_refused(customer, followers, backup, world, change):
    Route.objects.filter(pk=backup.pk).update(**change)
    world["ig-followers"] = Refused("no such link")
    order = order_of(customer, followers)

    work()

    assert state_of(order) == ("rejected", "Sandbox", ["rejected"])
    assert balance_of(customer) == 100


def test_holds_what_was_refused_where_the_rest_would_lose_money(customer, followers, backup, world):
    Route.objects.filter(pk=backup.pk).update(cost=1)
    world["ig-followers"] = Refused("no such link")
    order = order_of(customer, followers)

    work()

    assert order.runs.get().held_because == "Backup backup-1: costs 1.00000, brings 0.85000"
    assert balance_of(customer) == Decimal("99.15")


def test_comes_back_to_the_first_when_none_is_reached(customer, followers, backup, world):
    world["ig-followers"] = world["backup-1"] = NotSent("connection refused")
    order = order_of(customer, followers)
    work()
    assert world.asked == ["ig-followers", "backup-1"]
    assert not submission.submit_next()  # backed off
    del world["ig-followers"]
    Run.objects.update(due_at=Now())

    work()

    assert state_of(order) == ("submitted", "Sandbox", ["not_sent", "not_sent", "accepted"])


def test_backs_off_longer_each_time(customer, followers, world):
    world["ig-followers"] = NotSent("connection refused")
    order = order_of(customer, followers)
    waits = []
    for _ in range(3):
        Run.objects.update(due_at=Now())
        Provider.objects.update(failures=0, down_until=None)
        assert submission.submit_next()
        run = order.runs.get()
        waits.append(round((run.due_at - run.attempts.latest("pk").finished_at).total_seconds()))

    assert waits == [15, 30, 60]


def test_leaves_out_routes_that_are_off_gone_or_of_another_size(customer, followers, backup, world):
    first = Route.objects.exclude(pk=backup.pk)
    for change in ({"is_active": False}, {"gone_at": Now()}, {"min": 1001}, {"max": 999}):
        Route.objects.filter(pk=first.get().pk).update(is_active=True, gone_at=None, min=None, max=None)
        order = order_of(customer, followers)
        first.update(**change)

        work()

        assert state_of(order)[1] == "Backup", change


def test_moves_on_what_waits_at_a_provider_that_is_paused(customer, followers, backup, world, provider):
    order = order_of(customer, followers)
    Provider.objects.filter(pk=provider.pk).update(is_active=False)
    assert not submission.submit_next()

    assert routing.reroute_waiting(seconds=10) == 1

    work()
    assert state_of(order)[:2] == ("submitted", "Backup")


def test_leaves_what_waits_where_there_is_no_other_way(customer, followers, backup, world, provider):
    order = order_of(customer, followers)
    Provider.objects.update(is_active=False)

    assert routing.reroute_waiting(seconds=10) == 0
    assert state_of(order) == ("queued", "Sandbox", [])


def priced(route_cost, *, currency="USD"):
    Provider.objects.filter(name="Sandbox").update(currency=currency)
    Route.objects.filter(provider__name="Sandbox").update(cost=route_cost)


def test_sends_what_costs_exactly_what_it_brings(customer, followers, world):
    priced("0.85")
    order_of(customer, followers)

    work()

    assert Attempt.objects.get().cost == Decimal("0.85")


def test_holds_what_would_lose_money(customer, followers, world):
    order = order_of(customer, followers)
    priced("0.85001")  # the price went up after the order

    work()

    run = order.runs.get()
    assert world.asked == []
    assert (run.state, run.held_because) == ("queued", "Sandbox ig-followers: costs 0.85001, brings 0.85000")
    assert event_kinds(order) == ["placed", "held"]
    assert balance_of(customer) == Decimal("99.15")


def test_fears_a_cost_that_jumped_and_is_not_confirmed(customer, followers, world):
    priced("0.40")
    Route.objects.update(unconfirmed_cost=40)
    order = order_of(customer, followers)

    work()

    assert order.runs.get().held_because == "Sandbox ig-followers: costs 40.00000, brings 0.85000"


def test_counts_what_the_customer_really_pays(customer, followers, world):
    Discount.objects.create(customer=customer, percent=50)
    priced("0.50")
    order = order_of(customer, followers)

    work()

    assert order.runs.get().held_because == "Sandbox ig-followers: costs 0.50000, brings 0.42500"


def test_converts_what_the_provider_takes(customer, followers, world):
    Currency.objects.create(code="EUR", rate="0.5")  # one dollar buys half a euro
    priced("0.43", currency="EUR")
    order = order_of(customer, followers)

    work()

    assert order.runs.get().held_because == "Sandbox ig-followers: costs 0.86000, brings 0.85000"


def test_holds_what_nobody_can_price(customer, followers, world):
    priced("0.01", currency="XAU")
    order = order_of(customer, followers)

    work()

    assert order.runs.get().held_because == "Sandbox ig-followers: the rate of XAU is not known"


def test_takes_a_dearer_route_that_still_pays(customer, followers, backup, world):
    order = order_of(customer, followers)
    priced("0.90")
    Route.objects.filter(pk=backup.pk).update(cost="0.80")

    work()

    assert state_of(order)[:2] == ("submitted", "Backup")


def test_sends_at_a_loss_what_the_owner_sells_at_a_loss(customer, followers, world):
    Service.objects.update(allow_loss=True)
    priced("2")
    order = order_of(customer, followers)

    work()

    assert state_of(order)[0] == "submitted"


def test_prices_each_run_of_a_drip_feed_by_its_share(customer, followers, world):
    priced("0.85")
    order = order_of(customer, followers, runs=3, interval_minutes=1)
    for _ in range(3):
        Run.objects.filter(state="queued").update(due_at=Now())
        work()

    assert set(order.runs.values_list("state", flat=True)) == {"submitted"}
    assert sum(Attempt.objects.values_list("cost", flat=True)) == Decimal("0.85")


def test_a_package_costs_what_one_costs(customer, make_service, world):
    service = make_service(type="Package", rate="2.40", min=1, max=1, cost="2.39")
    order = order_of(customer, service, quantity=None)

    work()

    assert state_of(order)[0] == "submitted"
    assert Attempt.objects.get().cost == Decimal("2.39")


def test_holds_what_nobody_sells_any_more(customer, followers, world):
    order = order_of(customer, followers)
    Route.objects.update(gone_at=Now())

    work()

    assert order.runs.get().held_because == "no route in use takes this quantity"


def test_goes_to_the_next_provider_when_one_has_enough_on_its_way(customer, followers, backup, world, provider):
    Provider.objects.filter(pk=provider.pk).update(concurrency_max=1)
    order_of(customer, followers)
    order_of(customer, followers)
    first = submission.claim_next()

    assert first.provider == provider
    assert submission.claim_next() is None  # its limit is one, and nothing has refused: it waits its turn

    submission.record_accepted(first, provider_order="x")
    assert submission.claim_next() is not None


def test_tries_one_at_a_time_after_an_outage(customer, followers, world, provider):
    Provider.objects.update(failures=3, down_until=Now() - timedelta(seconds=1))
    order_of(customer, followers)
    order_of(customer, followers)

    assert submission.claim_next() is not None
    assert submission.claim_next() is None


def test_a_provider_that_is_being_tried_again_pulls_nothing_back(customer, followers, backup, world, provider):
    Provider.objects.filter(pk=provider.pk).update(failures=3, down_until=Now() - timedelta(seconds=1))
    orders = [order_of(customer, followers) for _ in range(2)]
    assert routing.reroute_waiting(seconds=10) == 2

    work()

    assert [state_of(order)[:2] for order in orders] == [("submitted", "Backup")] * 2


def test_those_that_have_no_other_way_keep_nobody_waiting(customer, followers, backup, world, provider, monkeypatch):
    monkeypatch.setattr(routing, "LEFT_MAX", 2)
    stuck = [order_of(customer, followers) for _ in range(4)]
    Route.objects.filter(pk=backup.pk).update(cost=1)
    service = Service.objects.create(category=followers.category, name="Likes", rate=1, min=1, max=10_000)
    Route.objects.create(service=service, provider=provider, provider_service="likes")
    Route.objects.create(service=service, provider=backup.provider, provider_service="likes-2", priority=2)
    order = order_of(customer, service)
    Provider.objects.filter(pk=provider.pk).update(is_active=False)

    assert routing.reroute_waiting(seconds=10) == 1

    assert order.runs.get().provider == backup.provider
    assert {one.runs.get().provider for one in stuck} == {provider}
