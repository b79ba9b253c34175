"""Held runs: not sent, but canceled, released or ended like any other that is queued."""

import threading
import time
from decimal import Decimal

import pytest
from django.db import connection

from catalog.models import Route
from orders import cancellations, holds, routing, submission
from orders.errors import RunNotHeld
from orders.models import Order, OrderEvent, Run
from panel import checkpoints
from tests.fixtures import balance_of, nothing_moves
from tests.orders.conftest import event_kinds, order_of, report, submitted
from wallet import audit
from wallet.errors import ReasonMissing

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(customer, followers):
    """An order whose provider has become too dear."""
    order = order_of(customer, followers)
    Route.objects.update(cost=1)
    assert not submission.submit_next()
    assert order.runs.get().held_at is not None
    return order


def test_is_not_claimed_again(held):
    with nothing_moves():
        assert not submission.submit_next()


def test_goes_at_any_cost_when_staff_say_so(held, staff):
    run = held.runs.get()

    holds.release_run(run_id=run.pk, reason="keep the customer", actor_id=staff.pk)

    assert submission.submit_next()
    run.refresh_from_db()
    assert (run.state, run.held_at, run.held_because, run.loss_accepted) == ("submitted", None, "", True)
    event = held.events.get(kind=OrderEvent.Kind.RELEASED)
    assert (event.actor, event.data) == (staff, {"reason": "keep the customer"})


def test_is_held_again_where_nobody_sells_it(held, staff):
    Route.objects.update(is_active=False)
    run = held.runs.get()

    holds.release_run(run_id=run.pk, reason="try", actor_id=staff.pk)

    assert not submission.submit_next()
    run.refresh_from_db()
    assert run.held_because == "no route in use takes this quantity"


def test_goes_by_itself_when_it_pays_again(held):
    assert holds.recheck_held() == 0
    Route.objects.update(cost="0.5")

    assert holds.recheck_held() == 1

    assert submission.submit_next()
    assert held.runs.get().loss_accepted is False
    assert event_kinds(held) == ["placed", "held", "released", "submitted"]


def test_one_that_cannot_be_looked_at_keeps_no_other_held(held, customer, followers, make_service, monkeypatch):
    other = order_of(customer, make_service(cost=2))
    assert not submission.submit_next()
    Route.objects.update(cost="0.5")
    Order.objects.filter(pk=held.pk).update(link="broken")
    choose_route = routing.choose_route

    def choose(order, run):
        if order.link == "broken":
            raise ArithmeticError
        return choose_route(order, run)

    monkeypatch.setattr(routing, "choose_route", choose)

    assert holds.recheck_held() == 1

    assert other.runs.get().held_at is None
    assert held.runs.get().held_at is not None


def test_needs_a_reason(held, staff):
    with nothing_moves(), pytest.raises(ReasonMissing):
        holds.release_run(run_id=held.runs.get().pk, reason=" ", actor_id=staff.pk)


def test_refuses_what_is_not_held(customer, followers, staff):
    run = submitted(order_of(customer, followers))

    for run_id in (run.pk, 0):
        with nothing_moves(), pytest.raises(RunNotHeld):
            holds.release_run(run_id=run_id, reason="x", actor_id=staff.pk)


def test_is_canceled_and_refunded_like_any_queued_run(held, customer):
    cancellations.request_cancellation(user_id=customer.pk, order_id=held.pk)

    held.refresh_from_db()
    run = held.runs.get()
    assert (held.status, run.state, run.held_at) == ("Canceled", "canceled", None)
    assert balance_of(customer) == 100
    assert audit.audit_ledger().is_clean


def test_holds_only_the_runs_that_lose(customer, followers):
    order = order_of(customer, followers, runs=2, interval_minutes=1)
    report(submitted(order), "Completed")
    Route.objects.update(cost=1)
    Run.objects.filter(state="queued").update(due_at="2020-01-01T00:00:00Z")

    assert not submission.submit_next()

    assert list(order.runs.order_by("number").values_list("state", "held_because")) == [
        ("completed", ""),
        ("queued", "Sandbox ig-followers: costs 0.50000, brings 0.42500"),
    ]
    assert balance_of(customer) == Decimal("99.15")
    assert event_kinds(order).count("held") == 1


@pytest.mark.django_db(transaction=True)
def test_holding_does_not_block_a_cancellation_of_the_same_order(customer, followers):
    """A claim holds the run and writes an event of the order; a cancellation holds the order and wants the run."""
    order = order_of(customer, followers)
    Route.objects.update(cost=1)
    canceling, failures = threading.Event(), []

    def cancel():
        try:
            cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    def cancel_meanwhile(name):
        if name == "holding" and not canceling.is_set():
            canceling.set()
            thread.start()
            time.sleep(0.3)  # until it waits for the run

    thread = threading.Thread(target=cancel)
    checkpoints.listener = cancel_meanwhile
    try:
        submission.submit_next()
        thread.join()
    finally:
        checkpoints.listener = None

    order.refresh_from_db()
    assert (failures, canceling.is_set(), order.status) == ([], True, "Canceled")
    assert balance_of(customer) == 100
