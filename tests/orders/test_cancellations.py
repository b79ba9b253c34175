"""Stopping orders: what is refunded at once, what is asked of the provider, what is refused."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models.functions import Now

from orders import cancellations, reviews, submission
from orders.errors import CancelNotAvailable, OrderAlreadyCompleted, OrderNotFound, RunInFlight
from orders.models import Cancellation, Order, ReviewItem, Run
from providers.errors import Ambiguous, NotSent, Refused
from providers.models import SandboxOrder
from providers.sandbox import Sandbox
from tests.fixtures import balance_of
from tests.orders.conftest import event_kinds, order_of, report, submitted
from wallet import audit
from wallet.errors import ReasonMissing

pytestmark = pytest.mark.django_db


def cancel(user, order):
    cancellations.request_cancellation(user_id=user.pk, order_id=order.pk)
    order.refresh_from_db()


def test_refunds_a_queued_order_before_the_answer(customer, followers):
    order = order_of(customer, followers)

    cancel(customer, order)

    assert (order.status, order.remains, order.refunded) == ("Canceled", 1000, Decimal("0.85"))
    assert balance_of(customer) == 100
    assert event_kinds(order) == ["placed", "cancel_requested", "finished", "refunded"]
    assert not submission.submit_next()
    assert SandboxOrder.objects.count() == 0


def test_asks_the_provider_and_refunds_what_it_reports(customer, followers):
    order = order_of(customer, followers)
    submission.submit_next()

    cancel(customer, order)
    assert (order.status, order.refunded) == ("Pending", 0)
    assert cancellations.forward_cancellations() == 1
    assert SandboxOrder.objects.get().canceled_at is not None
    assert Cancellation.objects.get().answer == "accepted"
    assert cancellations.forward_cancellations() == 0

    report(order.runs.get(), "Partial", remains=400)
    assert balance_of(customer) == Decimal("99.49000")


def test_refunds_the_runs_of_a_drip_feed_that_have_not_left(customer, followers):
    order = order_of(customer, followers, quantity=1000, runs=4, interval_minutes=60)
    submission.submit_next()

    cancel(customer, order)

    assert sorted(order.runs.values_list("state", flat=True)) == ["canceled", "canceled", "canceled", "submitted"]
    assert order.refunded == Decimal("0.63750")
    assert balance_of(customer) == Decimal("99.78750")
    assert order.status == "Pending"
    report(order.runs.get(number=1), "Completed")
    order.refresh_from_db()
    assert order.status == "Partial"


def test_waits_for_a_run_in_doubt_before_it_asks(customer, followers):
    order = order_of(customer, followers)
    claim = submission.claim_next()

    cancel(customer, order)
    cancellations.forward_cancellations()
    assert Cancellation.objects.get().forward_at is not None
    sandbox_id = Sandbox().add(service="x", service_type="Default", link=order.link, quantity=1000, parameters={})
    submission.record_accepted(claim, provider_order=sandbox_id)
    Cancellation.objects.update(forward_at=Now())
    cancellations.forward_cancellations()

    assert Cancellation.objects.get().answer == "accepted"


@pytest.mark.parametrize("end", ["not_sent", "deferred", "resend"])
def test_stops_a_run_that_turns_out_not_to_have_left(customer, followers, staff, end):
    order = order_of(customer, followers)
    claim = submission.claim_next()
    cancel(customer, order)

    if end == "not_sent":
        submission.record_not_sent(claim, evidence="refused")
    elif end == "deferred":
        submission.record_deferred(claim, evidence="no funds", retry_after=submission.RETRY_FIRST)
    else:
        submission.record_unknown(claim.attempt.pk, evidence="timed out")
        reviews.resolve_resend(item_id=ReviewItem.objects.get().pk, reason="not there", actor_id=staff.pk)

    order.refresh_from_db()
    assert (order.status, order.refunded) == ("Canceled", Decimal("0.85"))
    assert balance_of(customer) == 100
    assert not submission.submit_next()


def test_takes_a_refusal_as_an_answer(customer, followers, monkeypatch):
    order = order_of(customer, followers)
    submission.submit_next()
    cancel(customer, order)

    def refuse(self, ids):
        raise Refused('{"error": "Cancel not available"}')

    monkeypatch.setattr(Sandbox, "cancel", refuse)
    cancellations.forward_cancellations()

    asked = Cancellation.objects.get()
    assert (asked.forward_at, asked.answer) == (None, '{"error": "Cancel not available"}')


@pytest.mark.parametrize("failure", [NotSent("refused"), Ambiguous("timed out")])
def test_asks_again_when_the_provider_did_not_answer(customer, followers, monkeypatch, failure):
    order = order_of(customer, followers)
    submission.submit_next()
    cancel(customer, order)

    def fail(self, ids):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "cancel", fail)
        cancellations.forward_cancellations()
    assert Cancellation.objects.get().forwarded_at is None
    Cancellation.objects.update(forward_at=Now() - timedelta(seconds=1))
    cancellations.forward_cancellations()

    assert Cancellation.objects.get().answer == "accepted"


def test_asking_twice_is_accepted_and_does_nothing_more(customer, followers, nothing_moved):
    order = order_of(customer, followers)
    submission.submit_next()
    cancel(customer, order)
    nothing_moved.remember()
    events = order.events.count()

    cancel(customer, order)

    nothing_moved()
    assert order.events.count() == events


@pytest.mark.parametrize("status", ["Completed", "Partial", "Canceled"])
def test_refuses_final_orders(customer, followers, status, nothing_moved):
    order = order_of(customer, followers)
    report(submitted(order), status, remains=10)
    nothing_moved.remember()

    with pytest.raises(OrderAlreadyCompleted):
        cancel(customer, order)

    nothing_moved()


def test_refuses_where_the_service_has_no_cancel(customer, make_service, nothing_moved):
    order = order_of(customer, make_service(cancel=False))
    nothing_moved.remember()

    with pytest.raises(CancelNotAvailable):
        cancel(customer, order)

    nothing_moved()


def test_refuses_orders_of_others_missing_and_archived_alike(customer, other_customer, followers, nothing_moved):
    order = order_of(customer, followers)
    report(submitted(order), "Completed")
    Order.objects.update(archived_at=Now())
    foreign = order_of(other_customer, followers)
    nothing_moved.remember()

    for order_id in (order.pk, foreign.pk, 10**9, 2**40):
        with pytest.raises(OrderNotFound):
            cancellations.request_cancellation(user_id=customer.pk, order_id=order_id)

    nothing_moved()


def test_staff_give_back_the_rest_whatever_was_delivered(customer, followers, staff):
    order = order_of(customer, followers)
    submission.submit_next()
    report(order.runs.get(), "In progress", remains=200)

    cancellations.cancel_and_refund(order_id=order.pk, reason="wrong account", actor_id=staff.pk)

    order.refresh_from_db()
    assert (order.status, order.refunded) == ("Canceled", Decimal("0.85"))
    assert balance_of(customer) == 100
    event = order.events.get(kind="staff")
    assert (event.actor, event.data["reason"]) == (staff, "wrong account")
    assert cancellations.forward_cancellations() == 1
    assert SandboxOrder.objects.get().canceled_at is not None
    assert audit.audit_ledger().is_clean


def test_staff_can_give_back_a_partial_orders_rest(customer, followers, staff):
    order = order_of(customer, followers)
    report(submitted(order), "Partial", remains=400)

    cancellations.cancel_and_refund(order_id=order.pk, reason="complaint", actor_id=staff.pk)

    assert balance_of(customer) == 100


def test_refuses_staff_without_a_reason_and_twice(customer, followers, staff, nothing_moved):
    order = order_of(customer, followers)
    nothing_moved.remember()
    with pytest.raises(ReasonMissing):
        cancellations.cancel_and_refund(order_id=order.pk, reason=" ", actor_id=staff.pk)
    nothing_moved()

    cancellations.cancel_and_refund(order_id=order.pk, reason="x", actor_id=staff.pk)
    nothing_moved.remember()
    with pytest.raises(OrderAlreadyCompleted):
        cancellations.cancel_and_refund(order_id=order.pk, reason="x", actor_id=staff.pk)
    nothing_moved()


@pytest.mark.parametrize("in_doubt", ["submitting", "unknown"])
def test_refuses_staff_while_a_run_is_in_doubt(customer, followers, staff, in_doubt, nothing_moved):
    order = order_of(customer, followers)
    claim = submission.claim_next()
    if in_doubt == "unknown":
        submission.record_unknown(claim.attempt.pk, evidence="x")
    assert Run.objects.get().state == in_doubt
    nothing_moved.remember()

    with pytest.raises(RunInFlight):
        cancellations.cancel_and_refund(order_id=order.pk, reason="x", actor_id=staff.pk)

    nothing_moved()
