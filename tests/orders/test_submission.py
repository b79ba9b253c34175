"""Sending runs: every outcome of a call, and what a dead worker leaves behind."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models.functions import Now

from catalog.models import Currency, Route, Service
from orders import reviews, submission
from orders.models import Attempt, Order, ReviewItem, Run
from orders.transitions import RunState
from panel import alerts, checkpoints
from providers.errors import Ambiguous, LinkBusy, NotSent, Refused, RefusedForNow
from providers.models import Provider, SandboxOrder
from providers.sandbox import Sandbox
from tests.fixtures import balance_of
from tests.orders.conftest import event_kinds, order_of, submitted
from wallet import audit

pytestmark = pytest.mark.django_db


@pytest.fixture
def answer_with(monkeypatch):
    """Make the outside world answer every `add` with this error or id."""

    def answer(reply):
        def add(self, **sent):
            if isinstance(reply, Exception):
                raise reply
            return reply

        monkeypatch.setattr(Sandbox, "add", add)

    return answer


def state_of(order):
    run = order.runs.get()
    return run.state, [attempt.state for attempt in run.attempts.order_by("pk")]


def test_sends_what_was_ordered(customer, make_service):
    service = make_service(type="Custom Comments", min=1, provider_service="comments-7")
    order = order_of(customer, service, quantity=None, parameters={"comments": ["one", "two"]})

    assert submission.submit_next()

    sent = SandboxOrder.objects.get()
    assert (sent.service, sent.link, sent.quantity) == ("comments-7", order.link, 2)
    assert state_of(order) == ("submitted", ["accepted"])
    assert order.runs.get().provider_order == str(sent.pk)
    assert event_kinds(order) == ["placed", "submitted"]


def test_returns_false_when_nothing_is_due(customer, followers):
    order_of(customer, followers)
    Run.objects.update(due_at=Now() + timedelta(minutes=1))

    assert not submission.submit_next()


def test_the_intent_is_kept_before_a_byte_leaves(customer, followers, monkeypatch):
    order = order_of(customer, followers)
    seen = []
    monkeypatch.setattr(Sandbox, "add", lambda self, **sent: seen.append(state_of(order)) or "P-1")

    submission.submit_next()

    assert seen == [("submitting", ["in_flight"])]


def test_queues_again_what_was_not_sent(customer, followers, answer_with):
    answer_with(NotSent("connection refused"))
    order = order_of(customer, followers)

    submission.submit_next()

    assert state_of(order) == ("queued", ["not_sent"])
    assert not submission.submit_next()  # backed off
    assert balance_of(customer) == Decimal("99.15")


def test_pauses_a_provider_that_refuses_for_now(customer, followers, answer_with, provider):
    answer_with(RefusedForNow("Not enough funds on balance"))
    order = order_of(customer, followers)

    submission.submit_next()

    assert state_of(order) == ("queued", ["deferred"])
    provider.refresh_from_db()
    assert provider.paused_until is not None
    Run.objects.update(due_at=Now())
    assert not submission.submit_next()
    Provider.objects.update(paused_until=Now() - timedelta(seconds=1))
    answer_with("P-1")
    assert submission.submit_next()


def test_leaves_the_runs_of_a_paused_provider_queued(customer, followers, provider):
    Provider.objects.update(is_active=False)
    order = order_of(customer, followers)

    assert not submission.submit_next()
    assert state_of(order) == ("queued", [])


def test_cancels_and_refunds_what_is_rejected(customer, followers, answer_with):
    answer_with(Refused('{"error": "bad link"}'))
    order = order_of(customer, followers)

    submission.submit_next()

    order.refresh_from_db()
    assert state_of(order) == ("rejected", ["rejected"])
    assert (order.status, order.remains, order.refunded) == ("Canceled", 1000, Decimal("0.85"))
    assert balance_of(customer) == 100
    assert Attempt.objects.get().evidence == '{"error": "bad link"}'
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize("failure", [Ambiguous("read timed out"), RuntimeError("a bug of ours")])
def test_sends_to_review_what_nobody_knows(customer, followers, answer_with, failure):
    answer_with(failure)
    order = order_of(customer, followers)

    submission.submit_next()

    assert state_of(order) == ("unknown", ["unknown"])
    assert ReviewItem.objects.get().resolved_at is None
    assert str(failure) in Attempt.objects.get().evidence
    assert not submission.submit_next()  # never again by itself
    order.refresh_from_db()
    assert (order.status, order.refunded) == ("Pending", 0)
    assert balance_of(customer) == Decimal("99.15")


def test_an_id_another_run_has_is_no_acceptance(customer, followers, answer_with):
    answer_with("P-1")
    order_of(customer, followers)
    second = order_of(customer, followers)

    submission.submit_next()
    submission.submit_next()

    assert state_of(second) == ("unknown", ["unknown"])
    assert "another run has" in second.runs.get().attempts.get().evidence


def test_expires_what_a_dead_worker_left(customer, followers):
    order = order_of(customer, followers)
    submission.claim_next()
    assert submission.expire_leases() == 0

    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))

    assert submission.expire_leases() == 1
    assert submission.expire_leases() == 0
    assert state_of(order) == ("unknown", ["unknown"])
    assert ReviewItem.objects.count() == 1


def test_a_late_answer_is_evidence(customer, followers):
    order = order_of(customer, followers)
    claim = submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))
    submission.expire_leases()

    submission.record_accepted(claim, provider_order="P-9")

    assert state_of(order) == ("submitted", ["accepted"])
    item = ReviewItem.objects.get()
    assert (item.resolution, item.resolved_by) == ("found", None)


def test_a_late_answer_does_not_undo_what_a_person_decided(customer, followers, staff, caplog):
    from orders import reviews

    order = order_of(customer, followers)
    claim = submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))
    submission.expire_leases()
    reviews.resolve_refund(item_id=ReviewItem.objects.get().pk, reason="not there", actor_id=staff.pk)

    submission.record_accepted(claim, provider_order="P-9")

    assert state_of(order) == ("canceled", ["absent"])
    assert balance_of(customer) == 100
    assert "P-9" in Attempt.objects.get().evidence
    assert "P-9" in caplog.text


def test_a_worker_that_wakes_up_too_late_sends_nothing(customer, followers, monkeypatch):
    order = order_of(customer, followers)
    claim = submission.claim_next()
    clock = submission.time.monotonic() + 31
    monkeypatch.setattr(submission.time, "monotonic", lambda: clock)

    submission.send(claim)

    assert SandboxOrder.objects.count() == 0
    assert state_of(order) == ("queued", ["not_sent"])


@pytest.mark.parametrize(
    ("late", "more"),
    [("record_not_sent", {}), ("record_deferred", {"retry_after": submission.RETRY_FIRST}), ("record_rejected", {})],
)
def test_late_failures_change_nothing(customer, followers, late, more):
    order = order_of(customer, followers)
    claim = submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))
    submission.expire_leases()

    getattr(submission, late)(claim, evidence="too late", **more)

    assert state_of(order) == ("unknown", ["unknown"])


def test_database_allows_one_live_attempt_per_run(customer, followers):
    order_of(customer, followers)
    claim = submission.claim_next()

    with pytest.raises(IntegrityError, match="attempt_one_live_per_run"), transaction.atomic():
        Attempt.objects.create(run=claim.run, provider=claim.provider, lease_until=Now())


def test_drip_feed_sends_each_run_when_it_is_due(customer, followers):
    order = order_of(customer, followers, quantity=1000, runs=2, interval_minutes=60)

    assert submission.submit_next()
    assert not submission.submit_next()
    order.runs.filter(number=2).update(due_at=Now())
    assert submission.submit_next()

    assert sorted(SandboxOrder.objects.values_list("quantity", flat=True)) == [500, 500]


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")  # no worker trips over another
def test_racing_workers_send_each_run_once(customer, followers):
    orders = [order_of(customer, followers) for _ in range(12)]

    def work():
        while submission.submit_next():
            pass
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert SandboxOrder.objects.count() == len(orders)
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.SUBMITTED}
    assert Attempt.objects.count() == len(orders)


@contextmanager
def locked_by_somebody(provider):
    """Keep a provider's row locked in this block, as a worker does that stands still in the middle of a claim."""
    is_locked, may_end = threading.Event(), threading.Event()

    def keep():
        with transaction.atomic():
            Provider.objects.select_for_update(no_key=True).get(pk=provider.pk)
            is_locked.set()
            may_end.wait(10)
        connection.close()

    keeper = threading.Thread(target=keep)
    keeper.start()
    assert is_locked.wait(10)
    try:
        yield
    finally:
        may_end.set()
        keeper.join()


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_somebody_keeps_locked_keeps_no_other_waiting(customer, followers, provider, make_service):
    other = Provider.objects.create(name="Other", kind="sandbox")
    elsewhere = make_service(provider=other)
    stuck = order_of(customer, followers)  # due longest, so its provider is looked at first
    healthy = [order_of(customer, elsewhere) for _ in range(3)]

    with locked_by_somebody(provider):
        started = time.monotonic()
        claims = [submission.claim_next() for _ in healthy]
        took = time.monotonic() - started

    assert {claim.run.order_id for claim in claims} == {order.pk for order in healthy}
    assert took < 3  # one wait of a second, not one for each claim
    # It is looked at again as soon as there is nothing else to do.
    assert submission.claim_next().run.order_id == stuck.pk


