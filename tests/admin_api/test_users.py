"""GET /users and POST /users/add."""

from typing import Any

import pytest

from accounts.models import User
from catalog.models import Currency
from tests.admin_api.calling import Tool, make_staff, read, refusal, tool_of
from tests.fixtures import PASSWORD, funded
from wallet import audit
from wallet.models import Wallet

NEW = {"username": "newcomer", "email": "new@example.com", "password": PASSWORD}


def test_lists_customers_but_no_staff(tool: Tool, customer: User, other_customer: User) -> None:
    funded(customer, "12.5")
    User.objects.filter(pk=other_customer.pk).update(is_suspended=True)
    joined = User.objects.get(pk=customer.pk).date_joined

    rows = tool.rows("users")

    assert [row["username"] for row in rows] == ["other", "customer"]
    assert rows[1] == {
        "id": customer.pk,
        "username": "customer",
        "email": "customer@example.com",
        "balance": {"value": "12.50000", "currency_code": "USD", "formatted": "12.50 USD"},
        "status": "active",
        "created": joined.strftime("%Y-%m-%d %H:%M:%S"),
        "created_timestamp": int(joined.timestamp()),
        "last_auth": None,
        "last_auth_timestamp": None,
    }
    assert rows[0]["status"] == "suspended"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"username": "customer"}, ["customer"]),
        ({"username": "custo"}, []),
        ({"email": "Customer@Example.com"}, ["customer"]),
        ({"username": "customer", "email": "other@example.com"}, []),
        ({"status": "active"}, ["other", "customer"]),
        ({"status": "suspended"}, []),
        ({"ids": "2147483647"}, []),
        ({"limit": 1, "offset": 1}, ["customer"]),
    ],
)
def test_filters(tool: Tool, customer: User, other_customer: User, query: dict[str, Any], found: list[str]) -> None:
    assert [row["username"] for row in tool.rows("users", **query)] == found


def test_adds_a_customer_with_an_empty_wallet(tool: Tool) -> None:
    data = read(tool.post("users/add", NEW))

    user = User.objects.get(username="newcomer")
    assert (data["id"], data["username"], data["email"], data["status"]) == (
        user.pk, "newcomer", "new@example.com", "active",
    )  # fmt: skip
    assert data["balance"]["value"] == "0.00000"
    assert user.check_password(PASSWORD)
    assert not user.is_staff
    assert not user.is_superuser
    assert Wallet.objects.get(user=user).currency == "USD"
    assert audit.audit_ledger().is_clean


def test_a_customer_without_a_password_cannot_log_in_yet(tool: Tool) -> None:
    read(tool.post("users/add", {"username": "newcomer", "email": "new@example.com"}))

    assert not User.objects.get(username="newcomer").has_usable_password()


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"username": "Customer"}, 409, "Somebody has this user name, be it in other capitals."),
        ({"email": "CUSTOMER@example.com"}, 409, "Somebody has this mail address, be it in other capitals."),
        ({"username": "a b"}, 400, "username: Enter a valid username."),
        ({"username": "ab"}, 400, "username: Ensure this field has at least 3 characters."),
        ({"username": "a" * 151}, 400, "username: Ensure this field has no more than 150 characters."),
        ({"email": "nobody"}, 400, "email: Enter a valid email address."),
        ({"email": ""}, 400, "email: This field may not be blank."),
        ({"password": "12345678"}, 400, "password: This password is too common."),
        ({"password": "a" * 129}, 400, "password: Ensure this field has no more than 128 characters."),
        ({"username": None}, 400, "username: This field may not be null."),
    ],
)
def test_refuses_and_creates_nobody(
    tool: Tool, customer: User, change: dict[str, Any], status: int, sentence: str
) -> None:
    found_status, found = refusal(tool.post("users/add", NEW | change))

    assert (found_status, found[: len(sentence)]) == (status, sentence)
    assert set(User.objects.values_list("username", flat=True)) == {"customer", "staff"}
    assert Wallet.objects.count() == 1


def test_cannot_make_staff(usd: Currency) -> None:
    clerk = tool_of(make_staff("accounts.add_user"))
    read(clerk.post("users/add", NEW | {"is_staff": True, "is_superuser": True, "groups": [1], "is_active": False}))

    user = User.objects.get(username="newcomer")
    assert (user.is_staff, user.is_superuser, user.is_active, user.groups.count()) == (False, False, True, 0)
