"""The decisions that only a person makes: what became of a run, and how a refill stands."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orders.models import Order, Refill, ReviewItem, Run
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import balance_of, call_api, nothing_moves, place, report

DECISIONS = [
    ("found", {"provider_order": "P-77", "reason": "seen in their panel"}),
    ("resend", {"reason": "support says it never came"}),
    ("refund", {"reason": "support says it never came"}),
]


@pytest.fixture
def refill(customer: User, order_id: int) -> Refill:
    report(order_id, "Completed")
    call_api(customer, action="refill", order=order_id)
    return Refill.objects.get()


def test_found_goes_on_under_the_providers_id(boss: Client, staff: User, review: ReviewItem) -> None:
    response = run_action(boss, review, *DECISIONS[0][:1], **DECISIONS[0][1])

    assert told(response) == "The run goes on as P-77."
    run = Run.objects.get()
    assert (run.state, run.provider_order) == ("submitted", "P-77")
    review.refresh_from_db()
    assert (review.resolution, review.resolved_by, review.reason) == ("found", staff, "seen in their panel")


def test_absent_is_sent_again(boss: Client, customer: User, review: ReviewItem) -> None:
    run_action(boss, review, "resend", reason="support says it never came")

    assert Run.objects.get().state == "queued"
    assert balance_of(customer) != 10


def test_absent_is_canceled_and_refunded(boss: Client, customer: User, review: ReviewItem) -> None:
    run_action(boss, review, "refund", reason="support says it never came")

    assert Run.objects.get().state == "canceled"
    assert Order.objects.get().status == "Canceled"
    assert balance_of(customer) == 10


@pytest.mark.parametrize(("action", "data"), DECISIONS)
def test_decided_once(boss: Client, review: ReviewItem, action: str, data: dict[str, str]) -> None:
    run_action(boss, review, "refund", reason="support says it never came")

    with nothing_moves():
        response = run_action(boss, review, action, **data)

    assert "decided this already" in complaints(response)
    assert page_of_action(review, action) not in boss.get(page_of(review)).content.decode()


@pytest.mark.parametrize(("action", "data"), DECISIONS)
def test_every_decision_needs_its_reason(boss: Client, review: ReviewItem, action: str, data: dict[str, str]) -> None:
    with nothing_moves():
        for name in (*data, "confirmed"):
            complaints(run_action(boss, review, action, **data | {name: ""}))

    review.refresh_from_db()
    assert review.resolved_at is None


@pytest.mark.parametrize(("action", "data"), DECISIONS)
def test_get_decides_nothing(boss: Client, review: ReviewItem, action: str, data: dict[str, str]) -> None:
    with nothing_moves():
        boss.get(page_of_action(review, action), {**data, "confirmed": "on"})

    review.refresh_from_db()
    assert review.resolved_at is None


@pytest.mark.parametrize(("action", "data"), DECISIONS)
def test_refuses_staff_without_the_permission(
    make_clerk: Callable[..., Client], review: ReviewItem, action: str, data: dict[str, str]
) -> None:
    clerk = make_clerk("orders.view_reviewitem", "orders.change_order")

    with nothing_moves():
        assert run_action(clerk, review, action, **data).status_code == 403


def test_found_refuses_an_id_that_another_run_has(
    boss: Client, customer: User, followers: Any, review: ReviewItem
) -> None:
    report(place(customer, followers), "In progress", remains=900)
    taken = Run.objects.exclude(provider_order="").get().provider_order

    with nothing_moves():
        response = run_action(boss, review, "found", provider_order=taken, reason="seen in their panel")

    assert "Another run has this" in complaints(response)
    review.refresh_from_db()
    assert review.resolved_at is None


def test_queue_shows_evidence_and_can_hide_what_is_decided(boss: Client, review: ReviewItem) -> None:
    assert "read timed out after 20 s" in boss.get(page_of(review)).content.decode()
    queue = "/admin/orders/reviewitem/?state=open"
    assert page_of(review) in boss.get(queue).content.decode()

    run_action(boss, review, "refund", reason="support says it never came")

    assert page_of(review) not in boss.get(queue).content.decode()


@pytest.mark.parametrize("status", ["In progress", "Completed", "Rejected"])
def test_sets_the_status_of_a_refill(boss: Client, staff: User, refill: Refill, status: str) -> None:
    response = run_action(boss, refill, "set_status", status=status)

    assert told(response) == f"The refill is now {status}."
    refill.refresh_from_db()
    assert refill.status == status


def test_refill_that_ended_stays(boss: Client, refill: Refill) -> None:
    run_action(boss, refill, "set_status", status="Rejected")

    with nothing_moves():
        response = run_action(boss, refill, "set_status", status="Completed")

    assert "has ended" in complaints(response)
    refill.refresh_from_db()
    assert refill.status == "Rejected"


def test_refuses_a_status_that_is_none(boss: Client, refill: Refill) -> None:
    with nothing_moves():
        complaints(run_action(boss, refill, "set_status", status="Lost"))


def test_refill_needs_the_permission_and_a_post(
    boss: Client, make_clerk: Callable[..., Client], refill: Refill
) -> None:
    clerk = make_clerk("orders.view_refill", "orders.change_order")

    assert run_action(clerk, refill, "set_status", status="Completed").status_code == 403
    boss.get(page_of_action(refill, "set_status"), {"status": "Completed", "confirmed": "on"})

    refill.refresh_from_db()
    assert refill.status == "Pending"


def test_finds_refills_that_were_sent_without_an_answer(
    boss: Client, customer: User, followers: Any, refill: Refill
) -> None:
    in_doubt = "/admin/orders/refill/?answer=none"
    part = refill.parts.filter(run__order=refill.order)
    assert page_of(refill) not in boss.get(in_doubt).content.decode()  # not sent yet

    part.update(sent_at=timezone.now())
    assert page_of(refill) in boss.get(in_doubt).content.decode()

    part.update(provider_refill="R-1")
    assert page_of(refill) not in boss.get(in_doubt).content.decode()

    part.update(provider_refill="")
    run_action(boss, refill, "set_status", status="Rejected")
    assert page_of(refill) not in boss.get(in_doubt).content.decode()


def test_says_which_reasons_the_customer_sees(boss: Client, customer: User, review: ReviewItem) -> None:
    order = Order.objects.get()
    warning = "The customer sees this text."

    assert warning in boss.get(page_of_action(order, "cancel")).content.decode()
    selected = {"action": "cancel_selected", "_selected_action": order.pk}
    assert warning in boss.post("/admin/orders/order/", selected).content.decode()
    assert warning in boss.get(page_of_action(customer.wallet, "adjust_balance")).content.decode()
    assert warning not in boss.get(page_of_action(review, "refund")).content.decode()
