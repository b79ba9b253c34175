"""Asking about runs that ended: what a panel takes back later is refunded, and nobody is asked for ever."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from orders import cancellations, rechecking
from orders.models import Run
from providers.adapter import Report, ReportedStatus
from providers.errors import Ambiguous
from providers.models import Provider
from providers.sandbox import Sandbox
from tests.fixtures import balance_of, nothing_moves
from tests.orders.conftest import order_of, report, submitted
from wallet import audit

pytestmark = pytest.mark.django_db


@pytest.fixture
def completed(customer, followers):
    """An order of 1,000 that its provider has called completed."""
    order = order_of(customer, followers)
    report(submitted(order), "Completed")
    return order


@pytest.fixture
def asked(monkeypatch):
    """The ids a provider was asked about; `asked.report` is what it says of each, or the error it answers with."""

    class Asked(list):
        report = Report(status=ReportedStatus.COMPLETED, start_count=None, remains=0)

    asked = Asked()

    def statuses(self, ids):
        asked.extend(ids)
        if isinstance(asked.report, Exception):
            raise asked.report
        return dict.fromkeys(ids, asked.report)

    monkeypatch.setattr(Sandbox, "statuses", statuses)
    return asked


def pass_time(**time):
    Run.objects.update(finished_at=F("finished_at") - timedelta(**time), recheck_at=F("recheck_at") - timedelta(**time))


def test_refunds_what_is_taken_back_later(completed, customer, asked):
    asked.report = Report(status=ReportedStatus.PARTIAL, start_count=None, remains=400)
    pass_time(hours=1)

    assert rechecking.recheck_finished() == 1

    completed.refresh_from_db()
    assert (completed.status, completed.remains, completed.refunded) == ("Partial", 400, Decimal("0.34"))
    assert balance_of(customer) == Decimal("99.49")
    assert audit.audit_ledger().is_clean


def test_the_same_report_changes_nothing(completed, asked):
    pass_time(hours=1)

    with nothing_moves():
        assert rechecking.recheck_finished() == 1

    assert asked == ["P-1"]


@pytest.mark.parametrize("status", [ReportedStatus.IN_PROGRESS, ReportedStatus.PENDING])
def test_what_ended_does_not_begin_again(completed, asked, status):
    asked.report = Report(status=status, start_count=None, remains=400)
    pass_time(hours=1)

    with nothing_moves():
        rechecking.recheck_finished()


def test_asks_ever_more_seldom_and_then_no_more(completed, asked):
    waits = []
    for _ in range(4):
        run = Run.objects.get()
        waits.append(round((run.recheck_at - run.finished_at) / timedelta(hours=1)))
        pass_time(seconds=(run.recheck_at - timezone.now()).total_seconds() + 1)
        assert rechecking.recheck_finished() == 1

    assert waits == [1, 6, 24, 72]
    assert Run.objects.get().recheck_at is None
    assert rechecking.recheck_finished() == 0


def test_is_not_asked_before_its_turn(completed, asked):
    pass_time(minutes=59)

    assert rechecking.recheck_finished() == 0


def test_no_answer_is_asked_for_again_at_the_next_turn(completed, asked):
    asked.report = Ambiguous("timed out")
    pass_time(hours=1)

    with nothing_moves():
        assert rechecking.recheck_finished() == 1
        assert rechecking.recheck_finished() == 0

    assert Run.objects.get().recheck_at is not None
    assert Provider.objects.get().failures == 1


def test_a_provider_that_is_down_is_not_asked(completed, asked):
    Provider.objects.update(down_until=Now() + timedelta(seconds=30))
    pass_time(hours=1)

    assert rechecking.recheck_finished() == 0
    assert asked == []


def test_what_was_given_back_whole_is_not_asked_about(completed, staff, asked):
    cancellations.cancel_and_refund(order_id=completed.pk, reason="x", actor_id=staff.pk)

    assert Run.objects.get().recheck_at is None


def test_what_never_was_at_a_provider_is_not_asked_about(customer, followers):
    order = order_of(customer, followers)
    cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)

    assert Run.objects.get().recheck_at is None
