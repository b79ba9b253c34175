"""How often whom to ask: a hundred at a time, one worker per provider, fresh orders often and old ones seldom."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import CharField, F
from django.db.models.functions import Cast, Now
from django.utils import timezone

from orders import cancellations, tracking
from orders.models import Run, TrackingTurn
from providers.adapter import STATUS_IDS_MAX, Report, ReportedStatus
from providers.errors import Ambiguous, Refused
from providers.models import Provider
from providers.sandbox import Sandbox
from tests.orders.conftest import order_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(monkeypatch):
    """The lists of ids that providers were asked about; none has anything new to tell."""
    calls = []

    def statuses(self, ids):
        calls.append(list(ids))
        return {one: Report(status=ReportedStatus.PENDING, start_count=None, remains=None) for one in ids}

    monkeypatch.setattr(Sandbox, "statuses", statuses)
    return calls


def open_runs(customer, service, count, *, age=timedelta(hours=1)):
    """Have so many runs at their provider, numbered from 1 as its orders, with a poll that is due."""
    runs = {"runs": count, "interval_minutes": 1} if count > 1 else {}
    order = order_of(customer, service, quantity=50 * count, **runs)
    for state in ("submitting", "submitted"):
        Run.objects.update(state=state)
    Run.objects.update(provider_order=Cast("number", CharField()), submitted_at=Now() - age, poll_at=Now())
    return order


def track():
    """Ask until nobody is due, as a worker does; return how many calls it took."""
    count = 0
    while tracking.track_due():
        count += 1
    return count


def test_asks_about_a_hundred_at_a_time(customer, followers, calls):
    open_runs(customer, followers, 250)

    assert track() == 3

    assert [len(ids) for ids in calls] == [STATUS_IDS_MAX, STATUS_IDS_MAX, 50]
    assert len({one for ids in calls for one in ids}) == 250


def test_asks_each_provider_about_its_own(customer, followers, calls):
    other = Provider.objects.create(name="Other", kind="sandbox")
    open_runs(customer, followers, 3)
    Run.objects.filter(provider_order="3").update(provider=other)

    track()

    assert sorted(map(sorted, calls)) == [["1", "2"], ["3"]]


@pytest.mark.parametrize(
    ("age", "seconds"), [(timedelta(seconds=5), 2), (timedelta(minutes=5), 30), (timedelta(days=3), 600)]
)
def test_asks_old_orders_seldom(customer, followers, calls, age, seconds):
    open_runs(customer, followers, 1, age=age)

    track()

    run = Run.objects.annotate(wait=F("poll_at") - Now()).get()
    assert abs(run.wait.total_seconds() - seconds) < 1


def test_takes_along_those_whose_turn_comes_soon(customer, followers, calls):
    open_runs(customer, followers, 3, age=timedelta(days=1))  # asked every 10 minutes
    soon, later = timedelta(minutes=2), timedelta(minutes=3)
    Run.objects.filter(provider_order="2").update(poll_at=Now() + soon)
    Run.objects.filter(provider_order="3").update(poll_at=Now() + later)

    track()

    assert [sorted(ids) for ids in calls] == [["1", "2"]]


def test_nobody_is_asked_when_no_turn_has_come(customer, followers, calls):
    open_runs(customer, followers, 2)
    Run.objects.update(poll_at=Now() + timedelta(seconds=1))

    assert track() == 0


def test_one_worker_asks_a_provider_at_a_time(customer, followers, calls, monkeypatch):
    open_runs(customer, followers, 150)
    nested = []
    statuses = Sandbox.statuses

    def ask_again_meanwhile(self, ids):
        nested.append(tracking.track_due())
        return statuses(self, ids)

    monkeypatch.setattr(Sandbox, "statuses", ask_again_meanwhile)

    tracking.track_due()

    assert nested == [0]
    assert TrackingTurn.objects.get().until <= timezone.now()


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_orders_are_being_claimed_for_is_asked(customer, followers, calls):
    """Each claim locks the provider's row, and with many waiting runs it is never free."""
    open_runs(customer, followers, 1)
    asked = []

    def work():
        try:
            asked.append(tracking.track_due())
        finally:
            connection.close()

    with transaction.atomic():
        Provider.objects.select_for_update(no_key=True).get()
        tracker = threading.Thread(target=work)
        tracker.start()
        tracker.join(20)

    assert asked == [1]


@pytest.mark.django_db(transaction=True)
def test_one_of_eight_workers_asks_a_provider(customer, followers, monkeypatch):
    open_runs(customer, followers, 1)
    everybody, asked = threading.Barrier(8), []

    def statuses(self, ids):
        asked.append(ids)
        everybody.wait(20)  # nobody else comes here: they have returned already
        return {}

    def work():
        try:
            if tracking.track_due() == 0:
                everybody.wait(20)
        finally:
            connection.close()

    monkeypatch.setattr(Sandbox, "statuses", statuses)
    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert len(asked) == 1
    assert not everybody.broken


def test_a_worker_that_died_is_waited_for_no_longer_than_its_lease(customer, followers, calls):
    open_runs(customer, followers, 1)
    turn = TrackingTurn.objects.create(provider=Provider.objects.get(), until=Now() + timedelta(seconds=30))
    assert track() == 0
    TrackingTurn.objects.filter(pk=turn.pk).update(until=Now())

    assert track() == 1


def test_a_provider_that_is_down_is_not_asked(customer, followers, calls):
    open_runs(customer, followers, 1)
    Provider.objects.update(down_until=Now() + timedelta(seconds=30))

    assert track() == 0


