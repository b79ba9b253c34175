"""A program of the owner that delivers itself: it pulls, reports, stops and refills; nothing is handed out twice."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from admin_api.scopes import Scope
from catalog.models import Service
from orders import submission, taking
from orders.models import Attempt, Cancellation, Order, Run
from providers.models import Provider
from staff import approvals
from staff.audit import Origin
from staff.models import Approval, AuditEntry, BulkJob, Channel
from tests.admin_api.calling import Tool, make_staff, read, refusal, tool_of
from tests.fixtures import LINK, balance_of, call_api, funded, nothing_moves, place, report
from wallet import audit


@pytest.fixture(autouse=True)
def threshold(settings: Any) -> None:
    """Two persons from 100 on."""
    settings.FOUR_EYES = True
    settings.FOUR_EYES_ABOVE = Decimal(100)


@pytest.fixture
def order_id(customer: User, handmade: Service) -> int:
    """An order of 1,000 at 0.85, to be delivered by hand; 99.15 are left in the wallet."""
    return place(funded(customer, "100"), handmade)


@pytest.fixture
def taken(tool: Tool, order_id: int) -> int:
    """The same, pulled."""
    assert [row["id"] for row in pull(tool)["list"]] == [order_id]
    return order_id


def pull(tool: Tool, **body: Any) -> Any:
    return read(tool.post("orders/pull", body))


def update(tool: Tool, order_id: int, **facts: Any) -> Any:
    return tool.post("orders/update", {"orders": [{"id": order_id, **facts}]})


def said(response: Any) -> str:
    """Return what the one row of an answer says, which must have been done."""
    (row,) = read(response)["list"]
    assert row["result"] == "done"
    return row["message"]


def test_hands_out_what_waits_once(tool: Tool, customer: User, handmade: Service, order_id: int) -> None:
    later = place(customer, handmade, quantity=500)
    body = tool.post("orders/pull", {"service_ids": str(handmade.pk), "limit": 1, "reason": "bot 7"}).json()

    row = body["data"]["list"][0]
    assert body == {"data": {"count": 1, "list": [row]}, "error_message": "", "error_code": 0}
    moments = {name: row.pop(name) for name in list(row) if name.startswith(("created", "last_update"))}
    assert set(moments) == {"created", "created_timestamp", "last_update", "last_update_timestamp"}
    assert row == {
        "id": order_id,
        "external_id": "",
        "user": "customer",
        "creation_type": "api",
        "charge": {"value": "0.85000", "currency_code": "USD", "formatted": "0.85 USD"},
        "link": LINK,
        "start_count": None,
        "quantity": 1000,
        "remains": 1000,
        "service_id": 3001,
        "service_name": "Handmade Followers",
        "service_type": "Default",
        "status": "in_progress",
        "provider": "By hand",
        "by_hand": {"run": 1, "quantity": 1000, "remains": 1000},
        "actions": {
            "resend": False,
            "request_cancel": True,
            "cancel_and_refund": True,
            "set_partial": True,
            "edit_link": False,
            "refill": False,
        },
        "comments": "",
        "parameters": {},
        "run": 1,
    }
    assert [row["id"] for row in pull(tool)["list"]] == [later]
    with nothing_moves():
        assert pull(tool) == {"count": 0, "list": []}
    # A tool whose answer got lost finds what it has.
    rows = tool.rows("orders", provider="By hand", order_status="in_progress", sort="date-asc")
    assert [row["id"] for row in rows] == [order_id, later]
    entry = AuditEntry.objects.earliest("seq")
    assert (entry.operation, entry.subject_id, entry.channel) == ("orders.take", str(order_id), "admin_api")
    assert entry.reason == "bot 7"
    assert entry.outcome == f"{order_id}: taken, 1000 to deliver by hand."
    assert entry.after == {"status": "In progress", "run": 1, "quantity": 1000}
    assert audit.audit_ledger().is_clean


def test_hands_out_what_has_to_be_written(tool: Tool, customer: User, make_service: Any, manual: Provider) -> None:
    service = make_service(type="Custom Comments", provider=manual, min=1)
    order_id = place(funded(customer, "100"), service, comments="So good\nWow", quantity="")

    (row,) = pull(tool)["list"]

    assert (row["quantity"], row["comments"], row["parameters"]) == (2, "So good\nWow", {"comments": "So good\nWow"})
    assert tool.data(f"orders/{order_id}")["comments"] == "So good\nWow"


@pytest.mark.parametrize("ids", [[7], "7", 7, "7,8"])
def test_hands_out_the_services_that_are_asked_for(tool: Tool, order_id: int, ids: Any) -> None:
    with nothing_moves():
        assert pull(tool, service_ids=ids) == {"count": 0, "list": []}
    assert pull(tool, service_ids=[3001, 7])["count"] == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"limit": 0}, "limit: Ensure this value is greater than or equal to 1."),
        ({"limit": 1001}, "limit: Ensure this value is less than or equal to 1000."),
        ({"service_ids": "x"}, "service_ids: Ids are whole numbers, in an array or with commas between."),
    ],
)
def test_refuses_what_makes_no_sense(tool: Tool, order_id: int, body: Any, sentence: str) -> None:
    with nothing_moves():
        assert refusal(tool.post("orders/pull", body)) == (400, sentence)


def test_needs_scope_and_permissions(staff: User, order_id: int) -> None:
    for tool in (
        tool_of(staff, Scope.ORDERS_READ),
        tool_of(make_staff("orders.view_order", username="looks")),
        tool_of(make_staff("orders.change_order", username="blind")),
    ):
        with nothing_moves():
            assert refusal(tool.post("orders/pull"))[0] == 403


def test_asks_for_the_owners_permission_itself(order_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = tool_of(make_staff("orders.view_order"))
    monkeypatch.setattr("admin_api.endpoints.Endpoint.check_permissions", lambda _self, _request: None)

    with nothing_moves():
        assert clerk.post("orders/pull").status_code == 403
    assert not AuditEntry.objects.filter(operation="orders.take").exists()


def test_all_is_handed_out_or_nothing(tool: Tool, order_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_facts: Any) -> None:
        raise RuntimeError("the log is away")

    monkeypatch.setattr("staff.audit.record", fail)

    with nothing_moves():
        assert refusal(tool.post("orders/pull"))[0] == 500


# --- Reporting --------------------------------------------------------------------------------------------------------


def test_a_whole_life(tool: Tool, customer: User, taken: int) -> None:
    assert said(update(tool, taken, status="processing")) == f"{taken}: processing, 1000 remain."
    text = f"{taken}: in progress, 400 remain."
    assert said(update(tool, taken, status="in_progress", remains=400, start_count=12)) == text
    assert call_api(customer, action="status", order=taken) == {
        "charge": "0.85000", "start_count": "12", "status": "In progress", "remains": "400", "currency": "USD",
    }  # fmt: skip
    assert tool.data(f"orders/{taken}")["by_hand"] == {"run": 1, "quantity": 1000, "remains": 400}
    assert said(update(tool, taken, remains=300)) == f"{taken}: in progress, 300 remain."
    assert said(update(tool, taken, start_count=13)) == f"{taken}: in progress, 300 remain."

    response = tool.post("orders/change-status", {"ids": taken, "status": "completed"})

    assert said(response) == f"{taken}: completed."
    assert call_api(customer, action="status", order=taken)["status"] == "Completed"
    assert tool.data(f"orders/{taken}")["by_hand"] is None
    # An answer may get lost, and a tool says it again.
    assert said(tool.post("orders/change-status", {"ids": taken, "status": "completed"})) == "It is so already."
    assert said(update(tool, taken, status="completed")) == "It is so already."
    operations = list(AuditEntry.objects.order_by("seq").values_list("operation", flat=True))
    assert operations == ["orders.take"] + ["orders.report"] * 5
    assert balance_of(customer) == Decimal("99.15")


def test_what_does_not_come_is_given_back(tool: Tool, customer: User, taken: int) -> None:
    text = f"{taken}: partial, 150 undelivered, 0.12750 given back."
    assert said(update(tool, taken, status="partial", remains=150)) == text
    assert balance_of(customer) == Decimal("99.27750")
    assert AuditEntry.objects.latest("seq").amount == Decimal("0.12750")

    text = f"{taken}: canceled, 1000 undelivered, 0.72250 given back."
    assert said(tool.post("orders/change-status", {"ids": [taken], "status": "canceled"})) == text
    assert balance_of(customer) == Decimal(100)
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"status": "pending"}, "It was taken: say that it is in_progress, processing, completed, partial or can"),
        ({"status": "error"}, "It was taken: say that it is in_progress, processing, completed, partial or can"),
        ({}, "It was taken: say that it is in_progress, processing, completed, partial or can"),
        ({"status": "partial"}, "Say how much remains: use set-partial."),
        ({"status": "partial", "remains": 1001}, "That cannot be: it has ended, or so much cannot remain."),
        ({"status": "in_progress", "remains": 1001}, "That cannot be: it has ended, or so much cannot remain."),
    ],
)
def test_refuses_what_cannot_be(tool: Tool, taken: int, facts: Any, sentence: str) -> None:
    with nothing_moves():
        status, text = refusal(update(tool, taken, **facts))
    assert (status, text[: len(sentence)]) == (409, sentence)


def test_refuses_to_take_back_an_end(tool: Tool, customer: User, taken: int) -> None:
    said(update(tool, taken, status="canceled"))

    for word in ("completed", "in_progress", "processing"):
        with nothing_moves():
            assert refusal(update(tool, taken, status=word))[0] == 409


def test_other_orders_are_answered_as_ever(
    tool: Tool, customer: User, followers: Service, handmade: Service, taken: int
) -> None:
    bought, waiting = place(customer, followers), place(customer, handmade)
    report(bought, "In progress", remains=900)

    assert waiting == Order.objects.latest("pk").pk
    for order_id, facts, text in (
        (bought, {"status": "in_progress", "remains": 5}, "A provider delivers it, and says itself how it goes."),
        (waiting, {"status": "in_progress"}, "A provider delivers it, and says itself how it goes."),
        (waiting, {"status": "completed"}, "A part of it has not left us, so nobody can have delivered it."),
    ):
        with nothing_moves():
            found = refusal(update(tool, order_id, **facts))
        assert (found[0], found[1][: len(text)]) == (409, text)
    body = {"ids": [taken, bought, 2147483647], "status": "processing"}
    response = tool.post("orders/change-status", body)
    assert (response.status_code, response.json()["error_code"]) == (200, 409)
    assert [row["result"] for row in response.json()["data"]["list"]] == ["done", "refused", "refused"]
    assert said(update(tool, waiting, status="canceled")) == f"{waiting}: Canceled, 0.85000 of 0.85000 refunded."


def let_the_interval_pass() -> None:
    Run.objects.filter(state="queued").update(due_at="2026-01-01T00:00:00Z")


def test_of_a_drip_feed_one_run_at_a_time(tool: Tool, customer: User, handmade: Service) -> None:
    order_id = place(funded(customer, "100"), handmade, quantity=300, runs=3, interval=1)
    Run.objects.update(due_at="2026-01-01T00:00:00Z")

    (row,) = pull(tool)["list"]

    assert (row["id"], row["run"], row["quantity"], row["remains"]) == (order_id, 1, 100, 100)
    assert pull(tool)["count"] == 0
    said(update(tool, order_id, status="in_progress", remains=40, start_count=5))
    whole = tool.data(f"orders/{order_id}")
    assert (whole["quantity"], whole["remains"], whole["by_hand"]["remains"]) == (300, 240, 40)
    assert said(update(tool, order_id, status="completed")) == f"{order_id}: run 1 of 3, completed."
    assert tool.data(f"orders/{order_id}")["status"] == "in_progress"
    assert pull(tool)["count"] == 0  # an interval after the first was pulled, not before

    let_the_interval_pass()
    (row,) = pull(tool)["list"]
    assert (row["run"], row["start_count"]) == (2, None)
    text = f"{order_id}: run 2 of 3, partial, 40 undelivered, 0.03400 given back."
    assert said(update(tool, order_id, run=2, status="partial", remains=40)) == text
    let_the_interval_pass()
    assert pull(tool)["list"][0]["run"] == 3
    said(update(tool, order_id, run=3, status="completed"))

    assert call_api(customer, action="status", order=order_id)["status"] == "Partial"
    assert balance_of(customer) == Decimal(100) - Decimal("0.255") + Decimal("0.034")
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize("word", ["completed", "canceled"])
def test_a_repeated_report_ends_no_other_run(tool: Tool, customer: User, handmade: Service, word: str) -> None:
    order_id = place(funded(customer, "100"), handmade, quantity=300, runs=3, interval=1)
    Run.objects.update(due_at="2026-01-01T00:00:00Z")
    pull(tool)
    said(update(tool, order_id, status="completed"))
    let_the_interval_pass()
    pull(tool)

    with nothing_moves():
        for response in (
            update(tool, order_id, status=word),
            tool.post("orders/change-status", {"ids": [order_id], "status": word}),
        ):
            assert refusal(response) == (409, "Several parts of it were taken: say of which `run` you speak.")
        assert refusal(update(tool, order_id, run=3, status=word))[0] == 409  # it is not out yet
    assert said(update(tool, order_id, run=1, status="completed")) == "It is so already."
    assert list(Run.objects.order_by("number").values_list("state", flat=True)) == [
        "completed", "in_progress", "queued",
    ]  # fmt: skip


# --- The second person ------------------------------------------------------------------------------------------------


@pytest.fixture
def dear(tool: Tool, customer: User, make_service: Any, manual: Provider) -> list[int]:
    """Two orders of 100,000 for 85.00 each, pulled: together more than one person may decide."""
    service = make_service(id=3003, provider=manual, cost="0.40")
    funded(customer, "1000")
    orders = [place(customer, service, quantity=100_000) for _ in range(2)]
    assert pull(tool)["count"] == 2
    return orders


def second_person() -> User:
    user = make_staff(username="second")
    user.groups.add(Group.objects.get(name="Finance"))
    return user


def test_a_refund_worth_much_waits_for_a_second_person(
    tool: Tool, customer: User, make_service: Any, manual: Provider
) -> None:
    service = make_service(rate=Decimal(2), provider=manual)
    order_id = place(funded(customer, "1000"), service, quantity=100_000)
    pull(tool)

    with nothing_moves():
        for response in (
            update(tool, order_id, status="partial", remains=60_000),
            tool.post("orders/change-status", {"ids": [order_id], "status": "canceled"}),
        ):
            assert (response.status_code, response.json()["error_code"]) == (202, 202)
    said(update(tool, order_id, status="partial", remains=40_000))

    first, second = Approval.objects.order_by("pk")
    assert (first.amount, second.amount) == (Decimal(120), Decimal(200))
    assert first.arguments == {"run": 1, "status": "Partial", "remains": 60_000}
    origin = Origin(Channel.ADMIN, "192.0.2.7")
    approvals.approve(approval_id=first.pk, actor=second_person(), origin=origin)
    assert balance_of(customer) == Decimal(920)
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize("path", ["orders/update", "orders/change-status"])
def test_a_list_of_small_amounts_is_no_way_around(tool: Tool, dear: list[int], path: str) -> None:
    body = {"ids": dear, "status": "canceled", "orders": [{"id": one, "status": "canceled"} for one in dear]}

    with nothing_moves():
        status, text = refusal(tool.post(path, body))

    assert (status, text.partition(".")[0]) == (
        409, f"{dear[0]}: Together these refunds are more than one person may decide",
    )  # fmt: skip
    assert not BulkJob.objects.exists()
    assert read(tool.post(path, {"ids": dear[:1], "status": "canceled", "orders": body["orders"][:1]}))["count"] == 1


def test_what_moves_nothing_is_done_all_the_same(
    tool: Tool, customer: User, handmade: Service, dear: list[int]
) -> None:
    cheap = place(customer, handmade)
    assert pull(tool)["count"] == 1
    orders = [{"id": one, "status": "canceled"} for one in dear] + [{"id": cheap, "status": "completed"}]

    response = tool.post("orders/update", {"orders": orders})

    assert [row["result"] for row in response.json()["data"]["list"]] == ["refused", "refused", "done"]
    assert call_api(customer, action="status", order=cheap)["status"] == "Completed"
    assert balance_of(customer) == Decimal("829.15")


def test_asked_again_it_waits_once(tool: Tool, customer: User, make_service: Any, manual: Provider) -> None:
    service = make_service(rate=Decimal(2), provider=manual)
    order_id = place(funded(customer, "1000"), service, quantity=100_000)
    pull(tool)

    first, again = (update(tool, order_id, status="partial", remains=60_000) for _ in range(2))

    rows = [response.json()["data"]["list"][0] for response in (first, again)]
    assert [row["result"] for row in rows] == ["waiting", "waiting"]
    assert rows[0]["approval_id"] == rows[1]["approval_id"] == Approval.objects.get().pk
    assert AuditEntry.objects.filter(operation="approval.ask").count() == 1


def test_nor_is_a_list_of_both_kinds(tool: Tool, customer: User, followers: Service, dear: list[int]) -> None:
    bought = place(customer, followers, quantity=100_000)

    with nothing_moves():
        status, _ = refusal(tool.post("orders/change-status", {"ids": [dear[0], bought], "status": "canceled"}))

    assert status == 409


# --- Requests of customers --------------------------------------------------------------------------------------------


def test_a_customers_cancel_is_for_the_tool_to_decide(tool: Tool, customer: User, taken: int) -> None:
    assert call_api(customer, action="cancel", orders=taken) == [{"order": taken, "cancel": 1}]

    (row,) = read(tool.post("cancel/pull", {"limit": 10}))["list"]
    assert (row["id"], row["answer"]) == (taken, "delivered by hand: whoever does decides")
    assert row["order"]["by_hand"] == {"run": 1, "quantity": 1000, "remains": 1000}
    said(update(tool, taken, status="partial", remains=700))

    assert read(tool.post("cancel/pull"))["count"] == 0
    assert balance_of(customer) == Decimal("99.74500")


def test_a_customers_cancel_may_be_rejected(tool: Tool, customer: User, taken: int) -> None:
    call_api(customer, action="cancel", orders=taken)

    assert said(tool.post("cancel/reject", {"ids": taken})) == (
        f"{taken}: the request to cancel it is rejected; it goes on."
    )

    assert not Cancellation.objects.exists()
    said(update(tool, taken, status="completed"))
    assert call_api(customer, action="status", order=taken)["status"] == "Completed"


def test_what_was_not_taken_is_canceled_at_once(tool: Tool, customer: User, order_id: int) -> None:
    call_api(customer, action="cancel", orders=order_id)

    assert balance_of(customer) == Decimal(100)
    with nothing_moves():
        assert pull(tool)["count"] == 0
        assert read(tool.post("cancel/pull"))["count"] == 0


def test_staff_may_ask_the_tool_to_stop(tool: Tool, taken: int) -> None:
    said(tool.post("orders/request-cancel", {"ids": taken}))

    assert [row["id"] for row in read(tool.post("cancel/pull"))["list"]] == [taken]


def test_a_refill_is_for_the_tool_to_deliver(tool: Tool, customer: User, taken: int) -> None:
    said(update(tool, taken, status="completed"))
    refill_id = int(call_api(customer, action="refill", order=taken)["refill"])

    (row,) = read(tool.post("refill/pull", {"service_ids": "3001"}))["list"]
    assert (row["id"], row["order_id"], row["status"]) == (refill_id, taken, "pending")
    assert read(tool.post("refill/pull", {"service_ids": "7"}))["count"] == 0
    assert read(tool.post("refill/change-status", {"id": refill_id, "status": "completed"}))["count"] == 1

    assert read(tool.post("refill/pull"))["count"] == 0
    assert call_api(customer, action="refill_status", refill=refill_id) == {"status": "Completed"}


def test_workers_and_pulls_share_nothing(tool: Tool, customer: User, followers: Service, order_id: int) -> None:
    bought = place(customer, followers)

    assert [row["id"] for row in pull(tool)["list"]] == [order_id]
    claim = submission.claim_next()

    assert claim is not None
    assert claim.run.order_id == bought
    assert submission.claim_next() is None
    assert Attempt.objects.count() == 2
    assert taking.TAKEN_MAX == 100  # as the documentation says
