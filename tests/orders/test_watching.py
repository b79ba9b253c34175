"""Runs that do not get on: the alarm, why it is raised, and when it ends."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from orders import submission, taking, tracking, watching
from orders.models import Order, Run, ServicePace
from providers.adapter import Report, ReportedStatus
from providers.errors import Ambiguous, LinkBusy
from providers.models import Provider
from providers.sandbox import Sandbox
from tests.orders.conftest import order_of, report, submitted

pytestmark = pytest.mark.django_db


def alarm_of(run):
    run.refresh_from_db()
    return run.alarm


def test_expects_an_end_as_the_catalogue_says_where_nothing_was_measured(customer, make_service):
    for average_minutes, expected in ((60, timedelta(hours=3)), (1, timedelta(minutes=10)), (None, timedelta(days=1))):
        service = make_service(average_minutes=average_minutes)
        run = submitted(order_of(customer, service), provider_order=str(average_minutes))
        run.refresh_from_db()
        assert run.expected_at - run.submitted_at == expected


def test_expects_an_end_as_the_service_usually_goes(customer, followers):
    order = order_of(customer, followers, quantity=5000, runs=100, interval_minutes=1)
    for state in ("submitting", "submitted", "completed"):
        Run.objects.update(state=state)
    Run.objects.update(finished_at=Now(), submitted_at=Now() - timedelta(minutes=1) * F("number"))
    Order.objects.filter(pk=order.pk).update(status="Completed", finished_at=Now())

    assert watching.measure_paces() == 1

    pace = ServicePace.objects.get()
    assert pace.sampled_runs == 100
    assert round(pace.p50.total_seconds() / 60) in (50, 51)
    assert round(pace.p95.total_seconds() / 60) in (95, 96)
    run = submitted(order_of(customer, followers))
    run.refresh_from_db()
    assert abs(run.expected_at - run.submitted_at - pace.p95) < timedelta(seconds=1)


def test_a_few_runs_say_nothing(customer, followers):
    for number in range(watching.SAMPLED_RUNS_MIN - 1):
        report(submitted(order_of(customer, followers, funds="1"), provider_order=str(number)), "Completed")

    assert watching.measure_paces() == 0
    assert not ServicePace.objects.exists()


def test_measuring_again_replaces_what_was_measured(customer, followers):
    for number in range(watching.SAMPLED_RUNS_MIN):
        report(submitted(order_of(customer, followers, funds="1"), provider_order=str(number)), "Completed")
    watching.measure_paces()
    Order.objects.update(archived_at=Now())

    assert watching.measure_paces() == 0
    assert ServicePace.objects.count() == 1  # what was known of it is better than nothing


def test_flags_what_is_late_once(customer, followers):
    run = submitted(order_of(customer, followers))
    assert watching.flag_stuck() == 0
    Run.objects.update(expected_at=Now() - timedelta(seconds=1))

    assert watching.flag_stuck() == 1
    assert watching.flag_stuck() == 0

    run.refresh_from_db()
    assert (run.alarm, run.alarm_at is not None) == ("late", True)


def test_the_end_ends_the_alarm(customer, followers):
    run = submitted(order_of(customer, followers))
    Run.objects.update(expected_at=Now() - timedelta(seconds=1))
    watching.flag_stuck()

    report(run, "In progress", remains=10)
    assert alarm_of(run) == "late"
    report(run, "Completed")
    assert alarm_of(run) == ""


def test_flags_what_waits_too_long_until_it_is_sent(customer, followers, provider):
    order = order_of(customer, followers)
    Provider.objects.update(is_active=False)
    Run.objects.update(due_at=Now() - watching.WAITING_MAX + timedelta(seconds=10))
    assert watching.flag_stuck() == 0
    Run.objects.update(due_at=Now() - watching.WAITING_MAX)

    assert watching.flag_stuck() == 1

    run = order.runs.get()
    assert alarm_of(run) == "waiting"
    Provider.objects.update(is_active=True)
    assert submission.submit_next()
    assert alarm_of(run) == ""


def test_flags_what_is_put_off_again_and_again_until_it_leaves(customer, followers, monkeypatch):
    def put_off(self, **sent):
        raise LinkBusy("You have active order with this link")

    order = order_of(customer, followers)
    with monkeypatch.context() as busy:
        busy.setattr(Sandbox, "add", put_off)
        submission.submit_next()
        assert watching.flag_stuck() == 0
        monkeypatch.setattr(watching, "PUT_OFF_MAX", timedelta(0))
        assert watching.flag_stuck() == 1
        Run.objects.update(due_at=Now())
        submission.submit_next()
    run = order.runs.get()
    assert alarm_of(run) == "waiting"
    Run.objects.update(due_at=Now())

    submission.submit_next()

    assert (alarm_of(run), run.state) == ("", "submitted")


def test_flags_more_than_fits_into_one_statement(customer, followers, monkeypatch):
    monkeypatch.setattr(watching, "FLAGGED_MAX", 2)
    order_of(customer, followers, runs=5, interval_minutes=1)
    Run.objects.update(due_at=Now() - watching.WAITING_MAX)

    assert watching.flag_stuck() == 5


def test_runs_of_a_drip_feed_that_are_not_due_are_not_late(customer, followers):
    order_of(customer, followers, runs=2, interval_minutes=60)
    submission.submit_next()

    assert watching.flag_stuck() == 0


@pytest.fixture
def reports(monkeypatch):
    """What the provider reports from now on, by its ids."""
    reports: dict[str, Report] = {}
    monkeypatch.setattr(Sandbox, "statuses", lambda self, ids: {one: reports[one] for one in ids if one in reports})
    return reports


def ask():
    Run.objects.exclude(poll_at=None).update(poll_at=Now())
    return tracking.track_due()


def test_flags_what_its_provider_does_not_know(customer, followers, reports):
    run = submitted(order_of(customer, followers))
    for _ in range(tracking.NOT_KNOWN_MAX - 1):
        ask()
    assert alarm_of(run) == ""

    ask()

    assert alarm_of(run) == "not_known"
    assert run.unknown_count == tracking.NOT_KNOWN_MAX


def test_forgets_it_when_the_provider_knows_it_again(customer, followers, reports):
    run = submitted(order_of(customer, followers))
    for _ in range(tracking.NOT_KNOWN_MAX):
        ask()
    reports["P-1"] = Report(status=ReportedStatus.PROCESSING, start_count=None, remains=None)

    ask()

    run.refresh_from_db()
    assert (run.alarm, run.alarm_at, run.unknown_count, run.state) == ("", None, 0, "processing")


def test_a_provider_that_does_not_answer_says_nothing_about_its_orders(customer, followers, monkeypatch):
    def fail(self, ids):
        raise Ambiguous("timed out")

    monkeypatch.setattr(Sandbox, "statuses", fail)
    run = submitted(order_of(customer, followers))
    for _ in range(tracking.NOT_KNOWN_MAX + 1):
        Provider.objects.update(down_until=None)
        ask()

    run.refresh_from_db()
    assert (run.alarm, run.unknown_count) == ("", 0)


# --- Delivered by hand ------------------------------------------------------------------------------------------------


def test_what_is_delivered_by_hand_may_wait_for_a_day(customer, handmade, followers):
    run, bought = order_of(customer, handmade).runs.get(), order_of(customer, followers).runs.get()
    Run.objects.update(due_at=Now() - watching.TO_TAKE_MAX + timedelta(minutes=1))

    assert watching.flag_stuck() == 1
    assert (alarm_of(run), alarm_of(bought)) == ("", "waiting")

    Run.objects.update(due_at=Now() - watching.TO_TAKE_MAX)
    assert watching.flag_stuck() == 1
    assert alarm_of(run) == "waiting"
    taking.take_order(order_id=run.order_id, reason="late", actor_id=None)
    assert alarm_of(run) == ""


def test_what_was_put_off_elsewhere_waits_by_hand_without_an_alarm(customer, followers, manual, monkeypatch):
    run = order_of(customer, followers).runs.get()
    claim = submission.claim_next()
    submission.record_not_sent(claim, evidence="no route to host")
    monkeypatch.setattr(watching, "PUT_OFF_MAX", timedelta(0))
    Run.objects.update(provider=manual)

    assert watching.flag_stuck() == 0

    Run.objects.update(provider=Provider.objects.get(kind="sandbox"))
    assert watching.flag_stuck() == 1
    assert alarm_of(run) == "waiting"


def test_what_was_taken_is_late_as_anything_else(customer, handmade):
    order = order_of(customer, handmade)
    run = taking.take_order(order_id=order.pk, reason="mine", actor_id=None)
    Run.objects.update(expected_at=Now())

    assert watching.flag_stuck() == 1
    assert alarm_of(run) == "late"
