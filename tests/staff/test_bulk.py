"""One operation on many: each at most once, each outcome kept, two persons when all of it together is much."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from accounts.models import User
from orders.models import Order
from staff import approvals, bulk
from staff.audit import find_break
from staff.errors import JobOver, NothingSelected, Outgrown, TooManySelected
from staff.models import Approval, AuditEntry, BulkItem, BulkJob
from tests.fixtures import balance_of, funded, nothing_moves, place
from tests.staff.conftest import ORIGIN, member
from wallet import audit

CANCEL = "orders.cancel_and_refund"


@pytest.fixture
def order_ids(customer: User, followers: Any) -> list[int]:
    """Three orders of 0.85 each; 7.45 are left of 10."""
    funded(customer, "10")
    return [place(customer, followers) for _ in range(3)]


def start(ids: list[int], actor: User, token: UUID | None = None) -> BulkJob:
    """Ask for their cancellation."""
    return bulk.create_job(
        CANCEL, subject_ids=ids, reason="provider closed", actor=actor, origin=ORIGIN, token=token or uuid4()
    )


def test_does_each_and_keeps_what_came_of_it(asker: User, customer: User, order_ids: list[int]) -> None:
    start(order_ids[:1], asker)
    bulk.work(seconds=10)

    job = start(order_ids, asker)
    bulk.work(seconds=10)

    job.refresh_from_db()
    assert (job.state, job.amount, job.item_count) == ("done", Decimal("1.7"), 3)
    assert bulk.measure_progress(job) == bulk.Progress(done=2, refused=1, skipped=0, waiting=0)
    refused = job.items.get(state=BulkItem.State.REFUSED)
    assert (refused.subject_id, refused.outcome) == (
        order_ids[0],
        "Everything is canceled already; there is nothing left to give back.",
    )
    assert balance_of(customer) == Decimal(10)
    assert AuditEntry.objects.filter(operation=CANCEL, channel="bulk", actor=asker).count() == 3
    assert audit.audit_ledger().is_clean
    assert find_break() is None


def test_form_sent_twice_makes_one_job(asker: User, order_ids: list[int]) -> None:
    token = uuid4()

    assert start(order_ids, asker, token) == start(order_ids, asker, token)
    assert BulkJob.objects.count() == 1


def test_much_together_waits_for_a_second_person(
    asker: User, second: User, customer: User, order_ids: list[int], settings: Any
) -> None:
    settings.FOUR_EYES_ABOVE = Decimal(2)
    job = start(order_ids, asker)

    with nothing_moves():
        bulk.work(seconds=10)
    assert (job.state, balance_of(customer)) == ("asked", Decimal("7.45"))

    approvals.approve(approval_id=Approval.objects.get().pk, actor=second, origin=ORIGIN)
    bulk.work(seconds=10)

    assert balance_of(customer) == Decimal(10)
    assert AuditEntry.objects.filter(operation=CANCEL, approver=second).count() == 3


def test_approved_job_moves_no_more_than_was_approved(
    asker: User, second: User, customer: User, order_ids: list[int], settings: Any
) -> None:
    """What two of three orders are worth was approved: the third is refused."""
    settings.FOUR_EYES_ABOVE = Decimal(2)
    job = start(order_ids, asker)
    approvals.approve(approval_id=Approval.objects.get().pk, actor=second, origin=ORIGIN)
    BulkJob.objects.update(amount=Decimal("1.7"))

    bulk.work(seconds=10)

    job.refresh_from_db()
    assert (bulk.measure_progress(job), job.moved) == (bulk.Progress(2, 1, 0, 0), Decimal("1.7"))
    assert "move more now than was asked for" in job.items.get(state=BulkItem.State.REFUSED).outcome
    assert balance_of(customer) == Decimal("9.15")


def test_job_that_has_outgrown_what_was_asked_is_not_approved(
    asker: User, second: User, order_ids: list[int], settings: Any
) -> None:
    settings.FOUR_EYES_ABOVE = Decimal(2)
    job = start(order_ids, asker)
    BulkJob.objects.update(amount=Decimal("2.4"))

    with nothing_moves(), pytest.raises(Outgrown):
        approvals.approve(approval_id=Approval.objects.get().pk, actor=second, origin=ORIGIN)

    job.refresh_from_db()
    assert job.state == "asked"


def test_rejected_job_does_nothing(asker: User, second: User, order_ids: list[int], settings: Any) -> None:
    settings.FOUR_EYES_ABOVE = Decimal(2)
    job = start(order_ids, asker)

    with nothing_moves():
        approvals.reject(approval_id=Approval.objects.get().pk, reason="no", actor=second, origin=ORIGIN)
        bulk.work(seconds=10)

    job.refresh_from_db()
    assert (job.state, bulk.measure_progress(job).skipped) == ("stopped", 3)


def test_stopped_job_leaves_the_rest(asker: User, order_ids: list[int]) -> None:
    job = start(order_ids, asker)
    bulk.work_next(job.pk)

    bulk.stop_job(job_id=job.pk, actor=asker, origin=ORIGIN)
    with nothing_moves():
        bulk.work(seconds=10)
        with pytest.raises(JobOver):
            bulk.stop_job(job_id=job.pk, actor=asker, origin=ORIGIN)

    assert bulk.measure_progress(job) == bulk.Progress(done=1, refused=0, skipped=2, waiting=0)


def test_who_may_not_any_more_has_the_rest_refused(asker: User, order_ids: list[int]) -> None:
    job = start(order_ids, asker)
    asker.groups.clear()

    with nothing_moves():
        bulk.work(seconds=10)

    assert bulk.measure_progress(job).refused == 3


def test_refuses_nothing_too_much_and_strangers(
    asker: User, order_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ITEMS_MAX", 2)
    with nothing_moves():
        with pytest.raises(NothingSelected):
            start([], asker)
        with pytest.raises(TooManySelected):
            start(order_ids, asker)
        with pytest.raises(PermissionDenied):
            start(order_ids[:1], member("helper", "Support"))

    assert not BulkJob.objects.exists()


def test_several_workers_do_each_once(transactional_db: None, asker: User, customer: User, followers: Any) -> None:
    funded(customer, "30")
    ids = [place(customer, followers) for _ in range(20)]
    job = start(ids, asker)

    def work(_: int) -> None:
        try:
            bulk.work(seconds=20)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    bulk.work(seconds=5)
    job.refresh_from_db()
    assert (job.state, bulk.measure_progress(job).done) == ("done", 20)
    assert balance_of(customer) == Decimal(30)
    assert set(Order.objects.values_list("refund_count", flat=True)) == {1}
    assert AuditEntry.objects.filter(operation=CANCEL).count() == 20