def test_a_provider_that_takes_no_orders_is_asked_about_those_it_has(customer, followers, calls):
    open_runs(customer, followers, 1)
    Provider.objects.update(is_active=False, paused_until=Now() + timedelta(minutes=1))

    assert track() == 1


def test_one_that_fails_does_not_keep_the_others_waiting(customer, followers, calls, monkeypatch):
    other = Provider.objects.create(name="Other", kind="sandbox")
    open_runs(customer, followers, 2)
    Run.objects.filter(provider_order="2").update(provider=other, poll_at=Now() + timedelta(milliseconds=1))
    statuses = Sandbox.statuses

    def fail_for_the_first(self, ids):
        if "1" in ids:
            raise Ambiguous("timed out")
        return statuses(self, ids)

    monkeypatch.setattr(Sandbox, "statuses", fail_for_the_first)

    track()

    assert calls == [["2"]]
    assert Run.objects.filter(poll_at__gt=Now()).count() == 2  # both have their next turn


def test_turns_meet_so_that_a_round_needs_few_calls(customer, followers, calls):
    """A thousand runs that are asked about every ten minutes, each at its own time, and three rounds of it."""
    order = open_runs(customer, followers, 1000, age=timedelta(days=1))
    Run.objects.update(poll_at=Now() + tracking.POLL_MAX * F("number") / order.run_count)
    round_steps = 20
    calls_by_round = []
    for _ in range(3):
        count = 0
        for _ in range(round_steps):
            Run.objects.update(poll_at=F("poll_at") - tracking.POLL_MAX / round_steps)
            count += track()
        calls_by_round.append(count)

    fewest = order.run_count / STATUS_IDS_MAX
    assert calls_by_round[-1] == fewest, calls_by_round
    assert sum(len(ids) for ids in calls) >= 3 * order.run_count


@pytest.fixture
def refuse_lists_with(monkeypatch, calls):
    """Have the provider refuse every list that holds one of these ids."""
    answer = Sandbox.statuses

    def apply(*bad):
        def statuses(self, ids):
            reports = answer(self, ids)
            if set(bad) & set(ids):
                raise Refused("Incorrect order ID")
            return reports

        monkeypatch.setattr(Sandbox, "statuses", statuses)

    return apply


def test_one_bad_id_does_not_keep_the_others_of_its_list_waiting(customer, followers, calls, refuse_lists_with):
    open_runs(customer, followers, 100)
    refuse_lists_with("71")

    tracking.track_due()

    assert len(calls) <= tracking.SPLIT_CALLS_MAX
    assert list(Run.objects.filter(unknown_count=1).values_list("provider_order", flat=True)) == ["71"]
    assert not Run.objects.filter(poll_at__lte=Now()).exists()


def test_goes_on_next_time_where_looking_for_bad_ids_took_too_long(customer, followers, calls, refuse_lists_with):
    open_runs(customer, followers, 100)
    refuse_lists_with("1", "33", "66", "99")

    tracking.track_due()
    assert len(calls) == tracking.SPLIT_CALLS_MAX
    assert Run.objects.filter(poll_at__lte=Now()).exists()
    track()

    bad = Run.objects.filter(unknown_count__gt=0).order_by("number")
    assert list(bad.values_list("provider_order", flat=True)) == ["1", "33", "66", "99"]
    assert not Run.objects.filter(poll_at__lte=Now()).exists()


def test_a_provider_that_refuses_everything_is_not_asked_again_at_once(customer, followers, calls, refuse_lists_with):
    open_runs(customer, followers, 100)
    refuse_lists_with(*map(str, range(101)))

    assert track() == 1
    assert len(calls) == tracking.SPLIT_CALLS_MAX


def test_looks_for_a_bad_id_only_as_long_as_that_is_quick(customer, followers, calls, refuse_lists_with, monkeypatch):
    monkeypatch.setattr(tracking, "SPLIT_WITHIN_SECONDS", 0)
    open_runs(customer, followers, 100)
    refuse_lists_with("71")

    tracking.track_due()

    assert len(calls) == 1


def wait_for_waiting(count):
    """Wait until so many sessions wait for a lock."""
    ends = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < ends:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone() == (count,):
                return
            time.sleep(0.01)
    pytest.fail(f"no {count} sessions wait for a lock")


@pytest.mark.django_db(transaction=True)
def test_runs_of_a_drip_feed_are_locked_in_the_order_in_which_a_cancellation_locks_them(
    customer, followers, monkeypatch
):
    """Each would else have one run and wait for the other one, until PostgreSQL ends one of them."""
    order = open_runs(customer, followers, 2)
    first, second = order.runs.order_by("number")
    # Written anew, it lies behind the second one: where the order is not said, that is the one in which they are found.
    Run.objects.filter(pk=first.pk).update(expected_at=Now())
    is_asked, may_answer, failures = threading.Event(), threading.Event(), []

    def statuses(self, ids):
        is_asked.set()
        may_answer.wait(10)
        return {one: Report(status=ReportedStatus.PENDING, start_count=None, remains=None) for one in ids}

    def start(work):
        def run():
            try:
                work()
            except Exception as error:
                failures.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    monkeypatch.setattr(Sandbox, "statuses", statuses)
    tracker = start(tracking.track_due)
    assert is_asked.wait(10)
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=second.pk)  # both come to it, one after the other
        may_answer.set()
        wait_for_waiting(1)
        canceler = start(lambda: cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk))
        wait_for_waiting(2)
    tracker.join()
    canceler.join()

    assert failures == []
