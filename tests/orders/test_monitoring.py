"""What is open, how old it is, and what of it needs a person."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from orders import cancellations, holds, monitoring, refills, submission, taking
from orders.models import Attempt, Cancellation, Refill, RefillPart, ReviewItem, Run
from orders.monitoring import Pile, ProviderState
from providers.models import Provider
from tests.orders.conftest import order_of, report, submitted
from wallet import audit
from wallet.models import LedgerAudit, LedgerEntry

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def measured(pile, count, age):
    """Say whether a pile has this many rows, the first of this age to a few seconds."""
    return pile.count == count and abs(pile.oldest - age) < timedelta(seconds=30)


def problems():
    return monitoring.list_problems(monitoring.read_condition())


@pytest.fixture
def order(customer, followers):
    return order_of(customer, followers)


def test_an_empty_panel_is_well():
    condition = monitoring.read_condition()

    assert monitoring.list_problems(condition) == []
    assert (condition.due, condition.tracked, condition.providers) == (Pile(), 0, [])
    assert condition.audit.age is None


def test_what_was_just_ordered_is_no_problem(order):
    condition = monitoring.read_condition()

    assert condition.due.count == 1
    assert condition.providers[0].queued == 1
    assert monitoring.list_problems(condition) == []


def test_due_runs_that_nobody_sends_are_one(order):
    Run.objects.update(due_at=Now() - 6 * MINUTE)

    assert measured(monitoring.read_condition().due, 1, 6 * MINUTE)
    assert problems() == ["due and not sent: the first for 6 min; are workers and beat running?"]


def test_what_is_delivered_by_hand_waits_for_people_not_for_workers(customer, handmade):
    order = order_of(customer, handmade)
    Run.objects.update(due_at=Now() - HOUR)

    condition = monitoring.read_condition()
    assert measured(condition.to_take, 1, HOUR)
    assert condition.due == Pile()
    assert problems() == []

    taking.take_order(order_id=order.pk, reason="mine", actor_id=None)
    cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)
    condition = monitoring.read_condition()
    assert (condition.to_take.count, condition.cancellations_by_hand.count, condition.cancellations.count) == (0, 1, 0)
    assert (condition.tracked, condition.overdue.count) == (1, 0)
    assert problems() == []


def test_drip_feed_waits_for_its_time(customer, followers):
    order_of(customer, followers, runs=3, interval_minutes=10)

    condition = monitoring.read_condition()

    assert condition.due.count == 1
    assert measured(condition.due_later, 2, -10 * MINUTE)
    assert condition.providers[0].queued == 3


def test_runs_on_their_way(order):
    submission.claim_next()

    condition = monitoring.read_condition()
    assert measured(condition.submitting, 1, timedelta(0))
    assert condition.expired == Pile()
    assert condition.providers[0].in_flight == 1
    Attempt.objects.update(lease_until=Now() - 2 * MINUTE)
    assert measured(monitoring.read_condition().expired, 1, 2 * MINUTE)
    assert problems() == ["expired leases: 1, the first for 2 min; are workers and beat running?"]


def test_runs_that_nobody_asks_about(order):
    submitted(order)
    condition = monitoring.read_condition()
    assert (condition.tracked, condition.overdue, condition.providers[0].open_runs) == (1, Pile(), 1)
    assert monitoring.list_problems(condition) == []

    Run.objects.update(poll_at=Now() - 2 * MINUTE)

    assert measured(monitoring.read_condition().overdue, 1, 2 * MINUTE)
    assert "the first is late by 2 min" in problems()[0]


def test_finished_orders_are_nowhere(order):
    report(submitted(order), "Completed")

    condition = monitoring.read_condition()

    assert condition.tracked == 0
    assert {condition.due.count, condition.overdue.count, condition.submitting.count} == {0}
    assert condition.providers[0].answers.by_outcome == {"accepted": 1}


def test_reviews_and_held_runs_wait_for_a_person(customer, followers, order):
    submission.record_unknown(submission.claim_next().attempt.pk, evidence="read timed out")
    ReviewItem.objects.update(opened_at=Now() - 3 * HOUR)
    other = order_of(customer, followers)
    holds.hold_run(other.runs.get(), because="costs more than it brings")

    condition = monitoring.read_condition()

    assert measured(condition.in_review, 1, 3 * HOUR)
    assert measured(condition.held, 1, timedelta(0))
    assert condition.due == Pile()
    assert problems() == ["in review: 1, the first for 3 h 0 min", "held: 1, the first for 0 s"]


@pytest.mark.parametrize("alarm", list(Run.Alarm))
def test_alarms_by_kind(order, alarm):
    submitted(order)
    Run.objects.update(alarm=alarm, alarm_at=Now() - 2 * HOUR)

    alarms = monitoring.read_condition().alarms

    assert measured(alarms[alarm.value], 1, 2 * HOUR)
    assert sum(pile.count for pile in alarms.values()) == 1
    assert problems() == [f"{alarm.label}: 1, the first for 2 h 0 min"]


def test_cancellations_that_no_provider_answers(order):
    submitted(order)
    cancellations.request_cancellation(user_id=order.customer_id, order_id=order.pk)
    assert monitoring.read_condition().cancellations.count == 1
    assert problems() == []

    Cancellation.objects.update(requested_at=Now() - 2 * HOUR)

    assert problems() == ["cancellations without an answer: the first for 2 h 0 min"]


def test_refills_in_doubt_are_those_sent_a_while_ago_without_an_id(order):
    report(submitted(order), "Completed")
    refills.request_refill(user_id=order.customer_id, order_id=order.pk)
    assert monitoring.read_condition().refills.count == 1

    RefillPart.objects.update(sent_at=Now())
    assert monitoring.read_condition().refills_in_doubt == Pile()  # its call may be under way
    RefillPart.objects.update(sent_at=Now() - 2 * MINUTE)
    assert measured(monitoring.read_condition().refills_in_doubt, 1, 2 * MINUTE)
    assert problems() == ["refills sent without an answer: 1, the first 2 min ago"]
    RefillPart.objects.update(provider_refill="R-1")
    assert monitoring.read_condition().refills_in_doubt == Pile()
    RefillPart.objects.update(provider_refill="")
    refills.record_refill_status(Refill.objects.get().pk, Refill.Status.REJECTED)
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "state", "needs_a_person"),
    [
        ({}, ProviderState.OPEN, False),
        ({"failures": 2}, ProviderState.OPEN, False),
        ({"failures": 3}, ProviderState.OPEN, True),
        ({"failures": 3, "down_until": Now() + MINUTE}, ProviderState.DOWN, True),
        ({"paused_until": Now() + MINUTE}, ProviderState.REFUSING, True),
        ({"paused_until": Now() - MINUTE}, ProviderState.OPEN, False),
        ({"is_active": False}, ProviderState.PAUSED, False),
        ({"is_active": False, "failures": 9, "is_low": True}, ProviderState.PAUSED, False),
        ({"is_low": True, "balance": Decimal(1)}, ProviderState.OPEN, True),
        ({"balance_currency": "EUR"}, ProviderState.OPEN, True),
        ({"balance_currency": "USD"}, ProviderState.OPEN, False),
        ({"sync_failure": "It lists nothing."}, ProviderState.OPEN, True),
    ],
)
def test_providers(provider, changes, state, needs_a_person):
    Provider.objects.update(**changes)

    assert [one.state for one in monitoring.list_providers()] == [state]
    assert bool(problems()) == needs_a_person


def test_answers_of_the_last_hour(customer, followers):
    for age in (timedelta(minutes=90), timedelta(minutes=30), timedelta(minutes=20)):
        order_of(customer, followers)
        claim = submission.claim_next()
        submission.record_accepted(claim, provider_order=f"P-{claim.run.pk}")
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # when an attempt began does not change
            cursor.execute(
                "UPDATE orders_attempt SET started_at = now() - %s::interval, finished_at = now() - %s::interval"
                " WHERE id = %s",
                [age, age - timedelta(seconds=2), claim.attempt.pk],
            )
            cursor.execute("SET session_replication_role = origin")
    order_of(customer, followers)
    submission.record_rejected(submission.claim_next(), evidence="Incorrect service ID")

    answers = monitoring.read_condition().providers[0].answers

    assert answers.by_outcome == {"accepted": 2, "rejected": 1}
    assert answers.p50 == timedelta(seconds=2)
    assert answers.p95 <= timedelta(seconds=2)


def test_an_audit_is_due_every_night_once_there_is_money(customer, followers):
    order_of(customer, followers)
    assert problems() == []
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # entries do not change
        LedgerEntry.objects.update(created_at=Now() - timedelta(days=2))
        cursor.execute("SET session_replication_role = origin")
    assert "the ledger was not audited for 2 d 0 h" in problems()[0]

    LedgerAudit.objects.create(entries=1, mismatches=0, seconds=0.1)
    assert problems() == []
    LedgerAudit.objects.update(at=Now() - timedelta(hours=37))
    assert "the ledger was not audited for 1 d 13 h" in problems()[0]
    LedgerAudit.objects.update(at=Now(), mismatches=3)
    assert problems() == ["the ledger does not add up: 3 mismatches; see `manage.py audit_ledger`"]


def test_the_newest_audit_counts(customer, followers):
    order_of(customer, followers)
    LedgerAudit.objects.create(entries=1, mismatches=3, seconds=0.1)

    audit.audit_and_record()

    condition = monitoring.read_condition()
    assert (condition.audit.entries, condition.audit.mismatches) == (2, 0)
    assert monitoring.list_problems(condition) == []


def test_asks_the_same_few_questions_however_much_there_is(customer, followers):
    with CaptureQueriesContext(connection) as before:
        monitoring.read_condition()
    for _ in range(5):
        submitted(order := order_of(customer, followers), provider_order=f"P-{order.pk}")

    with CaptureQueriesContext(connection) as after:
        monitoring.read_condition()

    assert len(before) <= len(after) <= 9


def test_every_question_has_its_index(customer, followers):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plans = {}
        for name in ("_QUEUED", "_TRACKED", "_IN_FLIGHT", "_PILES", "_ANSWERS"):
            cursor.execute(
                f"EXPLAIN {getattr(monitoring, name)}",
                {"late": MINUTE, "answer": MINUTE, "window": HOUR},
            )
            plans[name] = "\n".join(line for (line,) in cursor.fetchall())

    wanted = {
        "_QUEUED": ["run_due_at_provider"],
        "_TRACKED": ["run_to_poll_at_provider"],
        "_IN_FLIGHT": ["attempt_leases"],
        "_PILES": ["review_open", "run_held", "cancellation_to_forward", "run_alarms", "run_due_at_provider"],
        "_ANSWERS": ["attempt_by_provider"],
    }
    for name, indexes in wanted.items():
        for index in indexes:
            assert f" {index} " in plans[name], plans[name]
        assert "Seq Scan on orders_" not in plans[name], plans[name]
    assert re.search("refill_(to_poll|one_open_per_order) ", plans["_PILES"])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3660, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (-5, "5 s"),
    ],
)
def test_ages_in_words(seconds, words):
    assert monitoring.describe_age(timedelta(seconds=seconds)) == words
