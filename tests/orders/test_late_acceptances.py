"""An acceptance that comes after a person found the run absent: where it has not left again it need not."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models.functions import Now

from catalog.models import Route
from orders import cancellations, interventions, reviews, routing, submission
from orders.models import Attempt, ReviewItem, Run
from panel import checkpoints
from providers.models import Provider, SandboxOrder
from reports.models import CostEntry
from tests.fixtures import balance_of, nothing_moves
from tests.orders.conftest import event_kinds, order_of, report, submitted
from wallet import audit

pytestmark = pytest.mark.django_db


@pytest.fixture
def late(customer, followers, staff):
    """A claim that nobody heard of until a person had its run sent again. The run waits."""
    order_of(customer, followers)
    return found_absent(submission.claim_next(), staff)


@pytest.fixture
def backup(late, followers):
    """A second provider that sells the same service, after the first."""
    backup = Provider.objects.create(name="Backup", kind=Provider.Kind.SANDBOX)
    return Route.objects.create(service=followers, provider=backup, provider_service="backup-1", priority=2)


def found_absent(claim, staff):
    """Let the lease of a claim run out and a person decide that its run is sent again."""
    Attempt.objects.filter(pk=claim.attempt.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert submission.expire_leases() == 1
    item = ReviewItem.objects.get(resolved_at=None)
    reviews.resolve_resend(item_id=item.pk, reason="not in their list", actor_id=staff.pk)
    return claim


def state_of(run):
    run = Run.objects.get(pk=run.pk)
    return run.state, run.provider_order, [attempt.state for attempt in run.attempts.order_by("pk")]


def is_told(caplog, run):
    return f"Run {run} may be delivered twice" in caplog.text


def goes_on(claim, provider_order="P-9"):
    """Say whether the run of a claim is tracked where the claim was for, under an id, and not sent again."""
    run = Run.objects.get(pk=claim.run.pk)
    assert not submission.submit_next()
    assert run.poll_at is not None
    assert audit.audit_ledger().is_clean
    return (
        state_of(run) == ("submitted", provider_order, ["accepted"])
        and (run.provider_id, run.route_id) == (claim.attempt.provider_id, claim.attempt.route_id)
        and SandboxOrder.objects.count() == 0
    )


def test_one_that_waits_goes_on_under_the_providers_id(late, customer, caplog):
    submission.record_accepted(late, provider_order="P-9")

    assert goes_on(late)
    assert not is_told(caplog, late.run)
    assert event_kinds(late.run.order) == ["placed", "review_opened", "review_resolved", "submitted"]
    assert ReviewItem.objects.get().resolution == "resent"  # what a person decided stays written
    assert balance_of(customer) == Decimal("99.15")


def test_it_is_paid_for_once_and_refunded_as_reported(late, customer):
    submission.record_deferred(submission.claim_next(), evidence="not now", retry_after=timedelta(hours=1))

    submission.record_accepted(late, provider_order="P-9")

    assert state_of(late.run) == ("submitted", "P-9", ["accepted", "deferred"])
    entry = CostEntry.objects.get()
    assert (entry.attempt_id, entry.provider_id, entry.units) == (late.attempt.pk, late.attempt.provider_id, 1000)
    assert entry.amount == late.attempt.cost
    report(late.run, "Partial", remains=400)
    assert [(entry.attempt_id, entry.units) for entry in CostEntry.objects.order_by("pk")] == [
        (late.attempt.pk, 1000),
        (late.attempt.pk, -400),
    ]
    assert balance_of(customer) == Decimal("99.49")
    assert audit.audit_ledger().is_clean


def test_one_that_waits_elsewhere_comes_back(late, backup):
    Provider.objects.filter(pk=late.attempt.provider_id).update(paused_until=Now() + timedelta(minutes=1))
    assert routing.reroute_waiting(seconds=5) == 1
    assert Run.objects.get().provider_id == backup.provider_id

    submission.record_accepted(late, provider_order="P-9")

    assert goes_on(late)


def test_one_that_is_held_is_let_go(late, caplog):
    Route.objects.update(cost=1)
    assert not submission.submit_next()
    assert Run.objects.get().held_at is not None

    submission.record_accepted(late, provider_order="P-9")

    assert goes_on(late)
    run = Run.objects.get()
    assert (run.held_at, run.held_because) == (None, "")


def test_one_that_is_held_elsewhere_comes_back(late, backup):
    Provider.objects.filter(pk=late.attempt.provider_id).update(paused_until=Now() + timedelta(minutes=1))
    assert routing.reroute_waiting(seconds=5) == 1
    Route.objects.update(cost=1)
    assert not submission.submit_next()

    submission.record_accepted(late, provider_order="P-9")

    assert goes_on(late)


def test_the_acceptance_may_be_recorded_twice(late, caplog):
    for _ in range(2):  # as when the answer to the first commit was lost
        submission.record_accepted(late, provider_order="P-9")

    assert goes_on(late)
    assert not is_told(caplog, late.run)
    assert event_kinds(late.run.order).count("submitted") == 1
    assert CostEntry.objects.count() == 1


@pytest.mark.parametrize("end", ["in flight", "accepted", "unknown"])
def test_one_that_has_left_again_stays_as_it_is(late, caplog, end):
    again = submission.claim_next()
    if end == "accepted":
        submission.record_accepted(again, provider_order="P-10")
    elif end == "unknown":
        submission.record_unknown(again.attempt.pk, evidence="timed out")
    before = state_of(late.run)

    with nothing_moves():
        submission.record_accepted(late, provider_order="P-9")

    assert state_of(late.run) == before
    assert is_told(caplog, late.run)
    assert "P-9" in Attempt.objects.get(pk=late.attempt.pk).evidence


def test_the_second_of_two_absent_ones_is_a_double_delivery(late, staff, caplog):
    again = found_absent(submission.claim_next(), staff)
    submission.record_accepted(late, provider_order="P-9")
    assert state_of(late.run) == ("submitted", "P-9", ["accepted", "absent"])
    assert not is_told(caplog, late.run)

    with nothing_moves():
        submission.record_accepted(again, provider_order="P-10")

    assert state_of(late.run) == ("submitted", "P-9", ["accepted", "absent"])
    assert is_told(caplog, late.run)


def test_an_id_that_another_run_has_moves_nothing(late, customer, followers, caplog):
    Run.objects.update(due_at=Now() + timedelta(hours=1))
    submitted(order_of(customer, followers), provider_order="P-9")

    with nothing_moves():
        submission.record_accepted(late, provider_order="P-9")

    assert state_of(late.run) == ("queued", "", ["absent"])
    assert is_told(caplog, late.run)
    assert "P-9" in Attempt.objects.get(pk=late.attempt.pk).evidence


def test_one_that_was_canceled_meanwhile_stays_so(late, customer, caplog):
    cancellations.request_cancellation(user_id=customer.pk, order_id=late.run.order_id)
    assert balance_of(customer) == 100

    with nothing_moves():
        submission.record_accepted(late, provider_order="P-9")

    assert state_of(late.run) == ("canceled", "", ["absent"])
    assert is_told(caplog, late.run)


def test_one_whose_link_was_corrected_meanwhile_is_sent_again(late, staff, caplog):
    """The provider delivers to the wrong link; the customer waits for the right one."""
    interventions.change_link(
        order_id=late.run.order_id, link="https://example.com/right", reason="typing error", actor_id=staff.pk
    )

    with nothing_moves():
        submission.record_accepted(late, provider_order="P-9")

    assert state_of(late.run) == ("queued", "", ["absent"])
    assert is_told(caplog, late.run)
    assert submission.submit_next()
    assert SandboxOrder.objects.get().link == "https://example.com/right"


def test_the_rest_of_a_drip_feed_keeps_its_interval(customer, followers, staff):
    order = order_of(customer, followers, runs=3, interval_minutes=60)
    late = found_absent(submission.claim_next(), staff)
    Run.objects.update(due_at=Now())

    submission.record_accepted(late, provider_order="P-9")

    assert not submission.submit_next()
    began = Attempt.objects.get().started_at
    assert [(run.state, run.due_at - began) for run in order.runs.order_by("number")[1:]] == [
        ("queued", timedelta(hours=1)),
        ("queued", timedelta(hours=2)),
    ]


@pytest.mark.django_db(transaction=True)
def test_no_worker_claims_it_while_it_is_recorded(late):
    claims = []

    def claim():
        claims.append(submission.claim_next())
        connection.close()

    def claim_meanwhile(name):
        if name == "in_record":
            checkpoints.listener = None
            worker.start()
            worker.join(10)

    worker = threading.Thread(target=claim)
    checkpoints.listener = claim_meanwhile
    try:
        submission.record_accepted(late, provider_order="P-9")
    finally:
        checkpoints.listener = None

    assert claims == [None]
    assert goes_on(late)


@pytest.mark.django_db(transaction=True)
def test_waits_for_a_worker_that_is_claiming_it(late, caplog):
    """And then finds that it has left again."""
    is_claiming = threading.Event()

    def record():
        is_claiming.wait(10)
        submission.record_accepted(late, provider_order="P-9")
        connection.close()

    def let_it_wait(name):
        if name == "in_claim":
            checkpoints.listener = None
            is_claiming.set()
            recorder.join(0.3)
            was_waiting.append(recorder.is_alive())

    was_waiting = []
    recorder = threading.Thread(target=record)
    recorder.start()
    checkpoints.listener = let_it_wait
    try:
        again = submission.claim_next()
    finally:
        checkpoints.listener = None
    recorder.join(10)

    assert was_waiting == [True]
    assert again.run.pk == late.run.pk
    assert state_of(late.run) == ("submitting", "", ["absent", "in_flight"])
    assert is_told(caplog, late.run)
