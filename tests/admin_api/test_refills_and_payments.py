"""Refills that nobody reports on, and payments by hand."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import User
from catalog.models import Service
from orders import refills
from orders.models import OrderEvent, Refill, RefillPart
from staff import approvals
from staff.audit import Origin
from staff.models import Approval, AuditEntry, Channel
from tests.admin_api.calling import Tool, make_staff, read, refusal
from tests.fixtures import balance_of, funded, nothing_moves, place, report
from wallet import audit
from wallet.models import Deposit


@pytest.fixture
def refill(customer: User, followers: Service) -> Refill:
    """A refill that was sent, and nobody knows whether it arrived."""
    order_id = place(funded(customer, "100"), followers)
    report(order_id, "Completed")
    refill_id = refills.request_refill(user_id=customer.pk, order_id=order_id)
    RefillPart.objects.update(sent_at=timezone.now())
    return Refill.objects.get(pk=refill_id)


def test_pulls_refills_in_doubt_only(tool: Tool, refill: Refill) -> None:
    data = read(tool.post("refill/pull", {"service_ids": "1042", "limit": 5}))

    assert data == {
        "count": 1,
        "list": [
            {
                "id": refill.pk,
                "order_id": refill.order_id,
                "status": "pending",
                "created": refill.created_at.strftime("%Y-%m-%d %H:%M:%S"),
                "created_timestamp": int(refill.created_at.timestamp()),
                "order": tool.data(f"orders/{refill.order_id}"),
            }
        ],
    }
    assert read(tool.post("refill/pull", {"service_ids": [7]}))["count"] == 0
    RefillPart.objects.update(provider_refill="17")
    assert read(tool.post("refill/pull"))["count"] == 0


@pytest.mark.parametrize(("word", "status"), [("completed", "Completed"), ("rejected", "Rejected")])
@pytest.mark.parametrize("field", ["ids", "id"])
def test_ends_refills(tool: Tool, refill: Refill, word: str, status: str, field: str) -> None:
    data = read(tool.post("refill/change-status", {field: refill.pk, "status": word}))

    assert data["list"][0]["message"] == f"{refill.pk}: the refill is now {status}."
    refill.refresh_from_db()
    assert (refill.status, refill.finished_at is not None) == (status, True)
    assert OrderEvent.objects.latest("pk").actor is not None
    assert AuditEntry.objects.get().operation == "refills.set_status"
    with nothing_moves():
        found = refusal(tool.post("refill/change-status", {field: refill.pk, "status": "rejected"}))
    assert found == (409, "This refill has ended; its status stays.")
    assert read(tool.post("refill/pull"))["count"] == 0


PAYMENT = {
    "username": "customer",
    "amount": 25.5,
    "method": "Perfect Money",
    "memo": "by hand",
    "reference": "B/17",
}


def test_a_payment_waits_for_a_second_person(tool: Tool, customer: User, settings: Any) -> None:
    settings.FOUR_EYES = True

    with nothing_moves():
        response = tool.post("payments/add", PAYMENT | {"affiliate_commission": False})

    approval = Approval.objects.get()
    text = f"Add funds waits for a second person as approval {approval.pk}. Nothing has moved."
    assert (response.status_code, response.json()) == (
        202,
        {
            "data": {
                "payment_id": None,
                "approval_id": approval.pk,
                "reference": "B/17",
                "message": text,
                "user": "customer",
                "amount": {"value": "25.50000", "currency_code": "USD", "formatted": "25.50 USD"},
            },
            "error_message": text,
            "error_code": 202,
        },
    )
    assert approval.reason == "Perfect Money; by hand"

    second = make_staff(username="second")
    second.groups.add(Group.objects.get(name="Finance"))
    approvals.approve(approval_id=approval.pk, actor=second, origin=Origin(Channel.ADMIN, "192.0.2.7"))

    assert balance_of(customer) == Decimal("25.5")
    assert Deposit.objects.get().external_id == "B/17"
    assert audit.audit_ledger().is_clean


def test_where_one_person_runs_the_panel_it_is_credited_at_once_and_once(
    tool: Tool, customer: User, settings: Any
) -> None:
    settings.FOUR_EYES = False

    data = read(tool.post("payments/add", PAYMENT))

    deposit = Deposit.objects.get()
    assert (data["payment_id"], data["approval_id"], data["reference"]) == (deposit.pk, None, "B/17")
    assert balance_of(customer) == Decimal("25.5")
    with nothing_moves():
        status, _ = refusal(tool.post("payments/add", PAYMENT))
    assert status == 409
    assert tool.rows("payments")[0]["memo"] == "B/17"


def test_a_memo_is_no_reference(tool: Tool, customer: User, settings: Any) -> None:
    settings.FOUR_EYES = False
    body = {"username": "customer", "amount": "1", "memo": "added via Admin API"}

    first, second = (read(tool.post("payments/add", body))["reference"] for _ in range(2))

    assert first != second
    assert first.startswith("added via Admin API ")
    assert balance_of(customer) == Decimal(2)


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"username": "nobody"}, 404, "There is no such customer."),
        ({"username": "staff"}, 404, "There is no such customer."),
        ({"amount": 0}, 400, "amount: Ensure this value is greater than or equal to 0.00001."),
        ({"amount": -5}, 400, "amount: Ensure this value is greater than or equal to 0.00001."),
        ({"amount": "0.000001"}, 400, "amount: Ensure that there are no more than 5 decimal places."),
        ({"amount": "1e30"}, 400, "amount: Ensure that there are no more than 20 digits in total."),
        ({"amount": "NaN"}, 400, "amount: A valid number is required."),
        ({"amount": {"value": 5}}, 400, "amount: A valid number is required."),
        ({"reference": "a" * 101}, 400, "reference: Ensure this field has no more than 100 characters."),
    ],
)
def test_refuses_payments_that_cannot_be(
    tool: Tool, customer: User, settings: Any, change: dict[str, Any], status: int, sentence: str
) -> None:
    settings.FOUR_EYES = False

    with nothing_moves():
        assert refusal(tool.post("payments/add", PAYMENT | change)) == (status, sentence)
    assert not Approval.objects.exists()
