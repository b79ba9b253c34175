"""Runs of a drip-feed keep their interval, however many are due at once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from orders import dripfeed, holds, interventions, reviews, submission, taking, watching
from orders.models import Attempt, Order, ReviewItem, Run
from providers.errors import Ambiguous, NotSent, Refused
from providers.models import Provider, SandboxOrder
from providers.sandbox import Sandbox
from tests.orders.conftest import order_of, report, submitted

pytestmark = pytest.mark.django_db

INTERVAL = timedelta(hours=1)
MOMENT = timedelta(seconds=20)
FACTS = {"reason": "asked for", "actor_id": None}
# Whatever is read to answer one is the same for all orders; a drip-feed adds its order's lock and what is on its way.
CLAIM_STATEMENTS = 7
DRIPFEED_STATEMENTS = 2


@pytest.fixture
def overdue(customer, followers):
    """Four runs of 250, placed five hours ago, and nobody was there: the last has been due for two hours."""
    return overdue_order(customer, followers)


def overdue_order(customer, service, *, runs=4, hours=5):
    order = order_of(customer, service, quantity=1000, runs=runs, interval_minutes=60)
    earlier = timedelta(hours=hours)
    order.runs.update(due_at=F("due_at") - earlier)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # when an order was placed does not change
        Order.objects.filter(pk=order.pk).update(created_at=F("created_at") - earlier)
        cursor.execute("SET session_replication_role = origin")
    return order


@pytest.fixture
def answers(monkeypatch):
    """Have the provider answer with these, one after the other, and then with ids."""
    replies = []

    def add(self, **sent):
        reply = replies.pop(0) if replies else None
        if isinstance(reply, Exception):
            raise reply
        return f"P-{Attempt.objects.count()}"

    monkeypatch.setattr(Sandbox, "add", add)
    return replies


def work():
    while submission.submit_next():
        pass


def let_time_pass(order, by=INTERVAL):
    """Let what is queued come nearer; when what was sent began stays in the past."""
    order.runs.filter(state="queued").update(due_at=F("due_at") - by)


def let_the_call_be_over(order):
    """What waits for the outcome of a call is looked at again after some seconds."""
    order.runs.filter(state="queued", due_at__lte=Now() + dripfeed.ASK_AGAIN).update(due_at=Now())


def states(order):
    return list(order.runs.order_by("number").values_list("state", flat=True))


def hours_until(order):
    """Return how many intervals each waiting run is away, by number."""
    waiting = order.runs.filter(state="queued").order_by("number").values_list("due_at", flat=True)
    return [round((due_at - timezone.now()) / INTERVAL, 1) for due_at in waiting]


def test_after_an_outage_one_goes_and_the_others_follow_an_interval_apart(overdue):
    work()

    assert states(overdue) == ["submitted", "queued", "queued", "queued"]
    assert hours_until(overdue) == [1, 2, 3]
    second = overdue.runs.get(number=2)
    assert second.due_at == Attempt.objects.get().started_at + INTERVAL

    let_time_pass(overdue, by=INTERVAL - MOMENT)
    work()
    assert SandboxOrder.objects.count() == 1
    let_time_pass(overdue, by=MOMENT)
    work()
    assert states(overdue) == ["submitted", "submitted", "queued", "queued"]
    assert SandboxOrder.objects.count() == 2


@pytest.mark.parametrize("change", [{"is_suspended": True}, {"is_active": False}])
def test_what_is_paid_goes_on_when_the_customer_is_suspended_or_made_inactive(customer, overdue, change):
    User.objects.filter(pk=customer.pk).update(**change)

    for sent in (1, 2, 3, 4):
        work()
        assert SandboxOrder.objects.count() == sent
        let_time_pass(overdue)


def test_what_is_not_due_before_its_turn_keeps_its_time(customer, followers):
    """The first is half an hour late: the second is an hour behind it, and so is each of the others."""
    order = overdue_order(customer, followers, hours=0.5)

    work()

    assert hours_until(order) == [1, 2, 3]


def test_for_moments_only_the_next_run_is_written_anew(customer, followers):
    order = overdue_order(customer, followers, runs=4, hours=0.01)
    before = dict(order.runs.values_list("number", "due_at"))

    work()

    after = dict(order.runs.values_list("number", "due_at"))
    assert [number for number in before if before[number] != after[number]] == [2]
    assert after[2] == Attempt.objects.get().started_at + INTERVAL


def test_nothing_else_of_the_order_goes_while_one_is_on_its_way(overdue):
    claim = submission.claim_next()

    assert submission.claim_next() is None

    assert states(overdue) == ["submitting", "queued", "queued", "queued"]
    assert not overdue.runs.filter(state="queued", due_at__lte=Now()).exists()  # nobody looks at them again for a while
    submission.record_accepted(claim, provider_order="P-1")
    assert hours_until(overdue) == [1, 2, 3]


def test_other_orders_do_not_wait_for_it(overdue, customer, followers):
    ordinary = order_of(customer, followers)
    submission.claim_next()

    assert submission.claim_next().run.order_id == ordinary.pk


def test_what_was_not_sent_keeps_no_other_waiting(overdue, answers):
    answers.append(NotSent("refused to connect"))
    submission.submit_next()
    assert states(overdue) == ["queued"] * 4

    work()

    assert states(overdue) == ["queued", "submitted", "queued", "queued"]
    assert hours_until(overdue) == [1, 2, 3]  # the first comes next


def test_one_that_was_put_off_for_long_does_not_hold_up_those_after_it(customer, followers):
    order = order_of(customer, followers, quantity=1000, runs=5, interval_minutes=1)
    order.runs.filter(number=1).update(due_at=Now() + timedelta(minutes=10))  # not reached, again and again
    order.runs.filter(number=2).update(due_at=Now())

    assert submission.submit_next()

    due = {run.number: run.due_at - timezone.now() for run in order.runs.filter(state="queued")}
    assert due[3] < due[4] < due[5] < timedelta(minutes=5)
    assert due[1] > timedelta(minutes=9)


def test_what_is_refused_for_good_keeps_no_other_waiting(overdue, answers):
    answers.append(Refused('{"error": "bad link"}'))

    work()

    assert states(overdue) == ["rejected", "submitted", "queued", "queued"]


def test_a_run_that_its_provider_cancels_was_sent_all_the_same(overdue):
    work()
    report(overdue.runs.get(number=1), "Canceled")

    work()

    assert states(overdue) == ["canceled", "queued", "queued", "queued"]
    assert hours_until(overdue) == [1, 2, 3]


def test_a_run_in_review_keeps_the_next_waiting_for_one_interval_only(overdue, answers):
    answers.append(Ambiguous("timed out"))

    work()

    assert states(overdue) == ["unknown", "queued", "queued", "queued"]
    assert hours_until(overdue) == [1, 2, 3]
    let_time_pass(overdue)
    work()
    assert states(overdue) == ["unknown", "submitted", "queued", "queued"]


def test_a_dead_worker_keeps_the_next_waiting_for_one_interval_only(overdue):
    submission.claim_next()
    Attempt.objects.update(lease_until=Now() - timedelta(seconds=1))

    submission.expire_leases()

    assert states(overdue)[0] == "unknown"
    assert hours_until(overdue) == [1, 2, 3]


def test_what_was_sent_an_interval_ago_keeps_nothing_back_though_its_end_is_not_recorded(overdue):
    run = overdue.runs.get(number=1)
    Run.objects.filter(pk=run.pk).update(state="submitting")
    Attempt.objects.create(
        run=run, provider=run.provider, route=run.route, started_at=Now() - INTERVAL, lease_until=Now()
    )

    work()

    assert states(overdue) == ["submitting", "submitted", "queued", "queued"]


def test_what_a_review_sends_again_keeps_the_interval(overdue, answers):
    answers.append(Ambiguous("timed out"))
    work()
    let_time_pass(overdue)
    work()  # the second went an interval later, that is now

    reviews.resolve_resend(item_id=ReviewItem.objects.get().pk, **FACTS)

    first = overdue.runs.get(number=1)
    second = Attempt.objects.get(run__number=2)
    assert (first.state, first.due_at) == ("queued", second.started_at + INTERVAL)
    assert not submission.submit_next()


def test_what_a_review_sends_again_goes_at_once_when_nothing_else_was_sent(customer, followers, answers):
    order = order_of(customer, followers, quantity=1000, runs=2, interval_minutes=60)
    answers.append(Ambiguous("timed out"))
    work()

    reviews.resolve_resend(item_id=ReviewItem.objects.get().pk, **FACTS)
    work()

    assert states(order) == ["submitted", "queued"]


def test_canceled_runs_stay_canceled(overdue):
    claim = submission.claim_next()
    Run.objects.filter(number=4).update(state="canceled")
    due_at = overdue.runs.get(number=4).due_at

    submission.record_accepted(claim, provider_order="P-1")

    last = overdue.runs.get(number=4)
    assert (last.state, last.due_at) == ("canceled", due_at)


def test_a_held_run_has_no_turn_until_it_is_let_go(overdue):
    Run.objects.filter(number=2).update(held_at=Now(), held_because="it costs more than it brings")
    work()
    assert states(overdue) == ["submitted", "queued", "queued", "queued"]
    assert [hours_until(overdue)[place] for place in (1, 2)] == [1, 2]

    holds.recheck_held()

    held = overdue.runs.get(number=2)
    assert (held.held_at, held.due_at) == (None, Attempt.objects.get().started_at + INTERVAL)


def test_staff_let_a_held_run_go_at_once(overdue):
    Run.objects.filter(number=2).update(held_at=Now(), held_because="it costs more than it brings")
    work()

    holds.release_run(run_id=overdue.runs.get(number=2).pk, **FACTS)
    work()

    assert states(overdue) == ["submitted", "submitted", "queued", "queued"]
    assert hours_until(overdue) == [1, 2]


def test_staff_send_the_next_at_once_and_the_others_follow_an_interval_apart(overdue):
    work()

    assert interventions.resend(order_id=overdue.pk, **FACTS) == [2, 3, 4]
    work()

    assert states(overdue) == ["submitted", "submitted", "queued", "queued"]
    assert hours_until(overdue) == [1, 2]


def test_to_another_provider_the_interval_goes_along(overdue, followers):
    other = Provider.objects.create(name="Other", kind="sandbox")
    Route.objects.create(service=followers, provider=other, provider_service="o-1", priority=2, cost="0.1")
    work()

    assert interventions.move_to_provider(order_id=overdue.pk, provider_id=other.pk, **FACTS) == [2, 3, 4]
    work()

    assert hours_until(overdue) == [1, 2, 3]


def test_taken_by_hand_it_keeps_the_interval(customer, handmade):
    order = overdue_order(customer, handmade)

    run = taking.take_order(order_id=order.pk, **FACTS)
    assert hours_until(order) == [1, 2, 3]
    report(run, "Completed")
    with transaction.atomic():
        assert taking.take_due(limit=9, **FACTS) == []
    let_time_pass(order)
    with transaction.atomic():
        assert [one.number for one in taking.take_due(limit=9, **FACTS)] == [2]


def test_nothing_is_taken_by_hand_while_another_part_is_on_its_way(overdue, manual):
    submission.claim_next()
    overdue.runs.filter(state="queued").update(provider=manual)

    with transaction.atomic():
        assert taking.take_due(limit=9, **FACTS) == []
    with pytest.raises(taking.NotToTakeNow, match="another part of it is being sent"):
        taking.take_order(order_id=overdue.pk, **FACTS)


def test_what_waits_for_its_interval_is_not_late(overdue):
    Provider.objects.update(is_active=False)
    assert watching.flag_stuck() == 4
    Provider.objects.update(is_active=True)

    work()

    assert set(overdue.runs.values_list("alarm", flat=True)) == {""}
    assert watching.flag_stuck() == 0


def test_one_try_long_after_its_first_time_is_not_put_off_again_and_again(overdue, answers, monkeypatch):
    answers.append(NotSent("refused to connect"))
    submission.submit_next()
    let_the_call_be_over(overdue)
    monkeypatch.setattr(watching, "WAITING_MAX", timedelta(days=1))
    monkeypatch.setattr(watching, "PUT_OFF_MAX", timedelta(0))
    assert watching.flag_stuck() == 1
    Run.objects.update(alarm="", alarm_at=None)

    monkeypatch.setattr(watching, "PUT_OFF_MAX", timedelta(minutes=1))
    assert watching.flag_stuck() == 0


# --- At once ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_racing_workers_send_one_run_of_an_order(customer, followers):
    """Its runs wait at two providers, so that no provider's lock keeps their claims apart."""
    other = Provider.objects.create(name="Other", kind="sandbox")
    Route.objects.create(service=followers, provider=other, provider_service="o-1", priority=2, cost="0.1")
    orders = [overdue_order(customer, followers, runs=4) for _ in range(6)]
    route = Route.objects.get(provider=other)
    Run.objects.filter(number__in=(2, 4)).update(provider=other, route=route, wanted_route=route)
    together = threading.Barrier(6)

    def run():
        try:
            together.wait(10)
            work()
        finally:
            connection.close()

    workers = [threading.Thread(target=run) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    # Where two claims met and both were put off, one goes some seconds later.
    for order in orders:
        let_the_call_be_over(order)
    work()
    assert [order.runs.exclude(state="queued").count() for order in orders] == [1] * 6
    assert Attempt.objects.count() == SandboxOrder.objects.count() == 6
    assert [hours_until(order) for order in orders] == [[1, 2, 3]] * 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_asked", [True, False])
def test_two_claims_at_two_providers_at_the_same_moment(customer, followers, monkeypatch, is_asked):
    """While one claim is not committed the other finds the run due; without being asked it would go, too."""
    order = overdue_order(customer, followers, runs=2)
    other = Provider.objects.create(name="Other", kind="sandbox")
    route = Route.objects.create(service=followers, provider=other, provider_service="o-1", priority=2, cost="0.1")
    order.runs.filter(number=2).update(provider=other, route=route, wanted_route=route)
    first_is_claiming, second_is_done = threading.Event(), threading.Event()
    claims = {}

    def listen(name):
        if name == "in_claim" and threading.current_thread() is worker:
            first_is_claiming.set()
            second_is_done.wait(10)

    def claim():
        try:
            claims["first"] = submission.claim_next()
        finally:
            connection.close()

    monkeypatch.setattr(submission.checkpoints, "listener", listen)
    if not is_asked:
        monkeypatch.setattr(dripfeed, "may_claim", lambda run: True)
    worker = threading.Thread(target=claim)
    worker.start()
    assert first_is_claiming.wait(10)
    claims["second"] = submission._claim_at(other.pk)[0]
    second_is_done.set()
    worker.join(10)

    assert claims["first"].run.number == 1
    assert (claims["second"] is None) == is_asked


# --- What it costs ----------------------------------------------------------------------------------------------------


def count_claim_statements(provider):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        claim, _ = submission._claim_at(provider.pk)
    assert claim is not None
    return len(
        [query for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
    )


def test_ordinary_orders_are_claimed_in_as_many_statements_as_ever(customer, followers, provider):
    order_of(customer, followers)
    assert count_claim_statements(provider) == CLAIM_STATEMENTS


def test_drip_feeds_are_claimed_in_two_statements_more(overdue, provider):
    assert count_claim_statements(provider) == CLAIM_STATEMENTS + DRIPFEED_STATEMENTS


def test_ordinary_orders_are_recorded_without_a_look_at_other_runs(customer, followers):
    order = order_of(customer, followers)
    with CaptureQueriesContext(connection) as captured:
        submitted(order)
    assert not [query for query in captured if "row_number()" in query["sql"]]
