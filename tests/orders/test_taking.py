"""What is delivered by hand is handed out once, to whoever takes it, and by no worker ever sent."""

import threading
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from catalog.models import Route, Service
from orders import (
    cancellations,
    holds,
    interventions,
    rechecking,
    routing,
    submission,
    taking,
    tracking,
    watching,
)
from orders.errors import (
    NotToTakeNow,
    OrderHasEnded,
    OrderNotFound,
    RunAtProvider,
    RunNotByHand,
)
from orders.models import Attempt, Cancellation, Order, Run
from orders.transitions import RunState
from providers import adapter, balances, switching
from providers.errors import NotCalled
from providers.models import Provider, SandboxOrder
from reports.models import CostEntry
from tests.fixtures import balance_of, nothing_moves
from tests.orders.conftest import event_kinds, order_of, submitted
from wallet import audit
from wallet.errors import ReasonMissing

pytestmark = pytest.mark.django_db

REASON = "mine to deliver"


@pytest.fixture
def order(customer, handmade):
    return order_of(customer, handmade)


@pytest.fixture
def dripfeed(customer, handmade):
    """Four runs of 250, all of them due."""
    order = order_of(customer, handmade, quantity=1000, runs=4, interval_minutes=60)
    Run.objects.update(due_at=Now() - timedelta(hours=4) + timedelta(hours=1) * F("number"))
    return order


def pull(limit=100, **options):
    """Take what is due, as a program does; return the runs as order and number."""
    with transaction.atomic():
        return [str(run) for run in taking.take_due(limit=limit, reason=REASON, actor_id=None, **options)]


def take(order, *, reason=REASON, staff=None):
    return taking.take_order(order_id=order.pk, reason=reason, actor_id=staff and staff.pk)


def add_panel_route(service, provider, *, priority, cost="0.10"):
    return Route.objects.create(
        service=service, provider=provider, provider_service="p-1", priority=priority, cost=Decimal(cost)
    )


def end(run, state=RunState.COMPLETED):
    Run.objects.filter(pk=run.pk).update(state=state, remains=0, finished_at=Now())


def let_time_pass(order):
    """Let the interval after the run that was taken last be over."""
    order.runs.filter(state="queued").update(due_at=F("due_at") - timedelta(hours=1))


# --- Taking -----------------------------------------------------------------------------------------------------------


def test_takes_what_waits_and_writes_down_what_it_costs(order, customer, manual, handmade, staff):
    with transaction.atomic():
        (run,) = taking.take_due(limit=10, reason=REASON, actor_id=staff.pk)

    run = Run.objects.get(pk=run.pk)
    assert (run.state, run.provider, run.route, run.provider_order) == (
        "in_progress", manual, handmade.routes.get(), "",
    )  # fmt: skip
    assert run.submitted_at is not None
    assert run.expected_at - run.submitted_at == watching.EXPECTED_WITHOUT_SAMPLES
    # What the workers go by stays empty: nobody is ever asked about it.
    assert (run.poll_at, run.recheck_at) == (None, None)
    order.refresh_from_db()
    assert (order.status, order.remains, order.refunded) == ("In progress", 1000, 0)
    attempt = Attempt.objects.get()
    assert (attempt.run, attempt.provider, attempt.state, attempt.cost) == (run, manual, "accepted", Decimal("0.40000"))
    assert attempt.finished_at is not None
    assert CostEntry.objects.get().amount == Decimal("0.40000")
    assert event_kinds(order) == ["placed", "submitted", "progress"]
    event = order.events.get(kind="submitted")
    assert (event.actor, event.run, event.data) == (staff, run, {"run": 1, "reason": REASON})
    assert balance_of(customer) == Decimal("99.15")
    assert audit.audit_ledger().is_clean


def test_hands_nothing_out_twice(order):
    assert pull() == [f"{order.pk}/1"]

    with nothing_moves():
        assert pull() == []
        with pytest.raises(RunAtProvider):
            take(order)


def test_hands_out_those_due_longest_first_and_no_more_than_asked_for(customer, handmade):
    orders = [order_of(customer, handmade) for _ in range(4)]
    Run.objects.filter(order=orders[2]).update(due_at=Now() - timedelta(hours=1))

    assert pull(2) == [f"{orders[2].pk}/1", f"{orders[0].pk}/1"]
    assert pull(9) == [f"{orders[1].pk}/1", f"{orders[3].pk}/1"]