@pytest.mark.django_db(transaction=True)
def test_claims_wait_for_one_another(customer, followers, provider):
    """Who found nothing to do instead would end, and the order would wait for the next message."""
    order_of(customer, followers)
    claims = []

    def claim():
        claims.append(submission.claim_next())
        connection.close()

    worker = threading.Thread(target=claim)
    with locked_by_somebody(provider):
        worker.start()
        time.sleep(0.3)
    worker.join()

    assert claims != [None]


@pytest.mark.django_db(transaction=True)
def test_control_without_a_claim_every_worker_sends(customer, followers, provider):
    """Six workers that only look send the run six times: the claim is what prevents it."""
    run = order_of(customer, followers).runs.get()
    everybody_has_looked = threading.Barrier(6)

    def work():
        if Run.objects.get(pk=run.pk).state == RunState.QUEUED:
            everybody_has_looked.wait(10)
            Sandbox().add(
                service="x", service_type="Default", link=run.order.link, quantity=run.quantity, parameters={}
            )
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert SandboxOrder.objects.count() == 6


def test_a_run_cannot_be_changed_behind_the_table(customer, followers):
    order = order_of(customer, followers)
    submitted(order)

    with pytest.raises(DatabaseError, match="may not follow"), transaction.atomic():
        order.runs.update(state=RunState.QUEUED)


