"""Refills: who may have one, and how it goes."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from catalog.models import Route, Service
from orders import refills, settlement
from orders.errors import OrderNotEligibleForRefill, OrderNotFound, RefillNotAvailable
from orders.models import Order, Refill, RefillPart
from providers.adapter import ReportedRefillStatus as Reported
from providers.errors import Ambiguous, LinkBusy, NotSent, Refused, RefusedForNow
from providers.models import Provider, SandboxRefill
from providers.sandbox import Sandbox
from tests.fixtures import LINK
from tests.orders.conftest import event_kinds, order_of, report, submitted

pytestmark = pytest.mark.django_db

R = Refill.Status


@pytest.fixture
def completed(customer, followers):
    """A delivered order that the sandbox knows."""
    return completed_order(customer, followers)


def completed_order(user, service, link=LINK):
    order = order_of(user, service, link=link)
    sandbox_id = Sandbox().add(service="x", service_type="Default", link=link, quantity=1000, parameters={})
    report(submitted(order, provider_order=sandbox_id), "Completed")
    order.refresh_from_db()
    return order


def request(user, order):
    return refills.request_refill(user_id=user.pk, order_id=order.pk)


def process(**limits):
    Refill.objects.update(poll_at=Now())
    return refills.process_refills(**limits)


def raising(failure, *, calls=None, only=None):
    """Make a provider's method that fails; only for some ids, when they are given."""

    def fail(self, ids):
        if calls is not None:
            calls.append(ids)
        if only is None or ids in only:
            raise failure
        return f"R-{ids}"

    return fail


@pytest.fixture
def asked(monkeypatch):
    """The lists of ids that providers were asked about; all are under way."""
    calls = []

    def refill_statuses(self, ids):
        calls.append(list(ids))
        return dict.fromkeys(ids, Reported.IN_PROGRESS)

    monkeypatch.setattr(Sandbox, "refill_statuses", refill_statuses)
    return calls


def test_goes_from_pending_to_completed(customer, completed, settings):
    refill = Refill.objects.get(pk=request(customer, completed))
    assert refill.status == "Pending"

    process()
    assert SandboxRefill.objects.count() == 1
    settings.SANDBOX_SPEED = 1e9
    process()

    refill.refresh_from_db()
    assert refill.status == "Completed"
    assert refill.finished_at is not None
    assert event_kinds(completed)[-2:] == ["refill_requested", "refill_finished"]


def test_is_rejected_when_the_provider_rejects(customer, followers, settings):
    order = completed_order(customer, followers, link="https://example.com/norefill")
    refill_id = request(customer, order)
    process()
    settings.SANDBOX_SPEED = 1e9
    process()

    assert Refill.objects.get(pk=refill_id).status == "Rejected"


@pytest.mark.parametrize("failure", [NotSent("refused"), RefusedForNow("slow down"), LinkBusy("later")])
def test_is_sent_again_when_nothing_was_sent(customer, completed, monkeypatch, failure):
    request(customer, completed)

    def fail(self, order):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "refill", fail)
        process()
    assert SandboxRefill.objects.count() == 0
    process()

    assert SandboxRefill.objects.count() == 1


def test_is_rejected_when_the_provider_refuses_at_once(customer, completed, monkeypatch):
    request(customer, completed)

    def fail(self, order):
        raise Refused("no refill")

    monkeypatch.setattr(Sandbox, "refill", fail)
    process()

    assert Refill.objects.get().status == "Rejected"


def test_is_never_sent_twice_on_a_guess(customer, completed, monkeypatch):
    request(customer, completed)
    calls = []

    def fail(self, order):
        calls.append(order)
        raise Ambiguous("timed out")

    monkeypatch.setattr(Sandbox, "refill", fail)
    process()
    process()

    assert len(calls) == 1
    assert Refill.objects.get().status == "Pending"


def test_refuses_where_the_service_has_none(customer, completed, nothing_moved):
    Service.objects.update(refill=False)
    nothing_moved.remember()

    with pytest.raises(RefillNotAvailable):
        request(customer, completed)

    nothing_moved()
    assert Refill.objects.count() == 0


def test_refuses_when_the_window_is_over(customer, completed):
    Order.objects.update(finished_at=Now() - timedelta(days=366))

    with pytest.raises(RefillNotAvailable):
        request(customer, completed)

    assert Refill.objects.count() == 0


