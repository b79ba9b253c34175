"""The pages on which a second person decides; a raw POST gets nobody around them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from orders.models import Order
from payments.models import BonusRule
from staff.models import Approval, AuditEntry, BulkJob
from tests.admin.browsing import complaints, list_page_of, page_of, page_of_action, run_action, told
from tests.fixtures import balance_of, funded, nothing_moves
from tests.payments.conftest import request as ask_to_pay

MANAGER = (
    "accounts.view_user", "orders.view_order", "orders.change_order", "staff.view_bulkjob", "wallet.view_wallet",
    "wallet.add_deposit", "wallet.change_wallet",
)  # fmt: skip
FINANCE = ("staff.view_approval", "staff.decide_approval")


@pytest.fixture(autouse=True)
def two_persons(one_person_is_enough: None, settings: Any) -> None:
    """Two from half a dollar on."""
    settings.FOUR_EYES = True
    settings.FOUR_EYES_ABOVE = Decimal("0.5")


@pytest.fixture
def manager(make_clerk: Callable[..., Client]) -> Client:
    """Who asks."""
    return make_clerk(*MANAGER)


@pytest.fixture
def finance(make_clerk: Callable[..., Client]) -> Client:
    """Who decides."""
    return make_clerk(*FINANCE)


def ask(client: Client, customer: User, change: str = "7") -> Approval:
    """Ask for a credit by hand."""
    run_action(client, customer.wallet, "adjust_balance", change=change, reason="a gift", request_id=str(uuid4()))
    return Approval.objects.get()


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("adjust_balance", {"change": "7", "reason": "a gift", "request_id": str(uuid4())}),
        ("add_funds", {"amount": "0.01", "reference": "Bank 17", "reason": "by phone"}),
    ],
)
def test_credit_by_hand_waits(manager: Client, customer: User, action: str, data: dict[str, str]) -> None:
    with nothing_moves():
        response = run_action(manager, customer.wallet, action, **data)

    assert response.url == page_of(customer.wallet)
    assert "waits for a second person as approval" in told(response)
    assert Approval.objects.get().state == "waiting"


def test_second_person_approves(manager: Client, finance: Client, customer: User) -> None:
    approval = ask(manager, customer)
    page = finance.get(page_of(approval)).content.decode()
    assert "a gift" in page
    assert page_of_action(approval, "approve") in page

    response = run_action(finance, approval, "approve")

    assert told(response) == "Adjusted by 7.00000 USD; the balance is now 7.00000."
    assert balance_of(customer) == Decimal(7)


def test_second_person_sees_what_has_changed_since(manager: Client, finance: Client, customer: User) -> None:
    approval = ask(manager, customer)
    assert "3.00000" not in finance.get(page_of(approval)).content.decode()
    funded(customer, "3")

    page = finance.get(page_of(approval)).content.decode()

    assert "As it is now" in page
    assert "3.00000" in page
    run_action(finance, approval, "reject", reason="no such gift")
    assert "As it is now" not in finance.get(page_of(approval)).content.decode()


def test_second_person_rejects(manager: Client, finance: Client, customer: User) -> None:
    approval = ask(manager, customer)

    with nothing_moves():
        run_action(finance, approval, "reject", reason="no such gift")
        response = run_action(finance, approval, "approve")

    assert "decided already" in complaints(response)
    approval.refresh_from_db()
    assert (approval.state, approval.outcome) == ("rejected", "no such gift")


def test_nobody_approves_their_own_by_raw_post(boss: Client, customer: User) -> None:
    approval = ask(boss, customer)
    page = boss.get(page_of(approval)).content.decode()
    assert page_of_action(approval, "reject") in page
    assert page_of_action(approval, "approve") not in page

    with nothing_moves():
        response = run_action(boss, approval, "approve")

    assert "another person" in complaints(response)


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_without_permission_nothing_is_decided(manager: Client, customer: User, action: str) -> None:
    approval = ask(manager, customer)

    with nothing_moves():
        response = manager.post(page_of_action(approval, action), {"confirmed": "on", "reason": "x"})

    assert response.status_code == 403
    approval.refresh_from_db()
    assert approval.state == "waiting"


def test_who_asked_takes_it_back_without_being_a_second_person(
    make_clerk: Callable[..., Client], customer: User
) -> None:
    clerk = make_clerk("staff.view_approval", "wallet.view_wallet", "wallet.change_wallet")
    approval = ask(clerk, customer)
    page = clerk.get(page_of(approval)).content.decode()
    assert page_of_action(approval, "reject") in page
    assert page_of_action(approval, "approve") not in page

    with nothing_moves():
        assert run_action(clerk, approval, "approve").status_code == 403
        assert run_action(clerk, approval, "reject", reason="mistaken").status_code == 302

    approval.refresh_from_db()
    assert approval.state == "rejected"


def test_second_person_reads_that_who_asked_may_not_any_more(manager: Client, finance: Client, customer: User) -> None:
    approval = ask(manager, customer)
    User.objects.filter(username=f"clerk-{len(MANAGER)}").update(is_suspended=True)

    with nothing_moves():
        assert "may not do it any more" in complaints(run_action(finance, approval, "approve"))


def test_cancel_above_the_threshold_waits(manager: Client, finance: Client, customer: User, order_id: int) -> None:
    order = Order.objects.get(pk=order_id)
    with nothing_moves():
        run_action(manager, order, "cancel", reason="by phone")

    run_action(finance, Approval.objects.get(), "approve")

    assert balance_of(customer) == Decimal(10)
    done = AuditEntry.objects.get(operation="orders.cancel_and_refund")
    assert (done.actor_name, done.before["status"], done.after["status"]) == ("clerk-7", "Pending", "Canceled")
    assert (done.approver.username, done.address) == ("clerk-2", "127.0.0.1")


@pytest.mark.parametrize(("percent", "waits"), [(10, False), (100, True)])
def test_a_deposit_weighs_what_is_given_on_top_too(
    make_clerk: Callable[..., Client], customer: User, bank: Any, settings: Any, percent: int, waits: bool
) -> None:
    settings.FOUR_EYES_ABOVE = Decimal(15)
    BonusRule.objects.create(currency="USD", from_amount=1, percent=percent)
    payment = ask_to_pay(customer, bank, "10")
    clerk = make_clerk("payments.view_payment", "payments.change_payment")

    run_action(clerk, payment, "approve", received="10", reference="Wire 17", reason="on the statement")

    assert balance_of(customer) == (0 if waits else Decimal(11))
    assert Approval.objects.exists() is waits


def test_many_below_the_threshold_wait_together(manager: Client, customer: User, order_id: int, settings: Any) -> None:
    settings.FOUR_EYES_ABOVE = Decimal("0.84999")
    data = {"action": "cancel_selected", "_selected_action": [order_id]}
    asked = manager.post(list_page_of(Order), data)
    assert "<strong>1</strong> selected, together <strong>0.85000</strong>" in asked.content.decode()
    token = asked.context["repeated"]["token"][0]

    with nothing_moves():
        response = manager.post(
            list_page_of(Order), data | {"answered": "yes", "token": token, "confirmed": "on", "reason": "x"}
        )

    job = BulkJob.objects.get()
    assert response.url == page_of(job)
    assert job.state == "asked"
    assert "waits for a second person" in manager.get(page_of(job)).content.decode()


def test_ordinary_forms_are_logged_with_what_changed(boss: Client, staff: User, followers: Any) -> None:
    page = boss.get(page_of(followers))
    data = {
        name: "" if field.value() is None else field.value()
        for form in [page.context["adminform"].form]
        for name, field in ((bound.html_name, bound) for bound in form)
    }
    for formset in page.context["inline_admin_formsets"]:
        data |= {f.html_name: f.value() for f in formset.formset.management_form}
        for form in formset.formset.initial_forms:
            data |= {f.html_name: "" if f.value() is None else f.value() for f in form}
    response = boss.post(page_of(followers), {k: v for k, v in data.items() if v is not False} | {"name": "Renamed"})

    assert response.status_code == 302, response.context["errors"]
    entry = AuditEntry.objects.get(operation="catalog.service: change")
    assert (entry.actor, entry.subject_id) == (staff, str(followers.pk))
    assert entry.before["name"] == followers.name
    assert entry.after["name"] == "Renamed"


def test_other_actions_are_logged_with_what_changed(boss: Client, staff: User, customer: User) -> None:
    run_action(boss, customer, "suspend", reason="spam")

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.operation, entry.subject_id) == (staff, "accounts.user: Suspend", str(customer.pk))
    assert (entry.before, entry.after) == ({"is_suspended": False}, {"is_suspended": True})


def test_log_is_for_the_owner_and_cannot_be_written(boss: Client, manager: Client, customer: User) -> None:
    run_action(boss, customer, "suspend", reason="spam")
    entry = AuditEntry.objects.get()

    assert "is_suspended: false → true" in boss.get(page_of(entry)).content.decode()
    assert boss.post(page_of(entry), {"reason": "x"}).status_code == 403
    assert boss.post(page_of(entry) + "../delete/").status_code in (403, 404)
    assert manager.get(page_of(entry)).status_code == 403