def test_a_run_that_cannot_be_prepared_keeps_nobody_waiting(customer, followers):
    """What a provider asks may be beyond all columns; its run is the first to be looked at."""
    Service.objects.update(allow_loss=True)
    poisoned, healthy = order_of(customer, followers), order_of(customer, followers)
    Order.objects.filter(pk=poisoned.pk).update(link="poisoned")

    def break_it(name):
        if name == "in_claim" and Run.objects.get(order=poisoned).state == "submitting":
            raise ArithmeticError("beyond all columns")

    checkpoints.listener = break_it
    try:
        assert submission.submit_next()
    finally:
        checkpoints.listener = None

    assert poisoned.runs.get().held_because == "it cannot be prepared: ArithmeticError: beyond all columns"
    assert state_of(healthy) == ("submitted", ["accepted"])


def test_holds_what_costs_more_than_can_be_written_down(customer, followers):
    order = order_of(customer, followers)
    Route.objects.update(cost="999999999999999", provider=Provider.objects.create(name="Absurd", kind="sandbox"))
    Run.objects.update(provider=Provider.objects.get(name="Absurd"))
    run = order.runs.get()
    Currency.objects.create(code="XAU", rate="0.0000000001")
    Provider.objects.update(currency="XAU")

    assert not submission.submit_next()

    run.refresh_from_db()
    assert run.held_because == "Absurd ig-followers: costs more than can be written down"


def test_looks_at_the_next_provider_after_some_runs_that_go_nowhere(customer, followers, make_service, monkeypatch):
    monkeypatch.setattr(submission, "MOVES_MAX", 2)
    for _ in range(4):
        order_of(customer, followers)
    Route.objects.update(cost=1)
    other = Provider.objects.create(name="Other", kind="sandbox")
    healthy = order_of(customer, make_service(provider=other))

    claim = submission.claim_next()

    assert claim is not None
    assert claim.run.order_id == healthy.pk
    assert Run.objects.exclude(held_at=None).count() == 2


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (partial(submission.record_rejected, evidence="bad link"), "answered late: refused: bad link"),
        (partial(submission.record_not_sent, evidence="no route"), "answered late: nothing was sent: no route"),
        (
            lambda claim: submission.record_unknown(claim.attempt.pk, evidence="HTTP 500"),
            "answered late: nobody knows: HTTP 500",
        ),
    ],
)
def test_shows_what_came_late_to_whoever_decides(customer, followers, late, words):
    order_of(customer, followers)
    claim = submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))
    submission.expire_leases()

    late(claim)

    assert Attempt.objects.get().evidence.splitlines()[-1] == words


def test_shows_an_id_of_another_run_that_came_late(customer, followers):
    submitted(order_of(customer, followers), provider_order="P-1")
    order = order_of(customer, followers)
    claim = submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))
    submission.expire_leases()

    submission.record_accepted(claim, provider_order="P-1")

    assert state_of(order) == ("unknown", ["unknown"])
    assert ReviewItem.objects.get().resolved_at is None
    assert "order id P-1, which another run has" in order.runs.get().attempts.get().evidence


def test_what_nobody_knows_is_recorded_once(customer, followers):
    order = order_of(customer, followers)
    claim = submission.claim_next()

    for _ in range(2):  # as when the answer to the first commit was lost
        submission.record_unknown(claim.attempt.pk, evidence="read timed out")

    assert state_of(order) == ("unknown", ["unknown"])
    assert Attempt.objects.get().evidence == "read timed out"


