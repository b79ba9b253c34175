"""Customers and staff: opened with a wallet, suspended, cut off; and nobody promotes themselves."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import suspension
from accounts.models import ApiKey, User
from staff import audit
from tests.admin.browsing import page_of, page_of_action, run_action, told
from tests.fixtures import (
    PASSWORD,
    WRITING_A_USER,
    call_api,
    funded,
    key_of,
    meanwhile,
    nothing_moves,
    post_api,
)
from wallet.models import Wallet

ADD = "/admin/accounts/user/add/"
NEW = {"username": "new.customer", "email": "new@example.com", "usable_password": "true"}
NEW |= {"password1": PASSWORD, "password2": PASSWORD, "_save": "Save"}
NEW_PASSWORD = {"usable_password": "true", "password1": "another long phrase", "password2": "another long phrase"}
NO_KEYS = {f"api_keys-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}


def save(client: Client, user: User, **changes: Any) -> Any:
    """Send a user's page with these changes."""
    fields = {"username": user.username, "email": user.email, "requests_per_second": user.requests_per_second}
    switches = {name: "on" for name in ("is_active", "is_staff", "is_superuser") if getattr(user, name)}
    return client.post(page_of(user), {**fields, **switches, **NO_KEYS, **changes})


def test_adds_a_customer_with_a_wallet(boss: Client) -> None:
    response = boss.post(ADD, NEW | {"is_customer": "on"})

    assert response.status_code == 302, response.context["adminform"].form.errors
    user = User.objects.get(username="new.customer")
    assert (user.email, user.is_staff, user.check_password(PASSWORD)) == ("new@example.com", False, True)
    assert (user.wallet.currency, user.wallet.balance) == ("USD", Decimal(0))
    assert call_api(user, action="balance") == {"balance": "0.00000", "currency": "USD"}


def test_adds_staff_without_a_wallet(boss: Client) -> None:
    boss.post(ADD, NEW)

    assert User.objects.filter(username="new.customer").exists()
    assert not Wallet.objects.exists()


def test_refused_user_leaves_no_wallet(boss: Client, customer: User) -> None:
    response = boss.post(ADD, NEW | {"is_customer": "on", "email": "CUSTOMER@example.com"})

    assert response.status_code == 200
    assert Wallet.objects.count() == 1


def test_lifts_the_rate_limit(boss: Client, customer: User) -> None:
    assert save(boss, customer, requests_per_second=500).status_code == 302

    customer.refresh_from_db()
    assert customer.requests_per_second == 500


def test_changes_a_password(boss: Client, customer: User) -> None:
    address = f"/admin/accounts/user/{customer.pk}/password/"
    assert boss.get(address).status_code == 200

    assert boss.post(address, NEW_PASSWORD).status_code == 302

    customer.refresh_from_db()
    assert customer.check_password("another long phrase")


def test_suspends_and_lets_go(boss: Client, customer: User) -> None:
    key_of(customer)

    response = run_action(boss, customer, "suspend", reason="spam")

    assert told(response) == "customer is suspended."
    assert call_api(customer, action="balance") == {"error": "Account suspended"}
    assert page_of_action(customer, "unsuspend") in boss.get(page_of(customer)).content.decode()
    run_action(boss, customer, "unsuspend", reason="spam")
    assert call_api(customer, action="balance")["currency"] == "USD"


@pytest.mark.django_db(transaction=True)
def test_a_suspension_of_the_same_moment_stays(boss: Client, customer: User) -> None:
    def suspend() -> None:
        suspension.suspend(customer.pk)
        User.objects.filter(pk=customer.pk).update(unread_tickets=7)

    with meanwhile(WRITING_A_USER, happens=suspend):
        customer.save()
    customer.refresh_from_db()
    assert not customer.is_suspended  # the control: all columns were written

    with meanwhile(WRITING_A_USER, happens=suspend):
        assert save(boss, customer, first_name="Ann", is_active="").status_code == 302
    customer.refresh_from_db()
    assert (customer.is_suspended, customer.unread_tickets) == (True, 7)
    assert (customer.first_name, customer.is_active) == ("Ann", False)

    suspension.unsuspend(customer.pk)
    with meanwhile(WRITING_A_USER, happens=suspend):
        assert boss.post(f"/admin/accounts/user/{customer.pk}/password/", NEW_PASSWORD).status_code == 302
    customer.refresh_from_db()
    assert customer.is_suspended
    assert customer.check_password("another long phrase")