@pytest.mark.parametrize("status", ["Pending", "Canceled"])
def test_refuses_orders_that_were_not_delivered(customer, followers, status):
    order = order_of(customer, followers)
    report(submitted(order), status)

    with pytest.raises(OrderNotEligibleForRefill):
        request(customer, order)

    assert Refill.objects.count() == 0


def test_accepts_partial_orders(customer, followers):
    order = order_of(customer, followers)
    report(submitted(order), "Partial", remains=100)

    assert request(customer, order)


def test_takes_two_statements(customer, completed, django_assert_num_queries):
    # The order's lock, and the refill with its parts; begin and end.
    with django_assert_num_queries(4):
        request(customer, completed)


def test_has_a_part_for_each_run_that_was_delivered_and_is_told(customer, followers):
    order = order_of(customer, followers, quantity=900, runs=3, interval_minutes=0)
    report(submitted(order, provider_order="P-1"), "Completed")
    report(submitted(order, provider_order="P-2"), "Canceled")
    report(submitted(order, provider_order="P-3"), "Partial", remains=10)

    refill_id = request(customer, order)

    parts = RefillPart.objects.filter(refill=refill_id).order_by("pk")
    assert list(parts.values_list("run__number", "status", "sent_at", "provider_refill")) == [
        (1, "Pending", None, ""),
        (3, "Pending", None, ""),
    ]
    told = order.events.get(kind="refill_requested")
    assert (told.data, told.run_id, told.actor_id) == ({"refill": refill_id}, None, None)


def test_refuses_orders_of_others_missing_and_archived_alike(customer, other_customer, followers, completed):
    foreign = completed_order(other_customer, followers)
    Order.objects.filter(pk=completed.pk).update(archived_at=Now())

    for order_id in (completed.pk, foreign.pk, 10**9):
        with pytest.raises(OrderNotFound):
            refills.request_refill(user_id=customer.pk, order_id=order_id)

    assert Refill.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_allows_one_open_refill_however_many_ask(customer, completed):
    start = threading.Barrier(6)
    results = []

    def ask():
        start.wait(10)
        try:
            results.append(request(customer, completed))
        except OrderNotEligibleForRefill as error:
            results.append(error)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sum(isinstance(result, int) for result in results) == 1
    assert Refill.objects.count() == 1


def test_can_be_asked_for_again_after_it_ended(customer, completed):
    first = request(customer, completed)
    refills.record_refill_status(first, Refill.Status.COMPLETED)

    assert request(customer, completed) != first


def test_a_finished_refill_stays_as_it_is(customer, completed):
    refill_id = request(customer, completed)
    refills.record_refill_status(refill_id, Refill.Status.COMPLETED)
    refills.record_refill_status(refill_id, Refill.Status.IN_PROGRESS)

    assert Refill.objects.get().status == "Completed"


def test_one_that_staff_say_is_under_way_does_not_wait_again(customer, completed, monkeypatch):
    refill_id = request(customer, completed)
    process()
    refills.record_refill_status(refill_id, R.IN_PROGRESS)
    monkeypatch.setattr(Sandbox, "refill_statuses", lambda self, ids: dict.fromkeys(ids, Reported.PENDING))

    process()

    assert Refill.objects.get().status == "In progress"
    monkeypatch.setattr(Sandbox, "refill_statuses", lambda self, ids: dict.fromkeys(ids, Reported.COMPLETED))
    process()
    assert Refill.objects.get().status == "Completed"


def test_one_that_is_under_way_there_does_not_wait_again(customer, completed, asked, monkeypatch):
    request(customer, completed)
    process()
    process()
    monkeypatch.setattr(Sandbox, "refill_statuses", lambda self, ids: dict.fromkeys(ids, Reported.PENDING))

    process()

    assert (Refill.objects.get().status, RefillPart.objects.get().status) == ("In progress", "In progress")


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([], "Rejected"),
        ([R.PENDING], "Pending"),
        ([R.IN_PROGRESS], "In progress"),
        ([R.COMPLETED, R.PENDING], "In progress"),
        ([R.COMPLETED, R.REJECTED], "Completed"),
        ([R.REJECTED, R.REJECTED], "Rejected"),
    ],
)
def test_combines_the_refills_of_runs(parts, status):
    assert refills.combine_statuses(parts) == status