def test_a_lease_that_was_met_after_all_leaves_no_trace(customer, followers, monkeypatch):
    """An attempt may end between the look for expired leases and the lock."""
    order = order_of(customer, followers)
    claim = submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))
    end_lease = submission._end_lease
    monkeypatch.setattr(
        submission,
        "_end_lease",
        lambda attempt_id: (submission.record_accepted(claim, provider_order="P-9"), end_lease(attempt_id)),
    )

    assert submission.expire_leases() == 1

    assert state_of(order) == ("submitted", ["accepted"])
    assert Attempt.objects.get().evidence == "P-9"


def test_an_acceptance_recorded_twice_is_no_double_delivery(customer, followers, caplog):
    order = order_of(customer, followers)
    claim = submission.claim_next()

    for _ in range(2):  # as when the answer to the first commit was lost
        submission.record_accepted(claim, provider_order="P-9")

    assert state_of(order) == ("submitted", ["accepted"])
    assert Attempt.objects.get().evidence == "P-9"
    assert event_kinds(order).count("submitted") == 1
    assert caplog.text == ""


def test_an_acceptance_that_a_person_has_found_is_no_double_delivery(customer, followers, staff, caplog):
    order = order_of(customer, followers)
    claim = submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))
    submission.expire_leases()
    found = {"item_id": ReviewItem.objects.get().pk, "reason": "in their list", "actor_id": staff.pk}
    reviews.resolve_found(provider_order="P-9", **found)

    submission.record_accepted(claim, provider_order="P-9")
    assert caplog.text == ""

    submission.record_accepted(claim, provider_order="P-10")
    assert f"Run {order.pk}/1 may be delivered twice" in caplog.text
    assert order.runs.get().provider_order == "P-9"


def test_what_was_answered_is_recorded_when_the_database_is_back(customer, followers, monkeypatch):
    monkeypatch.setattr(submission, "RECORD_AGAIN_SECONDS", 0.01)
    order = order_of(customer, followers)
    outages = [OperationalError("the server closed the connection")] * 2

    def fail(name):
        if name == "in_record" and outages:
            raise outages.pop()

    checkpoints.listener = fail
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own transaction must survive
    try:
        submission.submit_next()
    finally:
        checkpoints.listener = None

    assert outages == []
    assert state_of(order) == ("submitted", ["accepted"])


def test_a_busy_link_after_an_absence_asks_a_person_again(customer, followers, answer_with, staff):
    answer_with(Ambiguous("timed out"))
    order = order_of(customer, followers)
    submission.submit_next()
    reviews.resolve_resend(item_id=ReviewItem.objects.get().pk, reason="not in their list", actor_id=staff.pk)
    answer_with(LinkBusy("You have active order with this link"))

    submission.submit_next()

    assert state_of(order) == ("unknown", ["absent", "unknown"])
    assert "found absent before" in Attempt.objects.latest("pk").evidence


def test_mails_wait_until_the_end_of_the_call_is_recorded(customer, followers, answer_with, settings, monkeypatch):
    settings.ADMINS = [("Staff", "staff@example.com")]
    answer_with(RefusedForNow("Not enough funds"))
    order = order_of(customer, followers)
    seen = []
    monkeypatch.setattr(alerts, "mail_admins", lambda *mail: seen.append(state_of(order)))

    submission.submit_next()

    assert seen == [("queued", ["deferred"])]


def stand_still_at(monkeypatch, point):
    """Let this worker stand still once, in its transaction, until the database has ended its session."""
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '100ms'")
    points = [point]

    def listener(name):
        if name in points:
            points.remove(name)
            time.sleep(0.5)

    monkeypatch.setattr(checkpoints, "listener", listener)
    return points


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_stood_still_in_a_claim_blames_no_run(customer, followers, monkeypatch):
    order = order_of(customer, followers)
    to_come = stand_still_at(monkeypatch, "in_claim")

    with pytest.raises(DatabaseError, match="idle-in-transaction"):
        submission.submit_next()

    assert to_come == []
    assert state_of(order) == ("queued", [])
    assert order.runs.get().held_at is None
    assert submission.submit_next()
    assert state_of(order) == ("submitted", ["accepted"])


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_stood_still_while_it_recorded_records_again(customer, followers, monkeypatch):
    monkeypatch.setattr(submission, "RECORD_AGAIN_SECONDS", 0.01)
    order = order_of(customer, followers)
    to_come = stand_still_at(monkeypatch, "in_record")

    assert submission.submit_next()

    assert to_come == []
    assert state_of(order) == ("submitted", ["accepted"])
    assert SandboxOrder.objects.count() == 1
