"""Stopping orders: what is refunded at once, what is asked of the provider, what is refused."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from catalog.models import Route
from orders import cancellations, reviews, submission
from orders.errors import CancelNotAvailable, OrderAlreadyCompleted, OrderNotFound, RunInFlight
from orders.models import Cancellation, Order, ReviewItem, Run
from providers.errors import Ambiguous, NotSent, Refused, RefusedForNow
from providers.models import Provider, SandboxOrder
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


def canceled_orders(customer, followers, count, *, at=None):
    """Have so many orders at a provider, with a request to stop each; return the provider's ids."""
    if at is not None:
        Route.objects.update(provider=at)
    orders = [order_of(customer, followers, link=f"https://example.com/{number}/slow") for number in range(count)]
    while submission.submit_next():
        pass
    for order in orders:
        cancel(customer, order)
    return [order.runs.get().provider_order for order in orders]


def forward_again():
    """Forward what waits, as if its time had come."""
    Cancellation.objects.filter(forward_at__isnull=False).update(forward_at=Now())
    return cancellations.forward_cancellations()


@pytest.fixture
def silent(monkeypatch):
    """Give a function that lets calls with some ids, or all, fail; it returns the lists of ids of all calls."""

    def begin(failure, *, only=None):
        calls = []
        answer = Sandbox.cancel

        def cancel(self, ids):
            calls.append(list(ids))
            if only is None or set(ids) & set(only):
                raise failure
            return answer(self, ids)

        monkeypatch.setattr(Sandbox, "cancel", cancel)
        return calls

    return begin


def test_a_provider_that_is_down_is_not_asked(customer, followers, silent):
    canceled_orders(customer, followers, 1)
    calls = silent(Ambiguous("timed out"), only=[])
    Provider.objects.update(down_until=Now() + timedelta(minutes=1))

    assert forward_again() == 0
    asked = Cancellation.objects.get()
    assert (calls, asked.tries, asked.forwarded_at) == ([], 0, None)

    Provider.objects.update(down_until=Now())
    assert cancellations.forward_cancellations() == 1
    assert Cancellation.objects.get().answer == "accepted"


def test_one_that_hangs_is_asked_once_and_does_not_keep_the_others_waiting(
    customer, followers, provider, silent, monkeypatch
):
    monkeypatch.setattr(cancellations, "STATUS_IDS_MAX", 2)
    hanging = canceled_orders(customer, followers, 3)
    other = Provider.objects.create(name="Other", kind="sandbox")
    canceled_orders(customer, followers, 3, at=other)
    calls = silent(Ambiguous("timed out"), only=hanging)

    assert cancellations.forward_cancellations() == 6

    assert sorted(map(len, calls)) == [1, 2, 2]
    theirs = Cancellation.objects.filter(order__runs__provider=other)
    assert [cancellation.answer for cancellation in theirs] == ["accepted"] * 3
    # One call for two of them: the third was not asked for.
    ours = Cancellation.objects.filter(order__runs__provider=provider).order_by("pk")
    assert [cancellation.tries for cancellation in ours] == [1, 1, 0]
    assert not ours.filter(forward_at=None).exists()


@pytest.mark.parametrize(
    ("failure", "tries"), [(Ambiguous("timed out"), 1), (RefusedForNow("slow down"), 1), (NotSent("refused"), 0)]
)
def test_counts_a_try_only_when_somebody_was_asked(customer, followers, silent, failure, tries):
    canceled_orders(customer, followers, 1)
    silent(failure)

    cancellations.forward_cancellations()

    asked = Cancellation.objects.annotate(wait=F("forward_at") - Now()).get()
    assert (asked.tries, asked.answer) == (tries, "")
    assert asked.wait.total_seconds() == pytest.approx(30, abs=1)


def test_asks_a_silent_provider_ever_more_seldom(customer, followers, silent):
    canceled_orders(customer, followers, 1)
    silent(Ambiguous("timed out"))
    waits = []
    for _ in range(9):
        Provider.objects.update(down_until=None)
        forward_again()
        waits.append(Cancellation.objects.annotate(wait=F("forward_at") - Now()).get().wait.total_seconds())

    assert waits == pytest.approx([30, 60, 120, 240, 480, 960, 1800, 1800, 1800], abs=1)


@pytest.mark.parametrize(
    ("failure", "is_over"), [(Ambiguous("timed out"), True), (NotSent("refused"), False), (None, False)]
)
def test_gives_up_only_on_a_provider_that_was_asked(customer, followers, silent, failure, is_over):
    canceled_orders(customer, followers, 1)
    Cancellation.objects.update(tries=cancellations.FORWARD_TRIES_MAX - 1 if is_over else 200)
    silent(failure)
    if failure is None:
        Provider.objects.update(down_until=Now() + timedelta(minutes=1))

    forward_again()

    asked = Cancellation.objects.get()
    assert (asked.forward_at is None, asked.answer) == (is_over, "the provider did not answer" if is_over else "")


