"""What whoever delivers by hand says of it: recorded as a provider's report is, with the refund that is owed."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models.functions import Now

from orders import cancellations, interventions, refills, reporting, taking
from orders.errors import (
    NothingToChange,
    OrderAlreadyCompleted,
    OrderNotFound,
    ReportImpossible,
    RunNotTaken,
)
from orders.models import Cancellation, Order, Refill, RefillPart, Run
from orders.tracking import START_COUNT_MAX
from providers.models import SandboxRefill
from reports.models import CostEntry
from tests.fixtures import balance_of, nothing_moves
from tests.orders.conftest import event_kinds, order_of, submitted
from wallet import audit
from wallet.errors import ReasonMissing

pytestmark = pytest.mark.django_db

REASON = "my program said so"


def taken(order):
    """Take the next run of an order, after the interval if it is a drip-feed."""
    order.runs.filter(state="queued").update(due_at=Now())
    return taking.take_order(order_id=order.pk, reason=REASON, actor_id=None)


@pytest.fixture
def order(customer, handmade):
    """1,000 for 0.85, taken; 99.15 are left in the wallet."""
    order = order_of(customer, handmade)
    taken(order)
    return order


@pytest.fixture
def dripfeed(customer, handmade):
    """Three runs of 100 for 0.255 in all, all of them due, none taken."""
    order = order_of(customer, handmade, quantity=300, runs=3, interval_minutes=60)
    Run.objects.update(due_at=Now() - timedelta(hours=1))
    return order


def say(order, status=None, *, reason=REASON, **facts):
    return reporting.report_by_hand(order_id=order.pk, status=status, reason=reason, actor_id=None, **facts)


def stands(order):
    order.refresh_from_db()
    return order.status, order.remains, order.start_count


def test_follows_what_is_said(order, customer):
    say(order, "Processing")
    assert stands(order) == ("Processing", 1000, None)
    say(order, "In progress", remains=900, start_count=12)
    assert stands(order) == ("In progress", 900, 12)
    say(order, remains=40)
    say(order, start_count=13)
    assert stands(order) == ("In progress", 40, 13)

    said = say(order, "Completed")

    assert (said.run.state, said.given_back) == ("completed", 0)
    assert stands(order) == ("Completed", 0, 13)
    assert event_kinds(order) == ["placed", "submitted", "progress", "progress", "progress", "finished"]
    assert balance_of(customer) == Decimal("99.15")
    run = Run.objects.get()
    assert run.finished_at is not None
    assert run.recheck_at is None  # nobody is asked once more
    assert audit.audit_ledger().is_clean


def test_gives_back_what_does_not_come(order, customer):
    said = say(order, "Partial", remains=150)

    assert said.given_back == Decimal("0.12750")
    assert stands(order) == ("Partial", 150, None)
    assert balance_of(customer) == Decimal("99.27750")
    assert sorted(CostEntry.objects.values_list("units", "amount")) == [
        (-150, Decimal("-0.06000")), (1000, Decimal("0.40000")),
    ]  # fmt: skip

    # After the end in the customer's favour only.
    assert say(order, "Partial", remains=200).given_back == Decimal("0.04250")
    with nothing_moves(), pytest.raises(ReportImpossible):
        say(order, "Partial", remains=199)
    with nothing_moves(), pytest.raises(ReportImpossible):
        say(order, "Completed")
    assert say(order, "Canceled").given_back == Decimal("0.68000")
    assert stands(order) == ("Canceled", 1000, None)
    assert balance_of(customer) == Decimal(100)
    assert audit.audit_ledger().is_clean


def test_the_final_words_say_themselves_what_remains(customer, handmade):
    for word, remains, status in (("Completed", 7, "Completed"), ("Canceled", 7, "Canceled")):
        order = order_of(customer, handmade)
        taken(order)
        say(order, word, remains=remains)
        assert stands(order)[:2] == (status, 0 if word == "Completed" else 1000)


@pytest.mark.parametrize(
    ("status", "facts"),
    [
        ("Pending", {}),
        ("Partial", {}),
        ("Partial", {"remains": 1001}),
        ("Partial", {"remains": -1}),
        ("In progress", {"remains": 1001}),
        (None, {"remains": 1001}),
    ],
)
def test_refuses_what_cannot_be(order, status, facts):
    with nothing_moves(), pytest.raises(ReportImpossible):
        say(order, status, **facts)


def test_a_start_count_that_cannot_be_is_left_out(order):
    with pytest.raises(NothingToChange):
        say(order, start_count=START_COUNT_MAX + 1)


def test_what_staff_set_as_start_count_stays(order):
    interventions.set_start_count(order_id=order.pk, start_count=5, reason=REASON, actor_id=None)

    say(order, "In progress", remains=900, start_count=6)

    assert stands(order) == ("In progress", 900, 5)


def test_the_same_again_changes_nothing(order):
    say(order, "In progress", remains=900)
    with nothing_moves(), pytest.raises(NothingToChange):
        say(order, "In progress", remains=900)
    say(order, "Completed")
    for status, facts in (("Completed", {}), (None, {"remains": 0})):
        with nothing_moves(), pytest.raises(NothingToChange):
            say(order, status, **facts)
    with nothing_moves(), pytest.raises(ReportImpossible):
        say(order, remains=10)


def test_refuses_without_a_reason_or_an_order(order):
    with nothing_moves():
        with pytest.raises(ReasonMissing):
            say(order, "Completed", reason="")
        with pytest.raises(OrderNotFound):
            say(Order(pk=order.pk + 1), "Completed")
        with pytest.raises(RunNotTaken):
            say(order, "Completed", number=2)


def test_refuses_what_was_not_taken_or_a_provider_has(customer, handmade, followers):
    waiting, bought = order_of(customer, handmade), order_of(customer, followers)
    submitted(bought)

    for order in (waiting, bought):
        with nothing_moves():
            with pytest.raises(RunNotTaken):
                say(order, "Completed")
            with pytest.raises(RunNotTaken):
                say(order, "Canceled", number=1)
    assert reporting.find_taken([waiting.pk, bought.pk]) == {}


def test_of_a_drip_feed_the_run_that_is_out_is_meant(dripfeed, customer):
    taken(dripfeed)
    assert say(dripfeed, "In progress", remains=40).run.number == 1
    assert stands(dripfeed) == ("In progress", 240, None)
    say(dripfeed, "Completed")
    assert stands(dripfeed) == ("In progress", 200, None)
    with nothing_moves(), pytest.raises(NothingToChange):  # still the first: the second was not taken yet
        say(dripfeed, "Completed")
    taken(dripfeed)
    with nothing_moves(), pytest.raises(ReportImpossible):
        say(dripfeed, "In progress", remains=101)
    # A report that names its run is about that one, whichever is out by now.
    with nothing_moves(), pytest.raises(ReportImpossible):
        say(dripfeed, "In progress", number=1)

    assert say(dripfeed, "Canceled").given_back == Decimal("0.08500")
    taken(dripfeed)
    assert say(dripfeed, "Partial", remains=50).given_back == Decimal("0.04250")

    assert stands(dripfeed) == ("Partial", 150, None)
    assert balance_of(customer) == Decimal("99.87250")
    assert audit.audit_ledger().is_clean


def test_weighs_what_a_report_would_give_back(dripfeed):
    taken(dripfeed)

    for status, remains, weight in (
        ("Completed", None, "0"),
        ("In progress", 100, "0"),
        (None, 40, "0"),
        ("Partial", 50, "0.04250"),
        ("Partial", 9999, "0.08500"),
        ("Canceled", None, "0.08500"),
    ):
        assert reporting.weigh_report(dripfeed, status=status, remains=remains) == Decimal(weight), status
    say(dripfeed, "Canceled")
    dripfeed.refresh_from_db()
    taken(dripfeed)
    assert reporting.weigh_report(dripfeed, status="Canceled") == Decimal("0.08500")
    assert reporting.weigh_report(dripfeed, status="Canceled", number=1) == 0
    assert reporting.weigh_report(dripfeed, status="Completed", number=2) == 0


# --- Cancel -----------------------------------------------------------------------------------------------------------


def ask_to_cancel(order):
    cancellations.request_cancellation(user_id=order.customer_id, order_id=order.pk)


def test_what_was_not_taken_is_canceled_at_once(customer, handmade):
    order = order_of(customer, handmade)

    ask_to_cancel(order)

    assert stands(order)[0] == "Canceled"
    assert balance_of(customer) == Decimal(100)
    assert (Cancellation.objects.get().forward_at, Cancellation.objects.get().answer) == (None, "")


def test_what_was_taken_waits_for_whoever_delivers_it(order, customer):
    ask_to_cancel(order)

    request = Cancellation.objects.get()
    assert (request.forward_at, request.answer) == (None, cancellations.BY_HAND)
    assert stands(order) == ("In progress", 1000, None)
    with nothing_moves():
        assert cancellations.forward_cancellations() == 0
    say(order, "Partial", remains=400)
    assert balance_of(customer) == Decimal("99.49")


def test_of_a_drip_feed_the_rest_is_canceled_at_once(dripfeed, customer):
    taken(dripfeed)

    ask_to_cancel(dripfeed)

    assert stands(dripfeed) == ("In progress", 300, None)
    assert balance_of(customer) == Decimal("99.91500")
    with transaction.atomic():
        assert taking.take_due(limit=9, reason=REASON, actor_id=None) == []
    say(dripfeed, "Completed")
    assert stands(dripfeed) == ("Partial", 200, None)


def test_staff_may_reject_the_request_or_ask_for_it_themselves(order):
    ask_to_cancel(order)
    cancellations.reject_cancellation(order_id=order.pk, reason=REASON, actor_id=None)
    assert not Cancellation.objects.exists()

    assert cancellations.request_cancel_at_provider(order_id=order.pk, reason=REASON, actor_id=None)

    assert Cancellation.objects.get().forward_at is None
    assert stands(order)[0] == "In progress"


def test_a_request_about_a_panel_too_goes_there_first(customer, handmade, provider, dripfeed):
    """One run is at a panel, one is out by hand: the panel is asked, then the rest is decided by hand."""
    taken(dripfeed)
    panel = dripfeed.runs.get(number=2)
    Run.objects.filter(pk=panel.pk).update(provider=provider, provider_order="P-7", state="submitting")
    Run.objects.filter(pk=panel.pk).update(state="submitted")

    ask_to_cancel(dripfeed)

    assert Cancellation.objects.get().forward_at is not None
    assert cancellations.forward_cancellations() == 1
    request = Cancellation.objects.get()
    assert (request.forward_at, request.answer) == (None, "no answer")  # the sandbox does not know it


def test_a_refund_by_staff_asks_nobody_to_stop(order, customer):
    cancellations.cancel_and_refund(order_id=order.pk, reason=REASON, actor_id=None)

    assert balance_of(customer) == Decimal(100)
    assert Cancellation.objects.get().forward_at is None
    with nothing_moves():
        assert cancellations.forward_cancellations() == 0
        with pytest.raises(ReportImpossible):
            say(order, "Completed")
        with pytest.raises(OrderAlreadyCompleted):
            ask_to_cancel(order)


# --- Refill -----------------------------------------------------------------------------------------------------------


def test_a_refill_waits_for_staff_and_is_never_sent(order, customer):
    say(order, "Completed")
    refill_id = refills.request_refill(user_id=customer.pk, order_id=order.pk)

    for _ in range(3):
        Refill.objects.update(poll_at=Now() - timedelta(hours=1))
        refills.process_refills()

    refill = Refill.objects.get()
    part = RefillPart.objects.get()
    assert (refill.status, part.status, part.sent_at, part.provider_refill) == ("Pending", "Pending", None, "")
    assert SandboxRefill.objects.count() == 0
    assert refills.find_part_in_doubt(refill_id) is None
    refills.record_refill_status(refill_id, Refill.Status.COMPLETED)
    assert event_kinds(order)[-1] == "refill_finished"
    assert refills.request_refill(user_id=customer.pk, order_id=order.pk) != refill_id


def test_a_refill_that_staff_work_on_does_not_wait_again(order, customer):
    say(order, "Completed")
    refill_id = refills.request_refill(user_id=customer.pk, order_id=order.pk)
    refills.record_refill_status(refill_id, Refill.Status.IN_PROGRESS)

    for _ in range(3):
        Refill.objects.update(poll_at=Now() - timedelta(hours=1))
        assert refills.process_refills() == 1

    assert Refill.objects.get().status == "In progress"
    refills.record_refill_status(refill_id, Refill.Status.PENDING)
    assert Refill.objects.get().status == "In progress"


def test_a_refill_of_both_is_sent_to_the_panel_only(dripfeed, customer, provider):
    taken(dripfeed)
    say(dripfeed, "Completed")
    Run.objects.filter(number__gt=1).update(provider=provider)
    for number in (2, 3):
        run = dripfeed.runs.get(number=number)
        for state in ("submitting", "submitted", "completed"):
            Run.objects.filter(pk=run.pk).update(state=state, provider_order=f"P-{number}", remains=0)
    Order.objects.filter(pk=dripfeed.pk).update(status="Completed", finished_at=Now(), remains=0)
    refills.request_refill(user_id=customer.pk, order_id=dripfeed.pk)

    refills.process_refills()

    # The sandbox refuses what it does not know; what is by hand stays open.
    assert list(RefillPart.objects.order_by("run").values_list("status", flat=True)) == [
        "Pending", "Rejected", "Rejected",
    ]  # fmt: skip
    assert Refill.objects.get().status == "In progress"