def test_hands_out_a_bounded_number_at_once(customer, handmade, monkeypatch):
    monkeypatch.setattr(taking, "TAKEN_MAX", 2)
    for _ in range(3):
        order_of(customer, handmade)

    assert [len(pull(1000)), len(pull(1000)), len(pull(1000))] == [2, 1, 0]


def test_hands_out_the_services_that_are_asked_for(customer, order, make_service, manual):
    other = order_of(customer, make_service(id=3002, provider=manual))

    assert pull(service_ids=[7]) == []
    assert pull(service_ids=[3002, 7]) == [f"{other.pk}/1"]
    assert pull(service_ids=[3001]) == [f"{order.pk}/1"]


def test_leaves_alone_what_is_not_due_or_held_or_at_a_paused_provider(order, manual):
    Run.objects.update(due_at=Now() + timedelta(minutes=5))
    assert pull() == []
    Run.objects.update(due_at=Now(), held_at=Now(), held_because="x")
    assert pull() == []
    Run.objects.update(held_at=None, held_because="")
    switching.pause_provider(manual)
    assert pull() == []
    switching.resume_provider(manual)
    assert pull() == [f"{order.pk}/1"]


def test_does_not_hand_out_what_workers_send(customer, followers, manual):
    order = order_of(customer, followers)

    with nothing_moves():
        assert pull() == []
        with pytest.raises(RunNotByHand):
            take(order)


def test_holds_what_would_lose_money(order):
    Route.objects.update(cost=Decimal("0.86"))

    assert pull() == []

    run = Run.objects.get()
    assert (run.state, run.held_because) == ("queued", "By hand by hand: costs 0.86000, brings 0.85000")
    assert not Attempt.objects.exists()
    holds.release_run(run_id=run.pk, reason="it is fine", actor_id=None)
    assert pull() == [f"{order.pk}/1"]
    assert Attempt.objects.get().cost == Decimal("0.86000")


def test_a_package_costs_the_rate_once(customer, make_service, manual):
    service = make_service(type="Package", rate=Decimal(3), provider=manual, cost="2.00")
    order = order_of(customer, service, quantity=None)

    assert pull() == [f"{order.pk}/1"]
    assert Attempt.objects.get().cost == Decimal("2.00000")


def test_what_cannot_be_prepared_keeps_nothing_else_waiting(customer, handmade, monkeypatch):
    poisoned, healthy = order_of(customer, handmade), order_of(customer, handmade)
    choose = routing.choose_route

    def choose_or_fail(order, run):
        if order.pk == poisoned.pk:
            raise ZeroDivisionError("no such thing")
        return choose(order, run)

    monkeypatch.setattr(routing, "choose_route", choose_or_fail)

    assert pull() == [f"{healthy.pk}/1"]
    assert "ZeroDivisionError: no such thing" in poisoned.runs.get().held_because


def test_one_run_of_a_drip_feed_is_out_at_a_time(dripfeed):
    assert pull() == [f"{dripfeed.pk}/1"]
    let_time_pass(dripfeed)
    assert pull() == []
    with pytest.raises(NotToTakeNow, match="another part of it is out"):
        take(dripfeed)

    end(dripfeed.runs.get(number=1))

    assert pull() == [f"{dripfeed.pk}/2"]
    assert pull() == []
    # Also while the provider that has it is paused.
    switching.pause_provider(Provider.objects.get(kind="manual"))
    Provider.objects.create(name="Other hands", kind="manual")
    Run.objects.filter(state="queued").update(provider=Provider.objects.get(name="Other hands"))
    assert pull() == []


def test_a_drip_feed_with_many_due_runs_takes_one_place_only(dripfeed, customer, handmade):
    other = order_of(customer, handmade)

    assert pull(2) == [f"{dripfeed.pk}/1", f"{other.pk}/1"]


# --- Taking one -------------------------------------------------------------------------------------------------------


def test_staff_take_one_order(order, staff):
    run = take(order, staff=staff)

    assert (run.pk, run.state) == (order.runs.get().pk, "in_progress")
    assert order.events.get(kind="submitted").actor == staff
    assert pull() == []


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param(lambda: Run.objects.update(loss_accepted=True), id="of the run"),
        pytest.param(lambda: Service.objects.update(allow_loss=True), id="of the service"),
    ],
)
@pytest.mark.parametrize("take_it", [lambda order: pull(), take], ids=["pulls", "chooses"])
def test_an_accepted_loss_is_taken_by_whoever_pulls_or_chooses(order, accept, take_it):
    Route.objects.update(cost=Decimal("0.86"))
    accept()

    take_it(order)

    assert order.runs.get().state == "in_progress"
    assert Attempt.objects.get().cost == Decimal("0.86000")


