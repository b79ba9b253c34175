"""Looking at all waiting runs in turns: each gets its own, however many wait before it."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from catalog.models import Route, Service
from orders import holds, routing, submission, tasks, walks
from orders.models import Order, Run, Walk
from providers.models import Provider
from tests.fixtures import balance_of, nothing_moves
from tests.orders.conftest import event_kinds, order_of

pytestmark = pytest.mark.django_db

PAGE = 2
RUNS = 5


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(walks, "PAGE", PAGE)


@pytest.fixture
def held(customer, followers):
    """Orders that are held, the first one longest: their provider has become too dear."""
    orders = [order_of(customer, followers) for _ in range(RUNS)]
    Route.objects.update(cost=1)
    assert not submission.submit_next()
    return orders


@pytest.fixture
def backup(followers, provider):
    """A second provider that sells the same service, but only a few units at once."""
    backup = Provider.objects.create(name="Backup", kind=Provider.Kind.SANDBOX)
    Route.objects.create(service=followers, provider=backup, provider_service="backup-1", priority=2, max=50)
    return backup


@pytest.fixture
def waiting(customer, followers, provider, backup):
    """Orders that wait at a provider that takes none, the first one longest; only the last fits elsewhere."""
    orders = [order_of(customer, followers, quantity=1000) for _ in range(RUNS - 1)]
    orders.append(order_of(customer, followers, quantity=50))
    Provider.objects.filter(pk=provider.pk).update(is_active=False)
    return orders


def which_are_held(orders):
    return [order.runs.get().held_at is not None for order in orders]


def rounds_until(look, wanted=1):
    """Count how often is looked, for no longer than a page each time, until something happens."""
    for number in range(1, 10):
        if look(seconds=0) == wanted:
            return number
    return None


def looked_at(monkeypatch):
    """List the orders that a route is looked for from now on."""
    seen = []
    choose_route = routing.choose_route

    def choose(order, run):
        seen.append(order.pk)
        return choose_route(order, run)

    monkeypatch.setattr(routing, "choose_route", choose)
    return seen


# --- Held runs --------------------------------------------------------------------------------------------------------


def test_the_held_run_that_is_last_gets_its_turn(held):
    Run.objects.filter(order=held[-1]).update(loss_accepted=True)

    assert rounds_until(holds.recheck_held) == 3

    assert which_are_held(held) == [True] * 4 + [False]
    assert event_kinds(held[-1]) == ["placed", "held", "released"]


def test_each_held_run_is_looked_at_once_in_a_walk(held, monkeypatch):
    seen = looked_at(monkeypatch)

    for _ in range(6):
        with nothing_moves():
            assert holds.recheck_held(seconds=0) == 0

    assert seen == [order.pk for order in held] * 2


def test_one_call_comes_to_all_held_runs_where_there_is_time(held, monkeypatch):
    seen = looked_at(monkeypatch)

    assert holds.recheck_held(seconds=60) == 0

    assert seen == [order.pk for order in held]


def test_a_walk_ends_although_more_is_held_all_the_time(held, customer, followers, monkeypatch):
    for _ in range(3):
        holds.recheck_held(seconds=0)
        for _ in range(PAGE):
            order_of(customer, followers)
        assert not submission.submit_next()
    seen = looked_at(monkeypatch)

    holds.recheck_held(seconds=0)

    assert seen == [order.pk for order in held[:PAGE]]


def test_a_worker_that_dies_over_a_held_run_keeps_no_other_from_its_turn(held, monkeypatch):
    choose_route = routing.choose_route

    class Death(BaseException):
        pass

    def choose(order, run):
        if order.pk == held[0].pk:
            raise Death
        return choose_route(order, run)

    monkeypatch.setattr(routing, "choose_route", choose)
    Run.objects.filter(order=held[-1]).update(loss_accepted=True)

    with nothing_moves(), pytest.raises(Death):
        holds.recheck_held(seconds=60)

    assert holds.recheck_held(seconds=60) == 1
    assert which_are_held(held) == [True] * 4 + [False]


def test_what_left_meanwhile_is_left_alone(held, staff):
    """Let go and sent between the reading of a page and its run's turn."""
    pages = walks.take_pages(Walk.Over.HELD, holds._NEXT_HELD, seconds=0)
    run_ids = next(pages)
    for run_id in run_ids:
        holds.release_run(run_id=run_id, reason="keep the customer", actor_id=staff.pk)
        assert submission.submit_next()

    with nothing_moves():
        assert [holds._recheck(run_id) for run_id in run_ids] == [False] * PAGE