def test_groups_are_saved_and_nothing_is_written_for_nothing(boss: Client, customer: User) -> None:
    group = Group.objects.create(name="Resellers")

    assert save(boss, customer, groups=group.pk).status_code == 302
    with CaptureQueriesContext(connection) as queries:
        assert save(boss, customer, groups=group.pk).status_code == 302

    assert list(customer.groups.all()) == [group]
    assert not [query for query in queries if query["sql"].startswith('UPDATE "accounts_user"')]


def test_revokes_all_keys(boss: Client, customer: User, other_customer: User) -> None:
    key, others_key = key_of(customer), key_of(other_customer)

    response = run_action(boss, customer, "revoke_keys", reason="spam")

    assert told(response) == "Revoked 1 API keys."
    assert post_api({"key": key, "action": "balance"}).json() == {"error": "Invalid API key"}
    assert "balance" in post_api({"key": others_key, "action": "balance"}).json()


def test_revokes_one_key_once(boss: Client, customer: User) -> None:
    key = key_of(customer)
    row = ApiKey.objects.get()

    assert run_action(boss, row, "revoke", reason="spam").status_code == 302
    assert run_action(boss, row, "revoke", reason="spam").status_code == 200

    assert post_api({"key": key, "action": "balance"}).json() == {"error": "Invalid API key"}


@pytest.mark.parametrize("action", ["suspend", "revoke_keys"])
def test_get_changes_nothing(boss: Client, customer: User, action: str) -> None:
    key_of(customer)

    boss.get(page_of_action(customer, action), {"confirmed": "on"})
    boss.post(page_of_action(customer, action))  # not confirmed

    customer.refresh_from_db()
    assert not customer.is_suspended
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize(
    ("action", "permissions"),
    [
        ("suspend", ["accounts.view_user", "accounts.change_apikey"]),
        ("revoke_keys", ["accounts.view_user", "accounts.change_user"]),
    ],
)
def test_refuses_staff_without_the_permission(
    make_clerk: Callable[..., Client], customer: User, action: str, permissions: list[str]
) -> None:
    key_of(customer)

    assert run_action(make_clerk(*permissions), customer, action).status_code == 403

    customer.refresh_from_db()
    assert not customer.is_suspended
    assert ApiKey.objects.get().revoked_at is None


def test_no_key_can_be_read(boss: Client, customer: User) -> None:
    key = key_of(customer)
    row = ApiKey.objects.get()

    for address in (page_of(customer), page_of(row), "/admin/accounts/apikey/"):
        page = boss.get(address).content.decode()
        assert row.hint in page
        assert key not in page
        assert bytes(row.digest).hex() not in page
        assert repr(bytes(row.digest)) not in page


def test_staff_cannot_promote_anybody(make_clerk: Callable[..., Client], customer: User) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user", "accounts.add_user")
    group = Group.objects.create(name="Bosses")

    save(clerk, customer, is_staff="on", is_superuser="on", groups=group.pk, user_permissions=1, first_name="Ann")

    customer.refresh_from_db()
    assert customer.first_name == "Ann"
    assert (customer.is_staff, customer.is_superuser) == (False, False)
    assert not customer.groups.exists()
    assert not customer.user_permissions.exists()


def test_staff_cannot_change_the_address_for_resets(make_clerk: Callable[..., Client], customer: User) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user")

    save(clerk, customer, email="mine@example.com", first_name="Ann")

    customer.refresh_from_db()
    assert (customer.email, customer.first_name) == ("customer@example.com", "Ann")


def test_staff_cannot_touch_staff(make_clerk: Callable[..., Client], staff: User) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user", "auth.change_group", "auth.add_group")
    password = staff.password

    assert save(clerk, staff, email="mine@example.com").status_code == 403
    assert clerk.post(f"/admin/accounts/user/{staff.pk}/password/", {"password1": "x"}).status_code == 403
    assert clerk.post("/admin/auth/group/add/", {"name": "Mine"}).status_code == 403

    staff.refresh_from_db()
    assert (staff.email, staff.password) == ("staff@example.com", password)


@pytest.mark.parametrize("rank", [{"is_staff": True}, {"is_superuser": True}, {"is_staff": True, "is_superuser": True}])
def test_staff_cannot_act_on_staff(make_clerk: Callable[..., Client], customer: User, rank: dict[str, bool]) -> None:
    key_of(customer)
    User.objects.filter(pk=customer.pk).update(**rank)
    permissions = ("view_user", "change_user", "view_apikey", "change_apikey")
    clerk = make_clerk(*(f"accounts.{name}" for name in permissions))

    for action in ("suspend", "unsuspend", "revoke_keys"):
        assert run_action(clerk, customer, action).status_code == 403, action
        assert page_of_action(customer, action) not in clerk.get(page_of(customer)).content.decode()
    assert run_action(clerk, ApiKey.objects.get(), "revoke", reason="spam").status_code == 403

    customer.refresh_from_db()
    assert not customer.is_suspended
    assert ApiKey.objects.get().revoked_at is None


