"""Tickets: read, answered and begun by tools."""

from typing import Any

import pytest

from accounts.models import User
from support import tickets
from support.models import Message, Ticket
from tests.admin_api.calling import Tool, read, refusal


@pytest.fixture
def ticket(customer: User) -> Ticket:
    ticket_id = tickets.open_ticket(
        customer_id=customer.pk, subject=Ticket.Subject.ORDER, title="Where is it?", text="My order has not begun."
    )
    return Ticket.objects.get(pk=ticket_id)


def written(moment: Any) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def test_lists_and_shows(tool: Tool, ticket: Ticket) -> None:
    message = Message.objects.get()
    listed = {
        "id": ticket.pk,
        "user": "customer",
        "subject": "Where is it?",
        "department": "order",
        "status": "pending",
        "is_read": False,
        "created": written(ticket.created_at),
        "created_timestamp": int(ticket.created_at.timestamp()),
        "last_update": written(message.at),
        "last_update_timestamp": int(message.at.timestamp()),
    }

    assert tool.rows("tickets") == [listed]
    assert tool.data(f"tickets/{ticket.pk}") == listed | {
        "messages": [
            {
                "id": message.pk,
                "sender_name": "customer",
                "is_staff": False,
                "message": "My order has not begun.",
                "created": written(message.at),
                "created_timestamp": int(message.at.timestamp()),
                "files": [],
            }
        ]
    }
    assert tool.rows("tickets")[0]["is_read"] is False


def test_filters(tool: Tool, ticket: Ticket) -> None:
    for query in ({"status": "pending"}, {"status": "closed,pending"}, {"user": "customer"}, {"ids": str(ticket.pk)}):
        assert len(tool.rows("tickets", **query)) == 1
    for query in ({"status": "answered"}, {"user": "other"}, {"ids": "2147483647"}):
        assert tool.rows("tickets", **query) == []


def test_shows_files_without_their_content(tool: Tool, customer: User, ticket: Ticket) -> None:
    upload = tickets.Upload(name="note.txt", content=b"hello")
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="See the file.", uploads=[upload])

    files = tool.data(f"tickets/{ticket.pk}")["messages"][1]["files"]

    assert files == [{"name": "note.txt", "content_type": "text/plain", "size": 5}]


@pytest.mark.parametrize("in_body", [False, True])
def test_answers(tool: Tool, staff: User, customer: User, ticket: Ticket, in_body: bool) -> None:
    body: dict[str, Any] = {"message": "It has begun now."}
    path = "tickets/reply" if in_body else f"tickets/{ticket.pk}/reply"
    data = read(tool.post(path, body | ({"ticket_id": ticket.pk} if in_body else {})))

    assert (data["status"], data["is_read"]) == ("answered", True)
    assert [(one["sender_name"], one["is_staff"], one["message"]) for one in data["messages"]] == [
        ("customer", False, "My order has not begun."),
        ("staff", True, "It has begun now."),
    ]
    ticket.refresh_from_db()
    assert (ticket.is_unread_by_customer, ticket.owes_customer_mail) == (True, True)
    assert User.objects.get(pk=customer.pk).unread_tickets == 1


def test_answers_and_closes(tool: Tool, ticket: Ticket) -> None:
    data = read(tool.post(f"tickets/{ticket.pk}/reply", {"message": "Done.", "close": True}))

    assert data["status"] == "closed"


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("tickets/2147483647/reply", {"message": "Hello"}, (404, "Not found.")),
        ("tickets/99999999999999999999/reply", {"message": "Hello"}, (404, "Not found.")),
        ("tickets/{id}/reply", {}, (400, "message: This field is required.")),
        ("tickets/{id}/reply", {"message": "  "}, (400, "message: This field may not be blank.")),
        (
            "tickets/{id}/reply",
            {"message": "a" * 5001},
            (400, "message: Ensure this field has no more than 5000 characters."),
        ),
        ("tickets/reply", {"message": "Hello"}, (400, "ticket_id: This field is required.")),
        ("tickets/add", {"username": "nobody", "subject": "a", "message": "b"}, (404, "There is no such customer.")),
        ("tickets/add", {"username": "staff", "subject": "a", "message": "b"}, (404, "There is no such customer.")),
        (
            "tickets/add",
            {"username": "customer", "subject": "a" * 121, "message": "b"},
            (400, "subject: Ensure this field has no more than 120 characters."),
        ),
    ],
)
def test_refuses_and_writes_nothing(
    tool: Tool, ticket: Ticket, path: str, body: dict[str, Any], found: tuple[int, str]
) -> None:
    assert refusal(tool.post(path.replace("{id}", str(ticket.pk)), body)) == found

    assert (Ticket.objects.count(), Message.objects.count()) == (1, 1)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.is_unread_by_staff) == ("open", True)


def test_begins_a_ticket(tool: Tool, staff: User, customer: User) -> None:
    data = read(tool.post("tickets/add", {"username": "customer", "subject": "Your order", "message": "Is it well?"}))

    ticket = Ticket.objects.get()
    assert (data["id"], data["status"], data["subject"], data["user"]) == (
        ticket.pk, "answered", "Your order", "customer",
    )  # fmt: skip
    assert [(one["is_staff"], one["message"]) for one in data["messages"]] == [(True, "Is it well?")]
    assert (ticket.is_unread_by_customer, ticket.owes_customer_mail, ticket.owes_staff_mail) == (True, True, False)
    assert Message.objects.get().author == staff
    assert User.objects.get(pk=customer.pk).unread_tickets == 1
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="Yes")
    assert tool.rows("tickets")[0]["status"] == "pending"