def test_forwards_a_run_that_was_in_doubt_for_days(customer, followers, staff, silent):
    order = order_of(customer, followers)
    claim = submission.claim_next()
    submission.record_unknown(claim.attempt.pk, evidence="timed out")
    sandbox_id = Sandbox().add(service="x", service_type="Default", link=order.link, quantity=1000, parameters={})
    cancel(customer, order)
    Cancellation.objects.update(requested_at=Now() - timedelta(days=9))
    for _ in range(cancellations.FORWARD_TRIES_MAX + 1):
        assert forward_again() == 0
    assert Cancellation.objects.get().tries == 0

    item = ReviewItem.objects.get()
    reviews.resolve_found(item_id=item.pk, provider_order=sandbox_id, reason="there", actor_id=staff.pk)

    # At once: it was due all the time.
    assert cancellations.forward_cancellations() == 1
    assert Cancellation.objects.get().answer == "accepted"
    assert SandboxOrder.objects.get().canceled_at is not None


@pytest.mark.parametrize("failure", [None, Ambiguous("timed out")])
def test_a_part_in_doubt_does_not_keep_the_rest_waiting_and_is_not_forgotten(customer, followers, silent, failure):
    order = order_of(customer, followers, quantity=1000, runs=2, interval_minutes=1)
    submission.submit_next()
    order.runs.filter(state="queued").update(due_at=Now())
    claim = submission.claim_next()
    cancel(customer, order)
    Cancellation.objects.update(requested_at=Now() - timedelta(hours=1), tries=cancellations.FORWARD_TRIES_MAX)
    calls = silent(failure, only=None if failure else [])

    assert cancellations.forward_cancellations() == 1

    assert calls == [[order.runs.get(number=1).provider_order]]
    asked = Cancellation.objects.annotate(wait=F("forward_at") - Now()).get()
    assert asked.wait.total_seconds() == pytest.approx(1800 if failure else 360, abs=1)
    sandbox_id = Sandbox().add(service="x", service_type="Default", link=order.link, quantity=500, parameters={})
    submission.record_accepted(claim, provider_order=sandbox_id)
    forward_again()
    assert sorted(calls[-1]) == sorted(order.runs.values_list("provider_order", flat=True))


def test_what_there_is_no_time_for_stays_due(customer, followers):
    canceled_orders(customer, followers, 2)

    assert cancellations.forward_cancellations(seconds=0) == 2

    assert list(Cancellation.objects.values_list("tries", "forwarded_at")) == [(0, None)] * 2
    assert cancellations.forward_cancellations() == 2
    assert Cancellation.objects.filter(answer="accepted").count() == 2


def test_a_bug_at_one_provider_does_not_lose_the_others(customer, followers, silent, caplog):
    crashing = canceled_orders(customer, followers, 1)
    other = Provider.objects.create(name="Other", kind="sandbox")
    canceled_orders(customer, followers, 1, at=other)
    silent(RuntimeError("a bug of ours"), only=crashing)

    cancellations.forward_cancellations()

    assert "a bug of ours" in caplog.text
    assert list(Cancellation.objects.order_by("pk").values_list("tries", "answer")) == [(0, ""), (0, "accepted")]


def test_asking_twice_is_accepted_and_does_nothing_more(customer, followers, nothing_moved):
    order = order_of(customer, followers)
    submission.submit_next()
    cancel(customer, order)
    nothing_moved.remember()
    events = order.events.count()

    cancel(customer, order)

    nothing_moved()
    assert order.events.count() == events


@pytest.mark.django_db(transaction=True)
def test_counts_once_however_many_ask_at_once(customer, followers):
    order = order_of(customer, followers)
    submission.submit_next()
    start = threading.Barrier(6)
    failures = []

    def ask():
        start.wait(10)
        try:
            cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)
        except Exception as error:
            failures.append(error)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert event_kinds(order).count("cancel_requested") == 1
    assert Cancellation.objects.get().forward_at is not None


def test_takes_few_statements(customer, followers, django_assert_num_queries):
    order = order_of(customer, followers)

    # The order's lock, the request, the lock of the runs, the run, the order, and its refund; begin and end.
    with django_assert_num_queries(8):
        cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)


def test_asking_again_takes_two_statements(customer, followers, django_assert_num_queries):
    order = order_of(customer, followers)
    submission.submit_next()
    cancel(customer, order)

    with django_assert_num_queries(4):
        cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)


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
