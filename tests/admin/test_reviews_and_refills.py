"""The decisions that only a person makes: what became of a run, and how a refill stands."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orders import submission
from orders.admin.cancellations import CANCEL_KEYS
from orders.admin.reviews import REVIEW_KEYS
from orders.models import Order, Refill, RefillPart, ReviewItem, Run
from providers.errors import NotSent
from providers.sandbox import Sandbox
from staff import bulk
from staff.models import Approval, AuditEntry, BulkJob
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import LINK, balance_of, call_api, funded, nothing_moves, place, report

WHY = "they said so"
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
    response = run_action(boss, refill, "set_status", status=status, reason=WHY)

    assert told(response) == f"{refill.pk}: the refill is now {status}."
    refill.refresh_from_db()
    assert refill.status == status
    logged = AuditEntry.objects.get(operation="refills.set_status")
    assert (logged.actor, logged.reason, logged.after["status"]) == (staff, WHY, status)


def test_refill_that_ended_stays(boss: Client, refill: Refill) -> None:
    run_action(boss, refill, "set_status", status="Rejected", reason=WHY)

    with nothing_moves():
        response = run_action(boss, refill, "set_status", status="Completed", reason=WHY)

    assert "has ended" in complaints(response)
    refill.refresh_from_db()
    assert refill.status == "Rejected"


def test_refuses_a_status_that_is_none(boss: Client, refill: Refill) -> None:
    with nothing_moves():
        complaints(run_action(boss, refill, "set_status", status="Lost", reason=WHY))
        complaints(run_action(boss, refill, "set_status", status="Completed", reason=" "))


def test_refill_needs_the_permission_and_a_post(
    boss: Client, make_clerk: Callable[..., Client], refill: Refill
) -> None:
    clerk = make_clerk("orders.view_refill", "orders.change_order")

    assert run_action(clerk, refill, "set_status", status="Completed", reason=WHY).status_code == 403
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
    run_action(boss, refill, "set_status", status="Rejected", reason=WHY)
    assert page_of(refill) not in boss.get(in_doubt).content.decode()


def test_says_which_reasons_the_customer_sees(boss: Client, customer: User, review: ReviewItem) -> None:
    order = Order.objects.get()
    warning = "The customer sees this text."

    assert warning in boss.get(page_of_action(order, "cancel")).content.decode()
    selected = {"action": "cancel_selected", "_selected_action": order.pk}
    assert warning in boss.post("/admin/orders/order/", selected).content.decode()
    assert warning in boss.get(page_of_action(customer.wallet, "adjust_balance")).content.decode()
    assert warning not in boss.get(page_of_action(review, "refund")).content.decode()


def test_asks_the_provider_about_the_ids_between(boss: Client, customer: User, followers: Any, provider: Any) -> None:
    """The sandbox takes the second of three orders and loses the answer."""
    funded(customer, "10")
    ids = [place(customer, followers), place(customer, followers, link=f"{LINK}?lost"), place(customer, followers)]
    while submission.submit_next():
        pass
    item = ReviewItem.objects.get()
    before, after = (Run.objects.get(order=ids[number]).provider_order for number in (0, 2))
    lost = str(int(before) + 1)
    assert int(after) == int(before) + 2

    form = boss.get(page_of_action(item, "ask"))
    assert form.context["form"].initial["ids"] == lost
    assert "What Sandbox says now" not in form.content.decode()
    with nothing_moves():
        page = boss.post(page_of_action(item, "ask"), {"ids": f"{before} #{lost} 999999 error"}).content.decode()

    assert "not known there" in page
    assert f"{page_of_action(item, 'found')}?provider_order={lost}" in page
    assert f"?provider_order={before}" not in page  # a run of ours has it
    filled = boss.get(f"{page_of_action(item, 'found')}?provider_order={lost}").context["form"]
    assert filled.initial["provider_order"] == lost
    run_action(boss, item, "found", provider_order=lost, reason="seen there")
    assert Run.objects.get(order=ids[1]).provider_order == lost


def test_asking_needs_the_permission_and_says_when_there_is_no_answer(
    boss: Client, make_clerk: Callable[..., Client], review: ReviewItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = make_clerk("orders.view_reviewitem", "orders.change_order")
    assert clerk.post(page_of_action(review, "ask"), {"ids": "1"}).status_code == 403

    def fail(_self: Sandbox, _ids: Any) -> None:
        raise NotSent("connection refused")

    monkeypatch.setattr(Sandbox, "statuses", fail)
    assert "It did not answer: connection refused" in complaints(boss.post(page_of_action(review, "ask"), {"ids": "1"}))


def test_queue_offers_every_decision_by_a_key(boss: Client, review: ReviewItem) -> None:
    for page in (boss.get("/admin/orders/reviewitem/"), boss.get(page_of(review))):
        text = page.content.decode()
        assert "orders/queue.js" in text
        for key, action in REVIEW_KEYS.items():
            assert f'href="{page_of_action(review, action)}" data-key="{key}"' in text


def test_a_large_refund_of_a_review_waits_for_a_second_person(boss: Client, review: ReviewItem, settings: Any) -> None:
    settings.FOUR_EYES, settings.FOUR_EYES_ABOVE = True, Decimal("0.10")

    with nothing_moves():
        response = run_action(boss, review, "refund", reason="never came")

    assert "waits for a second person" in told(response)
    assert Approval.objects.get().amount == Decimal("0.85")


@pytest.fixture
def in_doubt(refill: Refill) -> Refill:
    refill.parts.update(sent_at=timezone.now() - timedelta(minutes=2))
    return refill


def test_refill_in_doubt_is_found(boss: Client, in_doubt: Refill) -> None:
    response = run_action(boss, in_doubt, "found", provider_refill="R-7", reason="seen there")

    assert told(response) == "The refill goes on as R-7."
    assert in_doubt.parts.get().provider_refill == "R-7"


def test_refill_in_doubt_is_asked_for_again(boss: Client, in_doubt: Refill) -> None:
    run_action(boss, in_doubt, "again", reason="never came")

    assert in_doubt.parts.get().sent_at is None


def test_refill_in_doubt_is_rejected(boss: Client, in_doubt: Refill) -> None:
    response = run_action(boss, in_doubt, "reject", reason="never came")

    in_doubt.refresh_from_db()
    assert (in_doubt.status, in_doubt.parts.get().status) == ("Rejected", "Rejected")
    assert told(response) == "It is rejected; the refill is now Rejected."


REFILL_DECISIONS = [("found", {"provider_refill": "R-7"}), ("again", {}), ("reject", {})]


@pytest.mark.parametrize(("action", "data"), REFILL_DECISIONS)
@pytest.mark.parametrize("sent_ago", [None, timedelta(seconds=20)])
def test_refill_on_its_way_is_left_alone(
    boss: Client, refill: Refill, action: str, data: dict[str, str], sent_ago: timedelta | None
) -> None:
    refill.parts.update(sent_at=timezone.now() - sent_ago if sent_ago else None)
    before = list(RefillPart.objects.values())

    with nothing_moves():
        assert "Nothing of it is in doubt" in complaints(run_action(boss, refill, action, reason="x", **data))

    assert list(RefillPart.objects.values()) == before


@pytest.mark.parametrize(("action", "data"), REFILL_DECISIONS)
def test_refill_decisions_need_reason_permission_and_post(
    boss: Client, make_clerk: Callable[..., Client], in_doubt: Refill, action: str, data: dict[str, str]
) -> None:
    before = list(RefillPart.objects.values())
    clerk = make_clerk("orders.view_refill", "orders.change_order")

    with nothing_moves():
        complaints(run_action(boss, in_doubt, action, reason=" ", **data))
        assert run_action(clerk, in_doubt, action, reason="x", **data).status_code == 403
        boss.get(page_of_action(in_doubt, action), {"reason": "x", "confirmed": "on", **data})

    assert list(RefillPart.objects.values()) == before
    assert 'data-key="f"' in boss.get("/admin/orders/refill/").content.decode()


def test_requests_to_cancel_are_worked_off_on_the_orders_pages(boss: Client, customer: User, followers: Any) -> None:
    order_id = place(funded(customer, "10"), followers)
    report(order_id, "In progress", remains=900)
    call_api(customer, action="cancel", orders=order_id)
    order = Order.objects.get(pk=order_id)

    page = boss.get("/admin/orders/cancellation/?state=open").content.decode()
    for key, deed in CANCEL_KEYS.items():
        assert f'href="{page_of_action(order, deed)}" data-key="{key}"' in page
    assert page_of(order) not in boss.get("/admin/orders/cancellation/?state=answered").content.decode()
    report(order_id, "Canceled")
    assert page_of(order) not in boss.get("/admin/orders/cancellation/?state=open").content.decode()
    assert page_of(order) in boss.get("/admin/orders/cancellation/?state=ended").content.decode()


def test_a_decision_leads_back_to_the_queue(boss: Client, review: ReviewItem) -> None:
    response = run_action(boss, review, "refund", reason="support says it never came")

    assert response.url == "/admin/orders/reviewitem/"


@pytest.mark.parametrize(("action", "state"), [("resend_selected", "queued"), ("refund_selected", "canceled")])
def test_many_are_decided_at_once(boss: Client, review: ReviewItem, action: str, state: str) -> None:
    queue = "/admin/orders/reviewitem/"
    asked = boss.post(queue, {"action": action, ACTION_CHECKBOX_NAME: [review.pk]})
    form = asked.context["repeated"] | {"reason": ["their outage lost all of them"], "confirmed": ["on"]}

    with nothing_moves():
        unconfirmed = boss.post(queue, form | {"confirmed": [""]})
    assert "confirmed" in unconfirmed.context["form"].errors

    boss.post(queue, form)
    bulk.work(seconds=5)

    assert Run.objects.get().state == state
    review.refresh_from_db()
    assert review.reason == "their outage lost all of them"


def test_many_are_not_decided_by_whom_may_only_look(make_clerk: Callable[..., Client], review: ReviewItem) -> None:
    clerk = make_clerk("orders.view_reviewitem")

    with nothing_moves():
        clerk.post(
            "/admin/orders/reviewitem/",
            {
                "action": "refund_selected",
                ACTION_CHECKBOX_NAME: [review.pk],
                "answered": "yes",
                "token": str(uuid4()),
                "reason": "no",
                "confirmed": "on",
            },
        )

    assert not BulkJob.objects.exists()
