"""Who may call: live keys of active staff, within their scopes and their owner's permissions; else nothing moves."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import api_keys
from accounts.models import User
from admin_api import keys, urls
from admin_api.models import StaffKey
from admin_api.scopes import Scope
from catalog.models import Service
from support.models import Message, Ticket
from tests.admin_api.calling import BASE, Tool, make_staff, read, refusal, tool_of
from tests.fixtures import funded, key_of, nothing_moves, place

INVALID = (401, "Invalid API key")


@pytest.mark.parametrize("wrong", ["", "0" * 64, "0" * 63, "x" * 64, "é" * 64, "A" * 64])
def test_refuses_wrong_keys(tool: Tool, wrong: str) -> None:
    response = Client().get(f"{BASE}/orders", headers={"X-Api-Key": wrong.encode().decode("latin-1")})

    assert refusal(response) == INVALID
    assert response.headers["WWW-Authenticate"] == "X-Api-Key"


def test_refuses_a_call_without_a_key_whoever_is_logged_in(staff: User) -> None:
    browser = Client()
    browser.force_login(staff)

    assert refusal(browser.get(f"{BASE}/orders")) == INVALID
    assert refusal(browser.get(f"{BASE}/orders?key={'0' * 64}")) == INVALID


def test_a_customers_key_is_none_of_the_staffs_and_the_reverse(staff: User, customer: User, tool: Tool) -> None:
    for owner in (customer, staff):
        assert refusal(Tool(key_of(owner)).get("orders")) == INVALID
    answer = Client().post("/api/v2", {"key": tool.text, "action": "balance"}).json()
    assert answer == {"error": "Invalid API key"}


def test_keys_are_kept_as_digests_only(staff: User) -> None:
    key, text = keys.issue_staff_key(owner=staff, name="Sheet", scopes=[Scope.ORDERS_READ])

    key.refresh_from_db()
    assert bytes(key.digest) == keys.digest_key(text)
    assert bytes(key.digest) != api_keys.digest_key(text[:32])
    assert key.hint == text[:6]
    assert text not in repr(vars(key))


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"is_suspended": True}, {"is_staff": False}], ids=lambda change: next(iter(change))
)
def test_a_key_dies_with_what_its_owner_may(staff: User, tool: Tool, change: dict[str, bool]) -> None:
    assert tool.rows("orders") == []
    User.objects.filter(pk=staff.pk).update(**change)

    assert refusal(tool.get("orders")) == INVALID


def test_revoked_and_expired_keys_are_dead(tool: Tool) -> None:
    StaffKey.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert tool.rows("orders") == []
    StaffKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refusal(tool.get("orders")) == INVALID
    StaffKey.objects.update(expires_at=None)
    keys.revoke_staff_key(key_id=StaffKey.objects.get().pk)
    assert refusal(tool.get("orders")) == INVALID


def test_notes_when_a_key_was_used(tool: Tool) -> None:
    assert StaffKey.objects.get().last_used_at is None
    tool.rows("orders")
    used = StaffKey.objects.get().last_used_at
    assert used is not None
    tool.rows("orders")
    assert StaffKey.objects.get().last_used_at == used


def all_endpoints() -> list[Any]:
    return [
        pytest.param(str(pattern.pattern), pattern.callback.cls, id=pattern.callback.cls.__name__)
        for pattern in urls._endpoints
    ]


def call(tool: Tool, path: str, view: Any) -> Any:
    path = path.replace("<int:order_id>", "1").replace("<int:ticket_id>", "1")
    return tool.get(path) if "get" in view.http_method_names else tool.post(path)


@pytest.mark.parametrize(("path", "view"), all_endpoints())
def test_every_address_asks_for_its_scope(staff: User, path: str, view: Any) -> None:
    others = [scope for scope in Scope if scope != view.scope]

    with nothing_moves():
        response = call(tool_of(staff, *others), path, view)

    assert refusal(response) == (403, f"This key has not the scope {view.scope.value}.")


@pytest.mark.parametrize(("path", "view"), all_endpoints())
def test_every_address_asks_for_each_permission_of_the_owner(db: None, path: str, view: Any) -> None:
    assert view.permissions
    for number, missing in enumerate(view.permissions):
        owner = make_staff(*(name for name in view.permissions if name != missing), username=f"clerk{number}")

        with nothing_moves():
            response = call(tool_of(owner), path, view)

        assert refusal(response) == (403, f"The owner of this key has not the permission {missing}.")


@pytest.mark.parametrize(("path", "view"), all_endpoints())
def test_scope_and_permissions_are_enough(db: None, path: str, view: Any) -> None:
    response = call(tool_of(make_staff(*view.permissions), view.scope), path, view)

    assert response.status_code in (200, 400, 404)


@pytest.mark.parametrize(("path", "view"), all_endpoints())
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused_in_json(tool: Tool, path: str, view: Any, method: str) -> None:
    path = path.replace("<int:order_id>", "1").replace("<int:ticket_id>", "1")
    response = tool.client.generic(method, f"{BASE}/{path}", headers={"X-Api-Key": tool.text})

    assert refusal(response) == (405, f'Method "{method}" not allowed.')
    assert response.headers["Allow"] == ("GET, HEAD" if "get" in view.http_method_names else "POST")


def test_a_key_may_ask_so_often_and_no_more(staff: User, settings: Any) -> None:
    settings.ADMIN_API_RATE = "3/h"
    one, other = tool_of(staff), tool_of(staff)

    for _ in range(3):
        assert one.rows("orders") == []
    response = one.get("orders")

    status, sentence = refusal(response)
    assert (status, sentence.partition(".")[0]) == (429, "Request was throttled")
    assert 0 < int(response.headers["Retry-After"]) <= 3600
    assert other.rows("orders") == []


def test_guessing_is_refused_and_right_keys_go_on(tool: Tool) -> None:
    guesser = Tool("0" * 64)
    # Twice as many as pass in a minute: another minute may begin meanwhile.
    statuses = [guesser.get("orders").status_code for _ in range(122)]

    assert statuses[:60] == [401] * 60
    assert 429 in statuses
    assert tool.rows("orders") == []


@pytest.mark.parametrize("path", ["nothing", "", "orders/x", "orders/1/nothing", "orders/-1", "../api/v2"])
def test_unknown_addresses_answer_in_json(tool: Tool, path: str) -> None:
    assert refusal(tool.get(path)) == (404, "There is no such address. See /adminapi/v2/docs.")


def test_neighbours_are_left_alone(db: None) -> None:
    assert Client().get("/adminapi/v20").headers["Content-Type"].startswith("text/html")
    assert Client().get("/adminapi").headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"{", "application/json", "The body is no JSON."),
        (b"\xff", "application/json", "The body is no JSON."),
        (b'{"username": NaN}', "application/json", "The body is no JSON."),
        (b"[" * 100_000, "application/json", "The body is no JSON."),
        (b"1" * 5000, "application/json", "The body is no JSON."),
        (b'"' + b"a" * 1024 * 1024 + b'"', "application/json", "The body is too large."),
        (b"[]", "application/json", "Invalid data. Expected a dictionary, but got list."),
        (b"username=a&" * 2000, "application/x-www-form-urlencoded", "The body is no form."),
        (b"", "application/json", "username: This field is required."),
        (b'{"email": "a\\u0000bc", "username": "abc"}', "application/json", "email: Null characters are not allowed."),
        (b'{"username": {"a": 1}}', "application/json", "username: Not a valid string."),
        (b"<a/>", "text/xml", 'Unsupported media type "text/xml" in request.'),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_hostile_bodies_are_refused_in_json(tool: Tool, body: bytes, content_type: str, sentence: str) -> None:
    with nothing_moves():
        response = tool.post("users/add", body, content_type=content_type)

    assert refusal(response) == (415 if content_type == "text/xml" else 400, sentence)
    assert not User.objects.exclude(username="staff").exists()


def test_answers_are_not_kept_by_caches_and_are_english(tool: Tool) -> None:
    response = tool.client.get(
        f"{BASE}/orders?limit=0", headers={"X-Api-Key": tool.text, "Accept-Language": "es", "Accept": "text/html"}
    )

    assert refusal(response) == (400, "limit: Ensure this value is greater than or equal to 1.")
    assert "no-store" in response.headers["Cache-Control"]


def test_a_crash_tells_nobody_what_crashed(
    tool: Tool, customer: User, followers: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(funded(customer, "10"), followers)
    monkeypatch.setattr("admin_api.order_rows.complete", None)
    monkeypatch.setattr("admin_api.order_rows.with_details", lambda _orders: 1 / 0)

    status, sentence = refusal(tool.get("orders"))

    assert (status, sentence) == (500, "Internal error. It has been recorded; nothing of this call was done.")


def test_forms_are_read_too(tool: Tool, customer: User) -> None:
    body = "username=customer&subject=Hello&message=Your+order"
    answer = tool.post("tickets/add", body, content_type="application/x-www-form-urlencoded")

    assert read(answer)["subject"] == "Hello"
    assert (Ticket.objects.count(), Message.objects.count()) == (1, 1)