def test_refuses_to_take_what_is_not_to_be_taken(order, dripfeed, handmade, manual, customer):
    with nothing_moves():
        with pytest.raises(ReasonMissing):
            take(order, reason=" ")
        with pytest.raises(OrderNotFound):
            take(Order(pk=dripfeed.pk + 1))
        for changes, why in (
            ({"held_at": Now(), "held_because": "x"}, "held"),
            ({"due_at": Now() + timedelta(minutes=1)}, "time has not come"),
        ):
            before = Run.objects.filter(order=order).values(*changes).get()
            Run.objects.filter(order=order).update(**changes)
            with pytest.raises(NotToTakeNow, match=why):
                take(order)
            Run.objects.filter(order=order).update(**before)
        Provider.objects.update(is_active=False)
        with pytest.raises(NotToTakeNow, match="paused"):
            take(order)
        Provider.objects.update(is_active=True)
        Route.objects.update(cost=Decimal("0.86"))
        with pytest.raises(NotToTakeNow, match=r"costs 0\.86000, brings 0\.85000"):
            take(order)
        Route.objects.update(cost=Decimal("0.40"))
    cancellations.cancel_and_refund(order_id=order.pk, reason=REASON, actor_id=None)
    with nothing_moves(), pytest.raises(OrderHasEnded):
        take(order)


# --- Two routes -------------------------------------------------------------------------------------------------------


def test_by_hand_first_and_a_panel_second(order, handmade, provider, manual):
    add_panel_route(handmade, provider, priority=2)

    assert submission.claim_next() is None
    # Paused, its orders go by the other route, as those of any provider do.
    switching.pause_provider(manual)
    assert routing.reroute_waiting(seconds=5) == 1
    assert pull() == []
    assert submitted(order).provider == provider


def test_whoever_takes_an_order_need_not_ask_which_route_comes_first(order, handmade, provider, manual):
    add_panel_route(handmade, provider, priority=0)

    take(order)

    assert (order.runs.get().state, order.runs.get().provider) == ("in_progress", manual)
    assert submission.claim_next() is None
    assert pull() == []


def test_a_panel_first_and_by_hand_when_it_refuses(order, handmade, provider, manual):
    add_panel_route(handmade, provider, priority=0)

    assert pull() == []  # it is put where it belongs
    assert order.runs.get().provider == provider
    claim = submission.claim_next()
    submission.record_rejected(claim, evidence="no")

    assert (order.runs.get().state, order.runs.get().provider) == ("queued", manual)
    assert submission.claim_next() is None
    assert pull() == [f"{order.pk}/1"]
    assert list(Attempt.objects.order_by("pk").values_list("provider__kind", "state")) == [
        ("sandbox", "rejected"), ("manual", "accepted"),
    ]  # fmt: skip


def test_staff_move_an_order_to_be_delivered_by_hand(customer, followers, manual):
    order = order_of(customer, followers)
    Route.objects.create(service=followers, provider=manual, provider_service="by hand", priority=2)

    interventions.move_to_provider(order_id=order.pk, provider_id=manual.pk, reason=REASON, actor_id=None)

    assert submission.claim_next() is None
    assert pull() == [f"{order.pk}/1"]


# --- Workers leave it alone -------------------------------------------------------------------------------------------


def test_no_worker_touches_what_waits_or_was_taken(order, customer, handmade, manual):
    waiting = order_of(customer, handmade)
    assert pull(1) == [f"{order.pk}/1"]
    switching.pause_provider(Provider.objects.get(kind="sandbox"))
    # Even where something has set their clocks.
    Run.objects.filter(order=order).update(poll_at=Now() - timedelta(hours=1), recheck_at=Now() - timedelta(hours=1))

    with nothing_moves():
        assert submission.claim_next() is None
        assert submission.submit_next() is False
        assert submission.expire_leases() == 0
        assert tracking.track_due() == 0
        assert rechecking.recheck_finished() == 0
        assert routing.reroute_waiting(seconds=5) == 0
        assert holds.recheck_held() == 0
        Provider.objects.update(failures=9)
        assert balances.check_balances() == 0
        assert balances.probe_failing() == 0

    assert waiting.runs.get().state == "queued"
    manual.refresh_from_db()
    assert (manual.balance, manual.balance_at, manual.synced_at, manual.sync_failure) == (None, None, None, "")
    with pytest.raises(NotCalled):
        adapter.connect(manual)


