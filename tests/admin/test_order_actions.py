"""Cancel and refund: one order, or a selection as a job that keeps what happened to each."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orders import submission
from orders.models import Order, OrderEvent
from staff import bulk
from staff.models import AuditEntry, BulkJob
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import balance_of, nothing_moves, place, report
from wallet import audit

LIST = "/admin/orders/order/"


def choose(client: Client, *order_ids: int, **data: Any) -> Any:
    """Run the list's action on a selection."""
    return client.post(LIST, {"action": "cancel_selected", "_selected_action": order_ids, **data})


def answer(client: Client, *order_ids: int, **changes: Any) -> Any:
    """Answer the question that the list's action asks."""
    complete = {"answered": "yes", "token": str(uuid4()), "confirmed": "on", "reason": "provider closed"}
    return choose(client, *order_ids, **complete | changes)


def test_cancels_and_refunds(boss: Client, staff: User, customer: User, order_id: int) -> None:
    order = Order.objects.get(pk=order_id)

    response = run_action(boss, order, "cancel", reason="wrong link")

    assert response.url == page_of(order)
    assert told(response) == f"{order_id}: Canceled, 0.85000 of 0.85000 refunded."
    assert balance_of(customer) == 10
    event = OrderEvent.objects.get(kind=OrderEvent.Kind.STAFF)
    assert (event.actor, event.data["reason"]) == (staff, "wrong link")
    assert AuditEntry.objects.get().actor == staff
    assert audit.audit_ledger().is_clean


def test_gives_back_the_rest_of_a_partial_order(boss: Client, customer: User, order_id: int) -> None:
    report(order_id, "Partial", remains=400)
    assert balance_of(customer) == Decimal("9.49")

    response = run_action(boss, Order.objects.get(pk=order_id), "cancel", reason="complaint")

    assert "0.85000 of 0.85000 refunded" in told(response)
    assert balance_of(customer) == 10


def test_refuses_twice(boss: Client, order_id: int) -> None:
    order = Order.objects.get(pk=order_id)
    run_action(boss, order, "cancel", reason="wrong link")

    with nothing_moves():
        response = run_action(boss, order, "cancel", reason="wrong link")

    assert "nothing left to give back" in complaints(response)
    assert page_of_action(order, "cancel") not in boss.get(page_of(order)).content.decode()


def test_refuses_while_a_run_is_being_sent(boss: Client, order_id: int) -> None:
    submission.claim_next()

    with nothing_moves():
        response = run_action(boss, Order.objects.get(pk=order_id), "cancel", reason="wrong link")

    assert "Decide that first" in complaints(response)


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_refuses_without_a_reason(boss: Client, order_id: int, reason: str) -> None:
    with nothing_moves():
        assert "reason" in complaints(run_action(boss, Order.objects.get(pk=order_id), "cancel", reason=reason))


def test_get_moves_nothing(boss: Client, order_id: int) -> None:
    order = Order.objects.get(pk=order_id)

    with nothing_moves():
        boss.get(page_of_action(order, "cancel"), {"reason": "wrong link", "confirmed": "on"})
        boss.get(f"{LIST}?action=cancel_selected&_selected_action={order_id}&answered=yes&confirmed=on&reason=x")


def test_refuses_staff_without_the_permission(make_clerk: Callable[..., Client], order_id: int) -> None:
    order = Order.objects.get(pk=order_id)
    clerk = make_clerk("orders.view_order", "orders.delete_order", "orders.change_reviewitem")

    with nothing_moves():
        assert run_action(clerk, order, "cancel", reason="wrong link").status_code == 403
        answer(clerk, order_id)
    assert "cancel_selected" not in clerk.get(LIST).content.decode()


def test_list_asks_before_it_does_anything(boss: Client, order_id: int) -> None:
    with nothing_moves():
        response = choose(boss, order_id)

    page = response.content.decode()
    assert str(order_id) in page
    for name, value in (("action", "cancel_selected"), ("answered", "yes"), ("_selected_action", order_id)):
        assert f'name="{name}" value="{value}"' in page


def test_list_says_of_each_order_what_happened(boss: Client, customer: User, followers: Any, order_id: int) -> None:
    being_sent = order_id
    submission.claim_next()
    queued, done = place(customer, followers), place(customer, followers, quantity=100)
    run_action(boss, Order.objects.get(pk=done), "cancel", reason="wrong link")

    response = answer(boss, being_sent, queued, done)
    bulk.work(seconds=10)

    job = BulkJob.objects.get()
    assert response.url == page_of(job)
    outcomes = dict(job.items.values_list("subject_id", "outcome"))
    assert outcomes[queued] == f"{queued}: Canceled, 0.85000 of 0.85000 refunded."
    assert outcomes[being_sent].startswith("A part of it is being sent")
    assert outcomes[done].startswith("Everything is canceled already")
    page = boss.get(page_of(job)).content.decode()
    assert "1 done, 2 refused, 0 waiting" in page
    assert "A part of it is being sent" in page
    assert balance_of(customer) == Decimal("9.15")
    assert audit.audit_ledger().is_clean


def test_list_leaves_the_others_alone(boss: Client, customer: User, followers: Any, order_id: int) -> None:
    other = place(customer, followers)

    answer(boss, order_id)
    bulk.work(seconds=10)

    assert Order.objects.get(pk=other).status == "Pending"


@pytest.mark.parametrize("incomplete", [{"reason": ""}, {"confirmed": ""}])
def test_list_refuses_what_is_incomplete(boss: Client, order_id: int, incomplete: dict[str, str]) -> None:
    with nothing_moves():
        complaints(answer(boss, order_id, **incomplete))


def test_list_starts_a_job_once(boss: Client, order_id: int) -> None:
    token = str(uuid4())

    assert answer(boss, order_id, token=token).url == answer(boss, order_id, token=token).url
    assert BulkJob.objects.count() == 1


@pytest.mark.parametrize("token", ["", "1", "x' OR 1=1"])
def test_list_refuses_a_form_that_is_not_its_own(boss: Client, order_id: int, token: str) -> None:
    with nothing_moves():
        answer(boss, order_id, token=token)

    assert not BulkJob.objects.exists()


def test_list_refuses_more_than_a_job_takes(
    boss: Client, customer: User, followers: Any, order_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ITEMS_MAX", 1)
    other = place(customer, followers)

    with nothing_moves():
        response = answer(boss, order_id, other)

    assert told(response) == "Select from 1 to 1 rows."
    assert not BulkJob.objects.exists()


def test_page_shows_the_whole_story(boss: Client, order_id: int) -> None:
    report(order_id, "Partial", remains=400)

    page = boss.get(page_of(Order.objects.get(pk=order_id))).content.decode()

    assert reverse("admin:wallet_ledgerentry_changelist") in page
    for fact in ("Ledger", "Runs", "Attempts", "What happened", "0.34000", "accepted", "partial", "placed", "refunded"):
        assert fact in page, fact
