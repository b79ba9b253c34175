"""Deciding what became of runs whose sending had no certain end."""

from decimal import Decimal

import pytest

from orders import reviews, submission
from orders.errors import (
    ProviderOrderMissing,
    ProviderOrderTaken,
    ProviderOrderUnreadable,
    ReviewAlreadyResolved,
    ReviewNotFound,
)
from orders.models import Attempt, ReviewItem
from providers.models import SandboxOrder
from tests.fixtures import balance_of
from tests.orders.conftest import order_of, submitted
from wallet.errors import ReasonMissing

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost(customer, followers):
    """An order whose answer was lost; the sandbox has it."""
    order = order_of(customer, followers, link="https://example.com/lost")
    submission.submit_next()
    return order


def item_id():
    return ReviewItem.objects.get(resolved_at=None).pk


def test_found_goes_on_under_the_providers_id(lost, staff):
    sandbox_id = str(SandboxOrder.objects.get().pk)

    reviews.resolve_found(item_id=item_id(), provider_order=sandbox_id, reason="seen in their panel", actor_id=staff.pk)

    run = lost.runs.get()
    assert (run.state, run.provider_order) == ("submitted", sandbox_id)
    assert run.attempts.get().state == Attempt.State.ACCEPTED
    item = ReviewItem.objects.get()
    assert (item.resolution, item.resolved_by, item.reason) == ("found", staff, "seen in their panel")


@pytest.mark.parametrize("typed", ["#00123, 124", "1,2", "0", "-5", "success", "1 2", "x" * 101])
def test_refuses_what_is_no_id(lost, staff, typed, nothing_moved):
    nothing_moved.remember()

    with pytest.raises(ProviderOrderUnreadable):
        reviews.resolve_found(item_id=item_id(), provider_order=typed, reason="x", actor_id=staff.pk)

    nothing_moved()


def test_reads_an_id_as_the_provider_will_report_it(lost, staff):
    reviews.resolve_found(item_id=item_id(), provider_order=" #00123 ", reason="x", actor_id=staff.pk)

    assert lost.runs.get().provider_order == "123"


def test_refuses_an_item_that_is_not_there(lost, staff, nothing_moved):
    nothing_moved.remember()

    with pytest.raises(ReviewNotFound):
        reviews.resolve_refund(item_id=0, reason="x", actor_id=staff.pk)

    nothing_moved()


def test_absent_is_sent_again_once(lost, staff, followers):
    reviews.resolve_resend(item_id=item_id(), reason="not there", actor_id=staff.pk)

    assert submission.submit_next()
    assert SandboxOrder.objects.count() == 2
    assert [attempt.state for attempt in lost.runs.get().attempts.order_by("pk")] == ["absent", "unknown"]


def test_absent_is_canceled_and_refunded(lost, staff, customer):
    reviews.resolve_refund(item_id=item_id(), reason="not there", actor_id=staff.pk)

    lost.refresh_from_db()
    assert (lost.status, lost.refunded) == ("Canceled", Decimal("0.85"))
    assert balance_of(customer) == 100


@pytest.mark.parametrize("decide", [reviews.resolve_resend, reviews.resolve_refund])
def test_refuses_without_a_reason(lost, staff, decide, nothing_moved):
    nothing_moved.remember()

    with pytest.raises(ReasonMissing):
        decide(item_id=item_id(), reason="", actor_id=staff.pk)

    nothing_moved()
    assert lost.runs.get().state == "unknown"


@pytest.mark.parametrize("decide", [reviews.resolve_resend, reviews.resolve_refund])
def test_refuses_a_second_decision(lost, staff, decide, nothing_moved):
    decided = item_id()
    reviews.resolve_refund(item_id=decided, reason="x", actor_id=staff.pk)
    nothing_moved.remember()

    with pytest.raises(ReviewAlreadyResolved):
        decide(item_id=decided, reason="x", actor_id=staff.pk)

    nothing_moved()


def test_refuses_found_without_an_id(lost, staff):
    with pytest.raises(ProviderOrderMissing):
        reviews.resolve_found(item_id=item_id(), provider_order=" ", reason="x", actor_id=staff.pk)

    assert lost.runs.get().state == "unknown"


@pytest.mark.django_db(transaction=True)
def test_refuses_an_id_that_another_run_has(lost, staff, customer, followers):
    submitted(order_of(customer, followers), provider_order="P-1")

    with pytest.raises(ProviderOrderTaken):
        reviews.resolve_found(item_id=item_id(), provider_order="P-1", reason="x", actor_id=staff.pk)

    assert lost.runs.get().state == "unknown"
    assert ReviewItem.objects.get().resolved_at is None