def test_a_provider_stays_of_its_kind(manual, provider):
    for one, kind in ((manual, "panel"), (provider, "manual")):
        with pytest.raises(DatabaseError, match="its kind does not change"), transaction.atomic():
            Provider.objects.filter(pk=one.pk).update(kind=kind)
    with pytest.raises(DatabaseError, match="provider_manual_is_not_called"), transaction.atomic():
        Provider.objects.filter(pk=manual.pk).update(api_url="https://panel.example/api/v2")


# --- At the same moment -----------------------------------------------------------------------------------------------


def at_once(*operations):
    """Run operations from threads that start together; return what they returned or raised, in their order."""
    start, outcomes = threading.Barrier(len(operations)), [None] * len(operations)

    def run(number, operation):
        start.wait(10)
        try:
            outcomes[number] = operation()
        except Exception as error:
            outcomes[number] = type(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(operations)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_control_looking_without_a_lock_hands_the_same_order_to_everybody(order):
    """Four that have looked before any of them wrote would all deliver it: the lock is what prevents it."""
    everybody_has_looked = threading.Barrier(4)

    def look():
        found = [str(run) for run in Run.objects.filter(state=RunState.QUEUED)]
        everybody_has_looked.wait(10)
        return found

    assert at_once(look, look, look, look) == [[f"{order.pk}/1"]] * 4


@pytest.mark.django_db(transaction=True)
def test_racing_pulls_hand_out_each_order_once(customer, handmade):
    orders = [order_of(customer, handmade) for _ in range(20)]

    def pull_all():
        mine = []
        while got := pull(3):
            mine += got
        return mine

    outcomes = at_once(*[pull_all] * 5)

    handed_out = [one for outcome in outcomes for one in outcome]
    assert sorted(handed_out) == sorted(f"{order.pk}/1" for order in orders)
    assert Attempt.objects.count() == len(orders)
    assert set(Run.objects.values_list("state", flat=True)) == {"in_progress"}


@pytest.mark.django_db(transaction=True)
def test_racing_pulls_never_have_two_runs_of_an_order_out(dripfeed):
    outcomes = at_once(*[pull] * 6)

    assert sorted(one for outcome in outcomes for one in outcome) == [f"{dripfeed.pk}/1"]


@pytest.mark.django_db(transaction=True)
def test_a_pull_meets_the_customers_cancel(customer, handmade):
    for _ in range(4):
        order = order_of(customer, handmade)
        before = balance_of(customer)

        got, refused = at_once(
            pull, partial(cancellations.request_cancellation, user_id=customer.pk, order_id=order.pk)
        )

        assert refused is None
        run = order.runs.get()
        if got:  # taken first: the request waits for whoever delivers
            assert (run.state, balance_of(customer)) == ("in_progress", before)
            assert Cancellation.objects.get(order=order).forward_at is None
        else:
            assert (run.state, balance_of(customer)) == ("canceled", before + Decimal("0.85"))
            assert not run.attempts.exists()
    assert audit.audit_ledger().is_clean


@pytest.mark.django_db(transaction=True)
def test_a_pull_meets_what_staff_do(customer, handmade, provider):
    add_panel_route(handmade, provider, priority=2)
    for _ in range(4):
        order = order_of(customer, handmade)
        facts = {"order_id": order.pk, "reason": REASON, "actor_id": None}

        got, moved, resent, taken = at_once(
            pull,
            partial(interventions.move_to_provider, provider_id=provider.pk, **facts),
            partial(interventions.resend, **facts),
            lambda: str(take(order)),  # noqa: B023 - it is called at once
        )

        run = order.runs.get()
        hands = [one for one in (got, taken) if one in ([f"{order.pk}/1"], f"{order.pk}/1")]
        if run.state == "in_progress":
            assert len(hands) == 1
            assert moved is RunAtProvider
            assert run.attempts.get().provider.is_manual
        else:
            assert (run.state, run.provider, moved, hands) == ("queued", provider, [1], [])
        assert resent in (RunAtProvider, [1])
        Run.objects.filter(pk=run.pk, state="queued").update(due_at=Now() + timedelta(days=9))
    assert SandboxOrder.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_pull_meets_the_staffs_refund(order, customer):
    refund = partial(cancellations.cancel_and_refund, order_id=order.pk, reason=REASON, actor_id=None)

    got, refused = at_once(pull, refund)

    assert refused is None
    assert got in ([], [f"{order.pk}/1"])
    assert (order.runs.get().state, balance_of(customer)) == ("canceled", Decimal(100))
    assert Attempt.objects.count() == len(got)
    assert audit.audit_ledger().is_clean
