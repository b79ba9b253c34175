"""The admin's pages of staff keys: issued by and for oneself, shown once, revoked at once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from admin_api.models import StaffKey
from admin_api.scopes import Scope
from tests.admin.browsing import complaints, page_of, page_of_action, run_action
from tests.admin.conftest import boss, make_clerk  # noqa: F401 - staff at their browsers
from tests.admin_api.calling import Tool, make_staff, refusal, tool_of

ISSUE = reverse("admin:admin_api_staffkey_issue")
FORM = {"name": "Sheet", "scope_orders_read": "on", "scope_tickets_write": "on"}


def issued(response: Any) -> str:
    found = re.search(r"data-key>([0-9a-f]{64})<", response.content.decode())
    assert found is not None, response.content.decode()[:500]
    return found.group(1)


def test_shows_a_new_key_once(make_clerk: Callable[..., Client]) -> None:  # noqa: F811
    clerk = make_clerk("admin_api.add_staffkey", "admin_api.view_staffkey", "orders.view_order")

    response = clerk.post(ISSUE, FORM | {"days": "30"})

    text = issued(response)
    assert "no-store" in response.headers["Cache-Control"]
    key = StaffKey.objects.get()
    assert (key.owner.username, key.name) == ("clerk-3", "Sheet")
    assert key.scopes == ["orders:read", "tickets:write"]
    assert key.expires_at is not None
    assert 29 <= (key.expires_at - key.created_at).days <= 30
    assert Tool(text).rows("orders") == []
    for page in (clerk.get(page_of(key)), clerk.get(reverse("admin:admin_api_staffkey_changelist"))):
        assert page.status_code == 200
        assert text not in page.content.decode()
        assert key.hint in page.content.decode()


def test_nobody_issues_a_key_in_which_another_would_act(boss: Client, staff: User) -> None:  # noqa: F811
    """Or they would ask by it and be the second person themselves."""
    clerk = make_staff("orders.view_order")

    assert "owner" not in boss.get(ISSUE).content.decode().split("<form")[-1]
    issued(boss.post(ISSUE, FORM | {"owner": str(clerk.pk)}))

    assert StaffKey.objects.get().owner == staff


def test_needs_the_permission(make_clerk: Callable[..., Client]) -> None:  # noqa: F811
    clerk = make_clerk("admin_api.view_staffkey")

    assert clerk.get(ISSUE).status_code == 403
    assert clerk.post(ISSUE, FORM).status_code == 403
    assert not StaffKey.objects.exists()


@pytest.mark.parametrize("change", [{"name": ""}, {"days": "0"}, {"days": "99999"}, {"name": "a" * 61}])
def test_refuses_what_makes_no_sense(boss: Client, staff: User, change: dict[str, str]) -> None:  # noqa: F811
    complaints(boss.post(ISSUE, FORM | change))

    assert not StaffKey.objects.exists()


def test_asks_for_a_scope(boss: Client, staff: User) -> None:  # noqa: F811
    told = complaints(boss.post(ISSUE, {"name": "Sheet"}))

    assert "Choose at least one scope." in told
    assert not StaffKey.objects.exists()


def test_there_are_so_many_keys_and_no_more(boss: Client, staff: User) -> None:  # noqa: F811
    for _ in range(20):
        tool_of(staff)

    told = complaints(boss.post(ISSUE, FORM))

    assert "Revoke one first." in told
    assert StaffKey.objects.count() == 20


def test_revokes_at_once(boss: Client, staff: User) -> None:  # noqa: F811
    tool = tool_of(staff, Scope.ORDERS_READ)
    key = StaffKey.objects.get()
    assert tool.rows("orders") == []

    run_action(boss, key, "revoke", reason="spam")

    assert refusal(tool.get("orders")) == (401, "Invalid API key")
    assert "revoked already" in complaints(run_action(boss, key, "revoke", reason="spam"))


def test_a_clerk_sees_and_revokes_only_own_keys(make_clerk: Callable[..., Client], staff: User) -> None:  # noqa: F811
    clerk = make_clerk("admin_api.add_staffkey", "admin_api.view_staffkey")
    tool = tool_of(staff)
    key = StaffKey.objects.get()

    assert key.hint not in clerk.get(reverse("admin:admin_api_staffkey_changelist")).content.decode()
    assert clerk.get(page_of(key)).status_code == 302
    assert run_action(clerk, key, "revoke", reason="spam").status_code in (302, 403, 404)
    assert tool.rows("orders") == []
    assert clerk.get(page_of_action(key, "revoke")).status_code in (302, 403, 404)