@pytest.mark.django_db(transaction=True)
def test_workers_share_a_walk(held, monkeypatch):
    seen, failures = looked_at(monkeypatch), []
    start = threading.Barrier(3)

    def look():
        try:
            start.wait(10)
            holds.recheck_held(seconds=0)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sorted(seen) == [order.pk for order in held]


# --- Runs that wait at a provider that is not sound -------------------------------------------------------------------


def test_the_waiting_run_that_is_last_gets_its_turn(waiting, backup, customer, monkeypatch):
    monkeypatch.setattr(routing, "LEFT_MAX", 2)
    balance = balance_of(customer)
    assert routing.reroute_waiting(seconds=10) == 0  # it gives up before

    assert rounds_until(routing.reroute_in_turn) == 3

    assert [order.runs.get().provider.name for order in waiting] == ["Sandbox"] * 4 + ["Backup"]
    assert submission.submit_next()
    assert waiting[-1].runs.get().state == "submitted"
    assert balance_of(customer) == balance


def test_each_waiting_run_is_looked_at_once_in_a_walk(waiting, monkeypatch):
    Run.objects.filter(order=waiting[-1]).update(due_at=Now() + timedelta(hours=1))
    seen = looked_at(monkeypatch)

    for _ in range(6):
        with nothing_moves():
            assert routing.reroute_in_turn(seconds=0) == 0

    # The page that is not full tells the end, and of four runs it is the third.
    assert seen == [order.pk for order in waiting[:-1]] * 2


def test_the_pages_of_several_providers_are_one_walk(waiting, provider, backup, customer, followers, monkeypatch):
    Run.objects.filter(order__in=waiting[1::2]).update(provider=backup)
    third = Provider.objects.create(name="Third", kind=Provider.Kind.SANDBOX)
    Route.objects.create(service=followers, provider=third, provider_service="third-1", priority=3, max=1)
    Provider.objects.filter(pk=backup.pk).update(failures=3)
    seen = looked_at(monkeypatch)

    for _ in range(3):
        routing.reroute_in_turn(seconds=0)

    assert seen == [order.pk for order in waiting]


def test_asks_nothing_of_what_has_no_other_provider_that_is_sound(waiting, backup, monkeypatch):
    Provider.objects.update(is_active=False)
    seen = looked_at(monkeypatch)

    with nothing_moves():
        assert routing.reroute_in_turn(seconds=10) == 0

    assert seen == []


@pytest.mark.parametrize("change", [{"held_at": Now()}, {"due_at": F("due_at") + timedelta(hours=1)}])
def test_leaves_what_is_held_or_not_due(waiting, change):
    Run.objects.update(**change)

    with nothing_moves():
        assert routing.reroute_in_turn(seconds=10) == 0
    assert {order.runs.get().provider.name for order in waiting} == {"Sandbox"}


@pytest.mark.parametrize("reroute", [routing.reroute_waiting, routing.reroute_in_turn])
def test_one_that_cannot_be_looked_at_keeps_no_other_waiting(waiting, monkeypatch, reroute):
    Order.objects.filter(pk=waiting[0].pk).update(link="broken")
    choose_route = routing.choose_route

    def choose(order, run):
        if order.link == "broken":
            raise ArithmeticError
        return choose_route(order, run)

    monkeypatch.setattr(routing, "choose_route", choose)

    assert reroute(seconds=10) == 1

    assert [order.runs.get().provider.name for order in waiting] == ["Sandbox"] * 4 + ["Backup"]


def test_beat_gives_both_their_turns(waiting, held_elsewhere, monkeypatch):
    monkeypatch.setattr(routing, "LEFT_MAX", 1)

    tasks.reroute_waiting()
    tasks.recheck_held()

    assert waiting[-1].runs.get().provider.name == "Backup"
    assert held_elsewhere.runs.get().held_at is None


@pytest.fixture
def held_elsewhere(customer, waiting, backup):
    """An order of another service that was held and may go now."""
    service = Service.objects.create(category=Service.objects.get().category, name="Likes", rate=1, min=1, max=10_000)
    Route.objects.create(service=service, provider=backup, provider_service="likes", cost=2)
    order = order_of(customer, service)
    assert not submission.submit_next()
    assert order.runs.get().held_at is not None
    Route.objects.update(cost="0.1")
    return order


# --- The database -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "index", "condition"),
    [
        (holds._NEXT_HELD, "run_held", "((held_at >= "),
        (routing._NEXT_OUT_OF_REACH, "run_due_at_provider", "((provider_id = p.id) AND (due_at >= "),
    ],
)
def test_a_page_is_read_from_its_place_in_an_index(followers, statement, index, condition):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN {statement}", {"after_at": "2026-01-01", "after_id": 7, "until": "2026-02-01", "page": PAGE}
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert f" {index} " in plan, plan
    assert f"Index Cond: {condition}" in plan, plan