def test_staff_act_on_customers(make_clerk: Callable[..., Client], customer: User) -> None:
    key_of(customer)
    clerk = make_clerk("accounts.view_user", "accounts.change_user", "accounts.change_apikey")

    assert run_action(clerk, customer, "revoke_keys", reason="spam").status_code == 302
    assert run_action(clerk, customer, "suspend", reason="spam").status_code == 302

    customer.refresh_from_db()
    assert customer.is_suspended
    assert ApiKey.objects.get().revoked_at is not None


def test_action_on_nobody_is_not_found(make_clerk: Callable[..., Client]) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user")

    for nobody in ("999999", "junk"):
        assert clerk.get(f"/admin/accounts/user/{nobody}/suspend").status_code in (301, 404)


def test_only_superusers_set_a_password(boss: Client, make_clerk: Callable[..., Client], customer: User) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user")
    address = f"/admin/accounts/user/{customer.pk}/password/"

    assert clerk.get(address).status_code == 403
    assert clerk.post(address, NEW_PASSWORD).status_code == 403
    assert "../password/" not in clerk.get(page_of(customer)).content.decode()
    assert "../password/" in boss.get(page_of(customer)).content.decode()

    customer.refresh_from_db()
    assert customer.check_password(PASSWORD)


def test_secret_of_a_second_factor_is_not_shown(boss: Client, staff: User) -> None:
    factor = Authenticator.objects.get()

    assert factor.data["secret"] not in boss.get(page_of(factor)).content.decode()


@pytest.mark.parametrize(
    ("page", "lookup"),
    [
        ("mfa/authenticator", "data__secret__startswith"),
        ("accounts/user", "password__startswith"),
        ("accounts/apikey", "digest__startswith"),
        ("providers/provider", "sealed_key__startswith"),
        ("admin_api/staffkey", "digest__startswith"),
    ],
)
def test_what_is_secret_is_not_asked_for_either(boss: Client, customer: User, page: str, lookup: str) -> None:
    """Letter by letter, whether a row is found would tell it."""
    for guess in ("", "p", "no such beginning"):
        response: Any = boss.get(f"/admin/{page}/", {lookup: guess})
        assert response.status_code in (302, 400)


def test_only_superusers_reset_a_second_factor(boss: Client, make_clerk: Callable[..., Client], staff: User) -> None:
    clerk = make_clerk("mfa.view_authenticator", "mfa.delete_authenticator", "mfa.change_authenticator")
    clerks = Authenticator.objects.get(user__username__startswith="clerk")

    assert clerk.post(f"/admin/mfa/authenticator/{clerks.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"/admin/mfa/authenticator/{clerks.pk}/delete/", {"post": "yes"}).status_code == 302

    assert not Authenticator.objects.filter(pk=clerks.pk).exists()


def test_finds_users_by_id_address_and_beginning_of_the_name(boss: Client, customer: User, staff: User) -> None:
    funded(customer, "12.5")

    for term in (str(customer.pk), "CUSTOMER@example.com", "custo"):
        page = boss.get("/admin/accounts/user/", {"q": term}).content.decode()
        assert page_of(customer) in page, term
        assert page_of(staff) not in page, term
        assert "12.50000 USD" in page
    assert page_of(customer) not in boss.get("/admin/accounts/user/", {"q": "ustomer"}).content.decode()


def test_users_with_money_cannot_be_deleted(boss: Client, customer: User) -> None:
    with nothing_moves():
        assert boss.post(f"/admin/accounts/user/{customer.pk}/delete/", {"post": "yes"}).status_code == 403
        delete = {"action": "delete_selected", "_selected_action": customer.pk, "post": "yes"}
        boss.post("/admin/accounts/user/", delete)

    assert User.objects.filter(pk=customer.pk).exists()
    assert customer.wallet.balance == Decimal(0)


@pytest.mark.parametrize("action", ["suspend", "revoke_keys"])
def test_what_cannot_be_written_down_is_not_done(
    boss: Client, customer: User, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """The deed and its entry of the staff log are one transaction."""

    def fail(**_entry: Any) -> None:
        raise DatabaseError("the log is full")

    monkeypatch.setattr(audit, "record", fail)

    key_of(customer)
    with pytest.raises(DatabaseError, match="the log is full"):
        run_action(boss, customer, action, reason="fraud")

    customer.refresh_from_db()
    assert not customer.is_suspended
    assert ApiKey.objects.get().revoked_at is None