def drip_fed(customer, followers, *, providers):
    """An order delivered in two runs, each by a provider of its own."""
    order = order_of(customer, followers, quantity=1000, runs=2, interval_minutes=1)
    for provider in providers:
        Route.objects.update(provider=provider)
        order.runs.filter(state="queued").update(due_at=Now())
        sandbox_id = Sandbox().add(service="x", service_type="Default", link=LINK, quantity=500, parameters={})
        report(submitted(order, provider_order=sandbox_id), "Completed")
    return order


def test_asks_each_provider_about_its_own_part(customer, followers, provider, monkeypatch):
    other = Provider.objects.create(name="Other", kind="sandbox")
    order = drip_fed(customer, followers, providers=[provider, other])
    request(customer, order)
    process()
    calls = []
    monkeypatch.setattr(
        Sandbox, "refill_statuses", lambda self, ids: calls.append(list(ids)) or dict.fromkeys(ids, Reported.COMPLETED)
    )

    process()

    assert sorted(len(ids) for ids in calls) == [1, 1]
    assert Refill.objects.get().status == "Completed"


def test_is_not_complete_while_a_part_is_not_reported(customer, followers, provider, monkeypatch):
    order = drip_fed(customer, followers, providers=[provider, provider])
    request(customer, order)
    process()
    monkeypatch.setattr(Sandbox, "refill_statuses", lambda self, ids: {ids[0]: Reported.COMPLETED})

    process()

    assert Refill.objects.get().status == "In progress"


def test_keeps_what_was_taken_when_the_next_part_is_in_doubt(customer, followers, provider, monkeypatch):
    order = drip_fed(customer, followers, providers=[provider, provider])
    request(customer, order)
    answers = iter(["R-1", Ambiguous("timed out")])

    def refill(self, provider_order):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Sandbox, "refill", refill)
    process()
    process()

    parts = RefillPart.objects.order_by("pk")
    assert [(part.provider_refill, part.sent_at is not None) for part in parts] == [("R-1", True), ("", True)]


def test_one_that_crashes_does_not_lose_the_others(customer, followers, monkeypatch, caplog):
    for number in range(3):
        request(customer, completed_order(customer, followers, link=f"https://example.com/{number}"))
    refill = Sandbox.refill

    def crash_once(self, provider_order):
        monkeypatch.setattr(Sandbox, "refill", refill)
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Sandbox, "refill", crash_once)
    process()

    assert "a bug of ours" in caplog.text
    assert RefillPart.objects.exclude(provider_refill="").count() == 2


def refills_of_many(customer, followers, count):
    """Have so many orders refilled, each with a request of its own; return the provider's ids of the orders."""
    orders = [completed_order(customer, followers, link=f"https://example.com/{number}") for number in range(count)]
    for order in orders:
        request(customer, order)
    return [order.runs.get().provider_order for order in orders]


def test_asks_about_all_that_are_due_in_one_call(customer, followers, asked):
    refills_of_many(customer, followers, 3)
    assert process() == 3
    assert asked == []  # sent a moment ago: it has nothing to tell yet

    process()

    assert [len(ids) for ids in asked] == [3]
    assert set(Refill.objects.values_list("status", flat=True)) == {"In progress"}


def test_asks_about_as_many_as_a_call_takes(customer, followers, asked, monkeypatch):
    monkeypatch.setattr(refills, "STATUS_IDS_MAX", 2)
    refills_of_many(customer, followers, 3)
    process()

    process()

    assert sorted(len(ids) for ids in asked) == [1, 2]


def test_an_id_that_a_provider_gave_out_twice_stands_for_both(customer, followers, monkeypatch):
    refills_of_many(customer, followers, 2)
    monkeypatch.setattr(Sandbox, "refill", lambda self, provider_order: "1")
    monkeypatch.setattr(Sandbox, "refill_statuses", lambda self, ids: dict.fromkeys(ids, Reported.COMPLETED))
    process()

    process()

    assert set(Refill.objects.values_list("status", flat=True)) == {"Completed"}


AGES = [(timedelta(seconds=5), 3), (timedelta(minutes=5), 30), (timedelta(days=3), 600)]


def waits():
    """Return in how many seconds each refill is due."""
    return [refill.wait.total_seconds() for refill in Refill.objects.annotate(wait=F("poll_at") - Now())]


@pytest.mark.parametrize(("age", "seconds"), AGES)
def test_asks_about_old_ones_seldom(customer, completed, asked, age, seconds):
    request(customer, completed)
    process()
    Refill.objects.update(created_at=Now() - age)

    process()

    assert waits() == [pytest.approx(seconds, abs=1)]


