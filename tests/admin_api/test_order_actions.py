"""What tools do to orders: done as in the admin, logged, weighed; refused with nothing moved."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from catalog.models import Service
from orders import cancellations, holds, submission
from orders.models import Cancellation, Order, OrderEvent, Run
from staff import approvals, bulk
from staff.audit import Origin
from staff.models import Approval, AuditEntry, BulkJob, Channel
from tests.admin_api.calling import Tool, make_staff, read, refusal, tool_of
from tests.fixtures import LINK, accept_due, balance_of, funded, nothing_moves, place, report
from wallet import audit

OTHER_LINK = "https://instagram.com/other"


@pytest.fixture(autouse=True)
def threshold(settings: Any) -> None:
    """Two persons from 100 on."""
    settings.FOUR_EYES = True
    settings.FOUR_EYES_ABOVE = Decimal(100)


@pytest.fixture
def order_id(customer: User, followers: Service) -> int:
    """An order of 1,000 at 0.85, queued; 99.15 are left in the wallet."""
    return place(funded(customer, "100"), followers)


def done(response: Any) -> list[tuple[int, str]]:
    data = read(response)
    assert data["count"] == len(data["list"])
    assert {row["result"] for row in data["list"]} == {"done"}
    assert {row["approval_id"] for row in data["list"]} == {None}
    return [(row["id"], row["message"]) for row in data["list"]]


def logged() -> list[tuple[str, str, str, str]]:
    return [
        (entry.operation, entry.subject_id, entry.channel, entry.reason) for entry in AuditEntry.objects.order_by("seq")
    ]


@pytest.mark.parametrize("ids", [str, lambda one: [one], lambda one: one, lambda one: [f"{one}"]])
def test_cancels_and_refunds(tool: Tool, customer: User, order_id: int, ids: Any) -> None:
    response = tool.post("orders/cancel", {"ids": ids(order_id), "reason": "asked by phone"})

    assert done(response) == [(order_id, f"{order_id}: Canceled, 0.85000 of 0.85000 refunded.")]
    assert Order.objects.get().status == "Canceled"
    assert balance_of(customer) == Decimal(100)
    assert logged() == [("orders.cancel_and_refund", str(order_id), "admin_api", "asked by phone")]
    assert AuditEntry.objects.get().address == "127.0.0.1"
    assert audit.audit_ledger().is_clean


def test_a_tool_without_a_reason_is_the_reason(tool: Tool, order_id: int) -> None:
    done(tool.post("orders/cancel", {"ids": [order_id]}))

    assert logged()[0][3] == f"Admin API, Test ({tool.text[:6]}…)"


@pytest.mark.parametrize("in_body", [False, True])
def test_changes_the_link_of_what_has_not_left(tool: Tool, order_id: int, in_body: bool) -> None:
    path = "orders/edit-link" if in_body else f"orders/{order_id}/edit-link"
    body = {"link": OTHER_LINK} | ({"id": order_id} if in_body else {})

    assert done(tool.post(path, body)) == [(order_id, f"{order_id}: the link is changed for 1 run.")]
    assert Order.objects.get().link == OTHER_LINK
    assert refusal(tool.post(path, body)) == (409, "It is so already.")


def test_does_not_change_the_link_of_what_a_provider_has(tool: Tool, order_id: int) -> None:
    accept_due()

    with nothing_moves():
        found = refusal(tool.post(f"orders/{order_id}/edit-link", {"link": OTHER_LINK}))

    assert found == (409, "A provider has it. Sent once more, it would be delivered and paid for twice.")
    assert Order.objects.get().link == LINK
    assert logged() == []


@pytest.mark.parametrize("in_body", [False, True])
def test_sets_partial(tool: Tool, customer: User, order_id: int, in_body: bool) -> None:
    report(order_id, "In progress", remains=900)
    path = "orders/set-partial" if in_body else f"orders/{order_id}/set-partial"
    body = {"remains": 400, "start_count": 7} | ({"id": order_id} if in_body else {})

    assert done(tool.post(path, body)) == [(order_id, f"{order_id}: partial, 400 undelivered, 0.34000 given back.")]
    order = Order.objects.get()
    assert (order.status, order.remains, order.start_count, order.refunded) == ("Partial", 400, 7, Decimal("0.34"))
    assert balance_of(customer) == Decimal("99.49")
    assert [entry[0] for entry in logged()] == ["orders.set_partial", "orders.set_start_count"]
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize("remains", [0, 1000, 1001, 2**31 - 1])
def test_refuses_to_set_partial_what_cannot_remain(tool: Tool, order_id: int, remains: int) -> None:
    report(order_id, "In progress", remains=900)

    with nothing_moves():
        status, _ = refusal(tool.post(f"orders/{order_id}/set-partial", {"remains": remains}))

    assert status == 409


def test_completes(tool: Tool, customer: User, order_id: int) -> None:
    report(order_id, "In progress", remains=900)

    assert done(tool.post("orders/change-status", {"ids": [order_id], "status": "completed"})) == [
        (order_id, f"{order_id}: completed.")
    ]
    assert Order.objects.get().status == "Completed"
    assert balance_of(customer) == Decimal("99.15")


def test_cancels_by_status(tool: Tool, order_id: int) -> None:
    done(tool.post("orders/change-status", {"ids": [order_id], "status": "canceled"}))

    assert Order.objects.get().status == "Canceled"


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("pending", "A provider delivers it, and says itself how it goes."),
        ("in_progress", "A provider delivers it, and says itself how it goes."),
        ("fail", "A provider delivers it, and says itself how it goes."),
        ("partial", "Say how much remains: use set-partial."),
    ],
)
def test_refuses_statuses_that_only_providers_give(tool: Tool, order_id: int, word: str, sentence: str) -> None:
    with nothing_moves():
        assert refusal(tool.post("orders/change-status", {"ids": [order_id], "status": word})) == (409, sentence)


def test_asks_the_provider_to_stop(tool: Tool, order_id: int) -> None:
    report(order_id, "In progress", remains=900)

    assert done(tool.post("orders/request-cancel", {"ids": str(order_id)})) == [
        (order_id, f"{order_id}: the provider is asked to stop it.")
    ]
    assert Cancellation.objects.get().forward_at is not None
    with nothing_moves():
        found = refusal(tool.post("orders/request-cancel", {"ids": str(order_id)}))
    assert found == (409, "The provider is being asked to stop it already.")


def test_resends_what_was_held_and_never_what_a_provider_has(tool: Tool, order_id: int) -> None:
    holds.hold_run(Run.objects.get(), because="it costs more than it brings")

    assert done(tool.post("orders/resend", {"ids": [order_id]})) == [(order_id, f"{order_id}: 1 run to be sent now.")]
    assert Run.objects.get().held_at is None
    accept_due()
    with nothing_moves():
        status, sentence = refusal(tool.post("orders/resend", {"ids": [order_id]}))
    assert (status, sentence[:17]) == (409, "A provider has it")


def test_does_not_touch_what_is_in_doubt(tool: Tool, order_id: int) -> None:
    claim = submission.claim_next()
    assert claim is not None
    submission.record_unknown(claim.attempt.pk, evidence="read timed out")

    for path, body in {
        "orders/cancel": {"ids": [order_id]},
        "orders/resend": {"ids": [order_id]},
        "orders/set-partial": {"id": order_id, "remains": 5},
        "orders/edit-link": {"id": order_id, "link": OTHER_LINK},
        "orders/change-status": {"ids": [order_id], "status": "completed"},
    }.items():
        with nothing_moves():
            status, sentence = refusal(tool.post(path, body))
        assert (status, sentence[:41]) == (409, "A part of it is being sent right now or w"), path


def test_some_done_some_refused(tool: Tool, customer: User, followers: Service, order_id: int) -> None:
    second = place(customer, followers)
    done(tool.post("orders/cancel", {"ids": [order_id]}))

    response = tool.post("orders/cancel", {"ids": [order_id, second, 2147483647]})

    assert response.status_code == 200
    assert response.json() == {
        "data": {
            "count": 3,
            "list": [
                {
                    "id": order_id,
                    "result": "refused",
                    "message": "Everything is canceled already; there is nothing left to give back.",
                    "approval_id": None,
                },
                {
                    "id": second,
                    "result": "done",
                    "message": f"{second}: Canceled, 0.85000 of 0.85000 refunded.",
                    "approval_id": None,
                },
                {"id": 2147483647, "result": "refused", "message": "Not found.", "approval_id": None},
            ],
        },
        "error_message": f"{order_id}: Everything is canceled already; there is nothing left to give back.",
        "error_code": 409,
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("orders/cancel", {"ids": "2147483647"}),
        ("orders/request-cancel", {"ids": "2147483647"}),
        ("orders/resend", {"ids": "2147483647"}),
        ("orders/change-status", {"ids": "2147483647", "status": "completed"}),
        ("orders/change-status", {"ids": "2147483647", "status": "processing"}),
        ("orders/edit-link", {"id": 2147483647, "link": OTHER_LINK}),
        ("orders/2147483647/edit-link", {"link": OTHER_LINK}),
        ("orders/99999999999999999999/edit-link", {"link": OTHER_LINK}),
        ("orders/set-partial", {"id": 2147483647, "remains": 1}),
        ("orders/99999999999999999999/set-partial", {"remains": 1}),
        ("orders/update", {"orders": [{"id": 2147483647, "status": "completed"}]}),
        ("orders/update", {"orders": [{"id": 2147483647}]}),
        ("cancel/reject", {"ids": "2147483647"}),
        ("refill/change-status", {"ids": "2147483647", "status": "completed"}),
    ],
)
def test_unknown_ids_are_not_found(tool: Tool, order_id: int, path: str, body: dict[str, Any]) -> None:
    with nothing_moves():
        assert refusal(tool.post(path, body)) == (404, "Not found.")


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("orders/cancel", {}, "ids: This field is required."),
        ("orders/cancel", {"ids": []}, "ids: Name at least one id."),
        ("orders/cancel", {"ids": [True]}, "ids: Ids are whole numbers, in an array or with commas between."),
        ("orders/cancel", {"ids": {"a": 1}}, "ids: Name at least one id."),
        ("orders/cancel", {"ids": [1.5]}, "ids: Ids are whole numbers, in an array or with commas between."),
        ("orders/cancel", {"ids": ["1 or 1=1"]}, "ids: Ids are whole numbers, in an array or with commas between."),
        ("orders/cancel", {"ids": list(range(1, 102))}, "ids: At most 100 ids at once."),
        (
            "orders/cancel",
            {"ids": 1, "reason": "a" * 301},
            "reason: Ensure this field has no more than 300 characters.",
        ),
        ("orders/change-status", {"ids": 1, "status": "Completed"}, 'status: "Completed" is not a valid choice.'),
        ("orders/set-partial", {"id": 1, "remains": -1}, "remains: Ensure this value is greater than or equal to 0."),
        ("orders/set-partial", {"id": 1, "remains": 1e99}, "remains: A valid integer is required."),
        ("orders/edit-link", {"id": 1, "link": ""}, "link: This field may not be blank."),
        (
            "orders/edit-link",
            {"id": 1, "link": "a" * 2049},
            "link: Ensure this field has no more than 2048 characters.",
        ),
        ("orders/update", {"orders": []}, "orders: Ensure this field has at least 1 elements."),
        ("orders/update", {"orders": "x"}, 'orders: Expected a list of items but got type "str".'),
        ("orders/update", {"orders": [{"id": 1}, {"id": "x"}]}, "orders: 1: id: A valid integer is required."),
        ("refill/change-status", {"status": "completed"}, "ids: Name at least one id."),
        ("refill/change-status", {"ids": 1, "status": "pending"}, 'status: "pending" is not a valid choice.'),
        ("cancel/pull", {"limit": 1001}, "limit: Ensure this value is less than or equal to 1000."),
    ],
)
def test_refuses_what_makes_no_sense(tool: Tool, order_id: int, path: str, body: dict[str, Any], sentence: str) -> None:
    with nothing_moves():
        assert refusal(tool.post(path, body)) == (400, sentence)


def test_updates_each_as_it_stands(tool: Tool, customer: User, followers: Service, order_id: int) -> None:
    partial, canceled, counted, refused = (place(customer, followers) for _ in range(4))
    for order in (order_id, partial, counted, refused):
        report(order, "In progress", remains=900)

    response = tool.post(
        "orders/update",
        {
            "orders": [
                {"id": order_id, "status": "completed", "start_count": 1, "remains": 0},
                {"id": partial, "status": "partial", "remains": 10},
                {"id": canceled, "status": "canceled"},
                {"id": counted, "start_count": 55},
                {"id": refused, "status": "in_progress", "remains": 5},
            ]
        },
    )

    body = response.json()
    assert (response.status_code, body["error_code"]) == (200, 409)
    assert body["error_message"] == f"{refused}: A provider delivers it, and says itself how it goes."
    assert [row["result"] for row in body["data"]["list"]] == ["done"] * 4 + ["refused"]
    orders = {order.pk: order for order in Order.objects.all()}
    assert orders[order_id].status == "Completed"
    assert (orders[partial].status, orders[partial].remains) == ("Partial", 10)
    assert orders[canceled].status == "Canceled"
    assert orders[counted].start_count == 55
    assert (orders[refused].status, orders[refused].remains) == ("In progress", 900)
    assert audit.audit_ledger().is_clean


# --- The second person ------------------------------------------------------------------------------------------------


@pytest.fixture
def dear(customer: User, followers: Service) -> int:
    """An order of 100,000 for 85.00; two of them are more than one person may decide."""
    return place(funded(customer, "1000"), followers, quantity=100_000)


def second_person() -> User:
    user = make_staff(username="second")
    user.groups.add(Group.objects.get(name="Finance"))
    return user


def test_what_is_worth_much_waits_for_a_second_person(
    tool: Tool, customer: User, make_service: Any, staff: User
) -> None:
    service = make_service(rate=Decimal(2))
    order_id = place(funded(customer, "1000"), service, quantity=100_000)

    with nothing_moves():
        response = tool.post("orders/cancel", {"ids": [order_id]})

    approval = Approval.objects.get()
    text = f"Cancel and refund waits for a second person as approval {approval.pk}. Nothing has moved."
    assert (response.status_code, response.json()) == (
        202,
        {
            "data": {
                "count": 1,
                "list": [{"id": order_id, "result": "waiting", "message": text, "approval_id": approval.pk}],
            },
            "error_message": text,
            "error_code": 202,
        },
    )
    assert (approval.channel, approval.requested_by, approval.amount) == ("admin_api", staff, Decimal(200))

    approvals.approve(approval_id=approval.pk, actor=second_person(), origin=Origin(Channel.ADMIN, "192.0.2.7"))

    assert Order.objects.get().status == "Canceled"
    assert balance_of(customer) == Decimal(1000)


def test_a_list_of_small_amounts_is_no_way_around(tool: Tool, customer: User, followers: Service, dear: int) -> None:
    second = place(customer, followers, quantity=100_000)

    with nothing_moves():
        response = tool.post("orders/cancel", {"ids": [dear, second, 2147483647]})

    assert response.status_code == 202
    body = response.json()
    job = BulkJob.objects.get()
    assert (job.item_count, job.state, job.amount) == (2, "asked", Decimal(170))
    assert [(row["id"], row["result"], row["approval_id"]) for row in body["data"]["list"]] == [
        (dear, "waiting", job.approval.pk),
        (second, "waiting", job.approval.pk),
        (2147483647, "refused", None),
    ]
    assert body["error_code"] == 202


def test_a_list_that_is_sent_again_waits_once(tool: Tool, customer: User, followers: Service, dear: int) -> None:
    ids = [dear, place(customer, followers, quantity=100_000)]

    answers = [tool.post("orders/cancel", {"ids": some}).json() for some in (ids, ids[::-1])]

    assert BulkJob.objects.count() == 1
    assert {row["approval_id"] for answer in answers for row in answer["data"]["list"]} == {Approval.objects.get().pk}


def test_a_list_that_weighs_less_by_then_is_under_way(
    tool: Tool, customer: User, followers: Service, dear: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = place(customer, followers, quantity=100_000)
    create = bulk.create_job

    def create_later(name: str, **facts: Any) -> BulkJob:
        cancellations.cancel_and_refund(order_id=second, reason="meanwhile", actor_id=None)
        return create(name, **facts)

    monkeypatch.setattr(bulk, "create_job", create_later)

    response = tool.post("orders/cancel", {"ids": [dear, second]})

    assert response.status_code == 202
    assert [row["approval_id"] for row in response.json()["data"]["list"]] == [None, None]
    assert "under way as bulk job" in response.json()["data"]["list"][0]["message"]
    assert BulkJob.objects.get().state == "running"


def test_nor_is_an_update(tool: Tool, customer: User, followers: Service, dear: int) -> None:
    second = place(customer, followers, quantity=100_000)
    orders = [{"id": one, "status": "canceled"} for one in (dear, second)]

    with nothing_moves():
        status, sentence = refusal(tool.post("orders/update", {"orders": orders}))

    assert (status, sentence.partition(".")[0]) == (
        409,
        f"{dear}: Together these refunds are more than one person may decide",
    )


def test_operations_ask_for_the_owners_permission_themselves(order_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = tool_of(make_staff("orders.view_order"))
    monkeypatch.setattr("admin_api.endpoints.Endpoint.check_permissions", lambda _self, _request: None)

    for path, body in {
        "orders/cancel": {"ids": [order_id]},
        "orders/edit-link": {"id": order_id, "link": OTHER_LINK},
        "orders/update": {"orders": [{"id": order_id, "status": "canceled"}]},
        "payments/add": {"username": "customer", "amount": "5"},
    }.items():
        with nothing_moves():
            assert clerk.post(path, body).status_code == 403
    assert not Approval.objects.exists()


def test_hands_out_nothing_that_workers_may_send(tool: Tool, order_id: int) -> None:
    with nothing_moves():
        assert read(tool.post("orders/pull", {"service_ids": "1042", "limit": 100})) == {"count": 0, "list": []}


# --- Requests of customers --------------------------------------------------------------------------------------------


@pytest.fixture
def request_id(order_id: int) -> int:
    """A request to cancel that the provider refused."""
    report(order_id, "In progress", remains=900)
    Cancellation.objects.create(order_id=order_id, forward_at=None, answer="cannot be canceled")
    return order_id


def test_pulls_requests_that_nobody_decided(tool: Tool, request_id: int) -> None:
    data = read(tool.post("cancel/pull", {"limit": 10}))

    assert data["count"] == 1
    row = data["list"][0]
    assert (row["id"], row["order_id"], row["answer"]) == (request_id, request_id, "cannot be canceled")
    assert row["order"] == tool.data(f"orders/{request_id}")
    assert read(tool.post("cancel/pull", {"service_ids": "7"})) == {"count": 0, "list": []}
    assert read(tool.post("cancel/pull", {"service_ids": "1042"}))["count"] == 1
    assert read(tool.post("cancel/pull"))["count"] == 1
    Cancellation.objects.update(forward_at="2026-01-01T00:00:00Z")
    assert read(tool.post("cancel/pull"))["count"] == 0


def test_rejects_a_request_and_the_order_goes_on(tool: Tool, request_id: int) -> None:
    assert done(tool.post("cancel/reject", {"ids": str(request_id), "reason": "delivered by now"})) == [
        (request_id, f"{request_id}: the request to cancel it is rejected; it goes on.")
    ]

    assert not Cancellation.objects.exists()
    event = OrderEvent.objects.latest("pk")
    assert (event.kind, event.data) == ("staff", {"what": "cancel_rejected", "reason": "delivered by now"})
    assert Order.objects.get().status == "In progress"
    assert refusal(tool.post("cancel/reject", {"ids": str(request_id)})) == (
        409,
        "Nobody has asked for it to be canceled.",
    )


def test_does_not_reject_what_a_provider_is_being_asked(tool: Tool, request_id: int) -> None:
    Cancellation.objects.update(forward_at="2026-01-01T00:00:00Z")

    with nothing_moves():
        found = refusal(tool.post("cancel/reject", {"ids": str(request_id)}))

    assert found == (409, "The provider is being asked to stop it already.")


def test_does_not_reject_for_an_order_that_has_ended(tool: Tool, request_id: int) -> None:
    report(request_id, "Canceled")

    with nothing_moves():
        status, _ = refusal(tool.post("cancel/reject", {"ids": str(request_id)}))

    assert status == 409
    assert read(tool.post("cancel/pull"))["count"] == 0
