"""What providers report, and what is refunded for it in the same transaction."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models.functions import Now

from orders import submission, tracking
from orders.models import OrderEvent, Run
from providers.adapter import Report, ReportedStatus
from providers.errors import Ambiguous
from providers.sandbox import Sandbox
from tests.fixtures import balance_of
from tests.orders.conftest import event_kinds, order_of, report, submitted
from wallet import audit
from wallet.models import LedgerEntry

pytestmark = pytest.mark.django_db


def test_follows_an_order_to_its_end(customer, followers):
    order = order_of(customer, followers)
    run = submitted(order)

    report(run, "Pending")
    report(run, "Processing", start_count=12450)
    report(run, "In progress", remains=240)
    order.refresh_from_db()
    assert (order.status, order.remains, order.start_count) == ("In progress", 240, 12450)

    report(run, "Completed", remains=0)
    order.refresh_from_db()
    assert (order.status, order.remains, order.refunded) == ("Completed", 0, 0)
    assert order.finished_at is not None
    assert balance_of(customer) == Decimal("99.15")
    assert event_kinds(order) == ["placed", "submitted", "progress", "progress", "finished"]


def test_refunds_what_was_not_delivered(customer, followers):
    order = order_of(customer, followers)
    run = submitted(order)

    report(run, "Partial", remains=333)

    order.refresh_from_db()
    assert (order.status, order.remains, order.refunded) == ("Partial", 333, Decimal("0.28305"))
    assert balance_of(customer) == Decimal("99.43305")
    assert LedgerEntry.objects.get(key=f"refund:order:{order.pk}:1").amount == Decimal("0.28305")
    assert order.events.get(kind=OrderEvent.Kind.REFUNDED).data == {
        "amount": "0.28305",
        "charge": "0.85000",
        "undelivered": 333,
        "quantity": 1000,
        "refunded": "0.28305",
    }
    assert audit.audit_ledger().is_clean


def test_refunds_everything_when_canceled(customer, followers):
    order = order_of(customer, followers)

    report(submitted(order), "Canceled", remains=10)

    order.refresh_from_db()
    assert (order.status, order.remains, order.refunded) == ("Canceled", 1000, Decimal("0.85"))
    assert balance_of(customer) == 100


def test_the_same_report_again_changes_nothing(customer, followers, nothing_moved):
    order = order_of(customer, followers)
    run = submitted(order)
    report(run, "Partial", remains=333)
    nothing_moved.remember()
    events = order.events.count()

    for _ in range(3):
        report(run, "Partial", remains=333)

    nothing_moved()
    assert order.events.count() == events


def test_corrects_in_the_customers_favour_only(customer, followers):
    order = order_of(customer, followers)
    run = submitted(order)
    report(run, "Completed")

    report(run, "Partial", remains=100)
    assert balance_of(customer) == Decimal("99.23500")
    report(run, "Completed")
    report(run, "In progress", remains=500)
    assert balance_of(customer) == Decimal("99.23500")
    report(run, "Canceled")

    order.refresh_from_db()
    assert (order.status, order.refunded, order.refund_count) == ("Canceled", Decimal("0.85"), 2)
    assert balance_of(customer) == 100


@pytest.mark.parametrize(
    ("status", "remains"),
    [("In progress", -1), ("In progress", 1001), ("Partial", -5), ("Partial", 10**12), ("Partial", None)],
)
def test_leaves_out_reports_that_cannot_be(customer, followers, status, remains, nothing_moved, caplog):
    order = order_of(customer, followers)
    run = submitted(order)
    nothing_moved.remember()

    report(run, status, remains=remains)

    run.refresh_from_db()
    assert run.state == "submitted"
    assert "impossible report" in caplog.text
    nothing_moved()


@pytest.fixture(params=["Package", "Custom Comments Package"])
def package(request, customer, make_service):
    """A package for 9.90 that its provider has; it counts the units in it."""
    service = make_service(type=request.param, rate=Decimal("9.90"), min=1, max=1)
    return order_of(customer, service, quantity=None, parameters={"comments": ["One", "Two"]})


@pytest.mark.parametrize("status", ["Pending", "Processing", "In progress"])
def test_a_package_goes_on_whatever_units_remain(customer, package, status):
    report(submitted(package), status, start_count=7, remains=640)

    package.refresh_from_db()
    assert (package.status, package.remains, package.start_count) == (status, 1, 7)
    assert balance_of(customer) == Decimal("90.10")


def test_a_package_is_complete_whatever_units_remain(customer, package):
    run = submitted(package)
    report(run, "In progress", remains=640)

    report(run, "Completed", remains=3)

    package.refresh_from_db()
    assert (package.status, package.remains, package.refunded) == ("Completed", 0, 0)
    assert balance_of(customer) == Decimal("90.10")


@pytest.mark.parametrize(
    ("status", "remains"), [("Partial", 1), ("Partial", 640), ("Partial", 10**12), ("Canceled", 640)]
)
def test_a_package_that_did_not_come_whole_is_given_back_once(customer, package, status, remains):
    run = submitted(package)
    report(run, "In progress", remains=1000)

    for _ in range(2):
        report(run, status, remains=remains)

    package.refresh_from_db()
    assert (package.status, package.remains, package.refunded) == (status, 1, Decimal("9.90"))
    assert (balance_of(customer), package.refund_count) == (100, 1)
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize(("status", "remains"), [("In progress", -1), ("Partial", -640), ("Partial", None)])
def test_leaves_out_of_a_package_what_cannot_be(package, status, remains, nothing_moved, caplog):
    run = submitted(package)
    nothing_moved.remember()

    report(run, status, remains=remains)

    assert "impossible report" in caplog.text
    nothing_moved()


@pytest.mark.parametrize("start_count", [-1, 2**63, 10**30])
def test_leaves_out_counters_that_cannot_be(customer, followers, start_count):
    order = order_of(customer, followers)
    run = submitted(order)
    report(run, "Processing", start_count=7)

    report(run, "In progress", remains=500, start_count=start_count)

    order.refresh_from_db()
    assert (order.status, order.remains, order.start_count) == ("In progress", 500, 7)


def test_one_bad_run_does_not_keep_the_others_waiting(customer, followers, monkeypatch, caplog):
    runs = [submitted(order_of(customer, followers), provider_order=f"P-{number}") for number in range(3)]
    Run.objects.update(poll_at=Now())
    record = tracking.record_report

    def record_or_crash(run_id, given):
        if run_id == runs[0].pk:
            raise RuntimeError("a bug of ours")
        record(run_id, given)

    monkeypatch.setattr(tracking, "record_report", record_or_crash)
    done = Report(ReportedStatus.COMPLETED, start_count=None, remains=0)
    monkeypatch.setattr(Sandbox, "statuses", lambda self, ids: dict.fromkeys(sorted(ids), done))

    tracking.track_due()

    assert [run.state for run in Run.objects.order_by("pk")] == ["submitted", "completed", "completed"]
    assert "a bug of ours" in caplog.text


def test_drip_feed_adds_up(customer, followers):
    order = order_of(customer, followers, quantity=1000, runs=3, interval_minutes=1)
    runs = []
    for number in range(3):
        order.runs.filter(state="queued").update(due_at=Now())
        runs.append(submitted(order, provider_order=f"P-{number}"))

    report(runs[0], "Completed", start_count=5)
    order.refresh_from_db()
    assert (order.status, order.remains) == ("In progress", 667)
    report(runs[1], "Partial", remains=33)
    report(runs[2], "Canceled")

    order.refresh_from_db()
    assert (order.status, order.remains, order.start_count) == ("Partial", 367, 5)
    assert order.refunded == Decimal("0.31195")  # 0.85 × 367 / 1000, rounded down once
    assert balance_of(customer) == Decimal("99.46195")
    assert audit.audit_ledger().is_clean


def test_asks_in_one_call_and_again_later(customer, followers, monkeypatch):
    for number in range(3):
        submitted(order_of(customer, followers), provider_order=f"P-{number}")
    Run.objects.update(poll_at=Now())
    calls = []
    monkeypatch.setattr(
        Sandbox,
        "statuses",
        lambda self, ids: (
            calls.append(sorted(ids))
            or {one: Report(ReportedStatus.IN_PROGRESS, start_count=None, remains=None) for one in ids}
        ),
    )

    assert tracking.track_due() == 3
    assert tracking.track_due() == 0

    assert calls == [["P-0", "P-1", "P-2"]]
    assert set(Run.objects.values_list("state", flat=True)) == {"in_progress"}
    assert not Run.objects.filter(poll_at=None).exists()


def test_old_orders_are_asked_about_seldom(customer, followers):
    run = submitted(order_of(customer, followers))
    Run.objects.filter(pk=run.pk).update(poll_at=Now(), submitted_at=Now() - timedelta(minutes=50))

    tracking.track_due()

    run.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("SELECT poll_at - now() FROM orders_run WHERE id = %s", [run.pk])
        (wait,) = cursor.fetchone()
    assert timedelta(minutes=4, seconds=55) < wait < timedelta(minutes=5, seconds=5)


def test_a_silent_provider_changes_nothing(customer, followers, monkeypatch, nothing_moved):
    run = submitted(order_of(customer, followers))
    Run.objects.update(poll_at=Now())
    nothing_moved.remember()

    def fail(self, ids):
        raise Ambiguous("502 Bad Gateway")

    monkeypatch.setattr(Sandbox, "statuses", fail)
    tracking.track_due()

    run.refresh_from_db()
    assert run.state == "submitted"
    nothing_moved()


@pytest.mark.django_db(transaction=True)
def test_the_same_report_on_eight_workers_is_posted_once(customer, followers):
    order = order_of(customer, followers)
    run = submitted(order)
    start = threading.Barrier(8)

    def work():
        start.wait(10)
        for _ in range(20):
            report(run, "Partial", remains=500)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert LedgerEntry.objects.filter(key__startswith="refund:").count() == 1
    assert balance_of(customer) == Decimal("99.57500")


def test_a_sandbox_order_is_delivered_by_itself(customer, followers, settings):
    settings.SANDBOX_SPEED = 1e9
    order = order_of(customer, followers)
    submission.submit_next()
    Run.objects.update(poll_at=Now())

    tracking.track_due()

    order.refresh_from_db()
    assert (order.status, order.remains) == ("Completed", 0)


@pytest.mark.parametrize(
    ("word", "status", "balance"),
    [("partial", "Partial", "99.49000"), ("cancel", "Canceled", "100.00000"), ("reject", "Canceled", "100.00000")],
)
def test_words_in_the_link_choose_the_outcome(customer, followers, settings, word, status, balance):
    settings.SANDBOX_SPEED = 1e9
    order = order_of(customer, followers, link=f"https://example.com/{word}")
    submission.submit_next()
    Run.objects.update(poll_at=Now())

    tracking.track_due()

    order.refresh_from_db()
    assert order.status == status
    assert balance_of(customer) == Decimal(balance)