@pytest.mark.parametrize(("age", "seconds"), AGES)
@pytest.mark.parametrize("failure", [NotSent("refused"), RefusedForNow("slow down")])
def test_sends_old_ones_seldom(customer, completed, monkeypatch, failure, age, seconds):
    request(customer, completed)
    Refill.objects.update(created_at=Now() - age)
    monkeypatch.setattr(Sandbox, "refill", raising(failure))

    process()

    assert RefillPart.objects.get().sent_at is None
    assert waits() == [pytest.approx(seconds, abs=1)]


def test_a_provider_that_is_down_is_not_called(customer, followers, asked):
    refills_of_many(customer, followers, 1)
    process()
    refills_of_many(customer, followers, 1)
    Provider.objects.update(down_until=Now() + timedelta(minutes=1))

    assert process() == 0
    assert asked == []
    assert SandboxRefill.objects.count() == 1

    Provider.objects.update(down_until=Now())
    assert refills.process_refills() == 2
    assert len(asked) == 1
    assert SandboxRefill.objects.count() == 2


def test_a_part_whose_provider_is_down_waits_for_it_alone(customer, followers, provider, asked):
    other = Provider.objects.create(name="Other", kind="sandbox")
    order = drip_fed(customer, followers, providers=[provider, other])
    request(customer, order)
    Provider.objects.filter(pk=other.pk).update(down_until=Now() + timedelta(minutes=1))

    process()

    assert RefillPart.objects.get(sent_at=None).run.provider == other
    Provider.objects.update(down_until=None)
    process()
    assert not RefillPart.objects.filter(sent_at=None).exists()


def test_one_that_hangs_is_called_once_and_does_not_keep_the_others_waiting(customer, followers, provider, monkeypatch):
    hanging = refills_of_many(customer, followers, 3)
    other = Provider.objects.create(name="Other", kind="sandbox")
    Route.objects.update(provider=other)
    refills_of_many(customer, followers, 2)
    calls = []
    monkeypatch.setattr(Sandbox, "refill", raising(Ambiguous("timed out"), calls=calls, only=hanging))

    process()

    assert len(set(calls) & set(hanging)) == 1
    assert RefillPart.objects.filter(run__provider=other).exclude(provider_refill="").count() == 2
    # Of the hanging provider one is in doubt; the others were never sent.
    assert RefillPart.objects.filter(run__provider=provider, sent_at=None).count() == 2
    assert Provider.objects.get(pk=provider.pk).failures == 1


def test_what_there_is_no_time_for_stays_due(customer, followers, asked):
    refills_of_many(customer, followers, 2)

    assert process(seconds=0) == 2

    assert RefillPart.objects.filter(sent_at=None).count() == 2
    assert refills.process_refills() == 2
    assert RefillPart.objects.filter(sent_at=None).count() == 0


def test_one_that_staff_ended_meanwhile_is_not_sent(customer, followers, monkeypatch):
    refills_of_many(customer, followers, 2)
    refill = Sandbox.refill

    def end_the_others(self, provider_order):
        for refill_id in Refill.objects.exclude(order__runs__provider_order=provider_order).values_list(
            "pk", flat=True
        ):
            refills.record_refill_status(refill_id, Refill.Status.REJECTED)
        return refill(self, provider_order)

    monkeypatch.setattr(Sandbox, "refill", end_the_others)

    process()

    assert SandboxRefill.objects.count() == 1


def test_nobody_else_takes_those_that_are_being_worked_on(customer, followers, monkeypatch):
    refills_of_many(customer, followers, 2)
    nested = []
    refill = Sandbox.refill

    def process_meanwhile(self, provider_order):
        nested.append(refills.process_refills())
        return refill(self, provider_order)

    monkeypatch.setattr(Sandbox, "refill", process_meanwhile)

    process()

    assert nested == [0, 0]
    assert SandboxRefill.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_ending_one_while_the_next_is_asked_for_does_not_deadlock(customer, completed):
    """Both take the order first: whoever comes second waits."""
    first = request(customer, completed)
    results = []

    def finish():
        refills.record_refill_status(first, Refill.Status.COMPLETED)
        connection.close()

    with transaction.atomic():
        settlement.lock_order("order", completed.pk)
        thread = threading.Thread(target=finish)
        thread.start()
        thread.join(0.5)
        results.append(Refill.objects.get(pk=first).status)
    thread.join(10)

    assert results == ["Pending"]
    assert Refill.objects.get(pk=first).status == "Completed"
