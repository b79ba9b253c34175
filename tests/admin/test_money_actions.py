"""Add funds and adjust balance: once, by name, for a reason, or not at all."""

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import balance_of, funded, nothing_moves
from wallet import audit
from wallet.models import Deposit, LedgerEntry

FUNDS = {"amount": "25.50", "reference": "Bank 2026-11-22 / 17", "reason": "on the statement"}
CHANGE = {"change": "-3.25", "reason": "charged twice by phone", "request_id": str(uuid4())}
ACTIONS = [("add_funds", FUNDS), ("adjust_balance", CHANGE)]


def test_adds_funds(boss: Client, staff: User, customer: User) -> None:
    response = run_action(boss, customer.wallet, "add_funds", **FUNDS)

    assert response.url == page_of(customer.wallet)
    assert told(response) == "Added 25.50000 USD, reference Bank 2026-11-22 / 17."
    assert balance_of(customer) == Decimal("25.5")
    deposit = Deposit.objects.get()
    assert (deposit.gateway, deposit.external_id, deposit.created_by) == ("manual", FUNDS["reference"], staff)
    assert deposit.entry.actor == staff
    assert audit.audit_ledger().is_clean


def test_adjusts_down_and_up(boss: Client, staff: User, customer: User) -> None:
    funded(customer, "10")

    response = run_action(boss, customer.wallet, "adjust_balance", **CHANGE)
    run_action(boss, customer.wallet, "adjust_balance", **CHANGE | {"change": "0.00001", "request_id": str(uuid4())})

    assert told(response) == "Adjusted by -3.25000 USD; the balance is now 6.75000."
    assert balance_of(customer) == Decimal("6.75001")
    entry = LedgerEntry.objects.get(amount=Decimal("3.25"))
    assert (entry.reason, entry.actor) == (CHANGE["reason"], staff)
    assert audit.audit_ledger().is_clean


def test_customers_page_leads_to_the_wallets_forms(boss: Client, customer: User) -> None:
    for action, _ in ACTIONS:
        response = boss.get(page_of_action(customer, action), follow=True)

        assert response.redirect_chain == [(page_of_action(customer.wallet, action), 302)]
        assert response.status_code == 200


def test_member_of_the_staff_without_wallet_has_no_money_actions(boss: Client, staff: User) -> None:
    page = boss.get(page_of(staff)).content.decode()

    assert "Add funds" not in page
    assert boss.get(page_of_action(staff, "add_funds")).status_code == 404


def test_form_sent_twice_is_posted_once(boss: Client, customer: User) -> None:
    funded(customer, "10")
    run_action(boss, customer.wallet, "adjust_balance", **CHANGE)

    with nothing_moves():
        response = run_action(boss, customer.wallet, "adjust_balance", **CHANGE)

    assert "sent before" in complaints(response)


def test_each_form_shown_has_a_request_id_of_its_own(boss: Client, customer: User) -> None:
    shown = [boss.get(page_of_action(customer.wallet, "adjust_balance")).context["form"] for _ in range(2)]

    assert shown[0]["request_id"].value() != shown[1]["request_id"].value()


def test_same_reference_is_credited_once(boss: Client, customer: User) -> None:
    run_action(boss, customer.wallet, "add_funds", **FUNDS)

    with nothing_moves():
        response = run_action(boss, customer.wallet, "add_funds", **FUNDS | {"amount": "1"})

    assert "credited before" in complaints(response)


@pytest.mark.parametrize("amount", ["0", "-1", "", "abc", "NaN", "Infinity", "1.000001", "1e30", "1000000000000000"])
def test_refuses_amounts_that_are_none(boss: Client, customer: User, amount: str) -> None:
    with nothing_moves():
        complaints(run_action(boss, customer.wallet, "add_funds", **FUNDS | {"amount": amount}))

    assert Deposit.objects.count() == 0


@pytest.mark.parametrize("change", ["0", "", "abc", "NaN", "1.000001", "-10.00001"])
def test_refuses_changes_that_cannot_be(boss: Client, customer: User, change: str) -> None:
    funded(customer, "10")

    with nothing_moves():
        complaints(run_action(boss, customer.wallet, "adjust_balance", **CHANGE | {"change": change}))


@pytest.mark.parametrize(
    ("action", "missing"),
    [
        ("add_funds", "reference"),
        ("add_funds", "reason"),
        ("adjust_balance", "reason"),
        ("adjust_balance", "request_id"),
    ],
)
@pytest.mark.parametrize("blank", ["", " \n "])
def test_refuses_what_is_incomplete(boss: Client, customer: User, action: str, missing: str, blank: str) -> None:
    funded(customer, "10")

    with nothing_moves():
        response = run_action(boss, customer.wallet, action, **dict(ACTIONS)[action] | {missing: blank})

    assert missing in complaints(response)
    # Also what belongs to a hidden field is said.
    assert "This field is required" in response.content.decode()


@pytest.mark.parametrize(("action", "data"), ACTIONS)
def test_refuses_what_is_not_confirmed(boss: Client, customer: User, action: str, data: dict[str, str]) -> None:
    funded(customer, "10")

    with nothing_moves():
        assert "confirmed" in complaints(run_action(boss, customer.wallet, action, **data, confirmed=""))


@pytest.mark.parametrize(("action", "data"), ACTIONS)
def test_get_moves_nothing(boss: Client, customer: User, action: str, data: dict[str, str]) -> None:
    funded(customer, "10")

    with nothing_moves():
        response = boss.get(page_of_action(customer.wallet, action), {**data, "confirmed": "on"})

    assert response.status_code == 200


@pytest.mark.parametrize(("action", "data"), ACTIONS)
def test_refuses_staff_without_the_permission(
    make_clerk: Callable[..., Client], customer: User, action: str, data: dict[str, str]
) -> None:
    funded(customer, "10")
    other = {"add_funds": "wallet.change_wallet", "adjust_balance": "wallet.add_deposit"}[action]
    clerk = make_clerk("accounts.view_user", "accounts.change_user", "wallet.view_wallet", other)

    with nothing_moves():
        response = run_action(clerk, customer.wallet, action, **data)

    assert response.status_code == 403
    assert clerk.get(page_of_action(customer.wallet, action)).status_code == 403
    assert page_of_action(customer.wallet, action) not in clerk.get(page_of(customer.wallet)).content.decode()


@pytest.mark.parametrize(
    ("action", "data", "permission"),
    [("add_funds", FUNDS, "wallet.add_deposit"), ("adjust_balance", CHANGE, "wallet.change_wallet")],
)
def test_permission_is_enough(
    make_clerk: Callable[..., Client], customer: User, action: str, data: dict[str, str], permission: str
) -> None:
    funded(customer, "10")
    clerk = make_clerk("wallet.view_wallet", permission)

    assert run_action(clerk, customer.wallet, action, **data).status_code == 302
    assert balance_of(customer) != 10


@pytest.mark.parametrize(("action", "data"), ACTIONS)
def test_refuses_customers_and_strangers(customer: User, action: str, data: dict[str, str]) -> None:
    funded(customer, "10")
    browser = Client()
    browser.force_login(customer)

    with nothing_moves():
        for client in (browser, Client()):
            response = run_action(client, customer.wallet, action, **data)
            assert (response.status_code, "/admin/login/" in response.url) == (302, True)


def test_refuses_a_form_from_elsewhere(staff: User, boss: Client, customer: User) -> None:
    attacked = Client(enforce_csrf_checks=True)
    attacked.force_login(staff)

    with nothing_moves():
        assert run_action(attacked, customer.wallet, "add_funds", **FUNDS).status_code == 403
