"""Tickets: list them, look at one, answer, and write to a customer first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers

from admin_api import acting
from admin_api.endpoints import Call, endpoint
from admin_api.errors import Missing
from admin_api.fields import ID_MAX, ListedIdsField, MomentField, SecondsField, WordsField
from admin_api.paging import PageQuery, read_page
from admin_api.scopes import Scope
from admin_api.views.users import customers
from admin_api.words import TICKET_OF_WORD, WORD_OF_TICKET
from staff import audit
from support import queries, tickets
from support.errors import TicketNotFound
from support.models import TEXT_MAX_CHARACTERS, TITLE_MAX_CHARACTERS, Message, Ticket

MESSAGES_MAX = 1000  # the newest ones of a ticket; nobody reads further back through a tool


class TicketQuery(PageQuery):
    """What a list of tickets is narrowed to."""

    ids = ListedIdsField(required=False)
    user = serializers.CharField(required=False, max_length=150, help_text="The whole user name.")
    status = WordsField(words=tuple(TICKET_OF_WORD), required=False)


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket, and its messages where they are shown."""

    ticket: Ticket
    messages: Sequence[Message] = ()

    @property
    def status(self) -> str:
        """Who has to write next."""
        return WORD_OF_TICKET[self.ticket.state]

    @property
    def updated_at(self) -> datetime:
        """When something was written last."""
        return self.ticket.last_message.at if self.ticket.last_message else self.ticket.created_at


class TicketAnswer(serializers.Serializer[Any]):
    """A ticket."""

    id = serializers.IntegerField(source="ticket.pk")
    user = serializers.CharField(source="ticket.customer.username")
    subject = serializers.CharField(source="ticket.title")
    department = serializers.ChoiceField(choices=Ticket.Subject.values, source="ticket.subject")
    status = serializers.ChoiceField(choices=tuple(TICKET_OF_WORD))
    is_read = serializers.SerializerMethodField()
    created = MomentField(source="ticket.created_at")
    created_timestamp = SecondsField(source="ticket.created_at")
    last_update = MomentField(source="updated_at")
    last_update_timestamp = SecondsField(source="updated_at")

    def get_is_read(self, row: TicketRow) -> bool:
        """Say whether staff have seen what was written last."""
        return not row.ticket.is_unread_by_staff


class FileAnswer(serializers.Serializer[Any]):
    """A file that came with a message; its content is in the admin only."""

    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField(help_text="In bytes.")


class MessageAnswer(serializers.Serializer[Any]):
    """What one side wrote."""

    id = serializers.IntegerField(source="pk")
    sender_name = serializers.CharField(source="author.username")
    is_staff = serializers.BooleanField()
    message = serializers.CharField(source="text")
    created = MomentField(source="at")
    created_timestamp = SecondsField(source="at")
    files = FileAnswer(many=True, source="attachments.all")


class WholeTicketAnswer(TicketAnswer):
    """A ticket with its messages, oldest first."""

    messages = MessageAnswer(many=True)


class Reply(serializers.Serializer[Any]):
    """An answer to a customer."""

    message = serializers.CharField(max_length=TEXT_MAX_CHARACTERS, trim_whitespace=True)
    close = serializers.BooleanField(default=False, help_text="With this answer nothing is left to do.")


class ReplyTo(Reply):
    """An answer to a customer, with the ticket's id in the body."""

    ticket_id = serializers.IntegerField(min_value=1, max_value=ID_MAX)


class AddTicket(serializers.Serializer[Any]):
    """A ticket that staff begin."""

    username = serializers.CharField(max_length=150, help_text="Whom to write to.")
    subject = serializers.CharField(max_length=TITLE_MAX_CHARACTERS)
    message = serializers.CharField(max_length=TEXT_MAX_CHARACTERS)


def _all() -> QuerySet[Ticket]:
    return Ticket.objects.select_related("customer", "last_message")


def _rows(found: Sequence[Ticket]) -> Sequence[TicketRow]:
    return [TicketRow(ticket) for ticket in found]


def _whole(ticket_id: int) -> TicketRow:
    ticket = _all().filter(pk=ticket_id).first() if ticket_id <= ID_MAX else None
    if ticket is None:
        raise Missing
    return TicketRow(ticket, queries.list_messages(ticket, limit=MESSAGES_MAX).rows)


@endpoint(
    method="GET",
    scope=Scope.TICKETS_READ,
    permissions=["support.view_ticket"],
    sends=TicketQuery,
    answers=TicketAnswer,
    is_list=True,
    summary="List tickets",
)
def tickets_list(call: Call) -> Any:
    """List tickets, newest first."""
    found = _all()
    if ids := call.sent.get("ids"):
        found = found.filter(pk__in=ids)
    if user := call.sent.get("user"):
        found = found.filter(customer__username=user)
    if words := call.sent.get("status"):
        found = found.filter(state__in=[TICKET_OF_WORD[word] for word in words])
    return read_page(found.order_by("-pk"), dict(call.sent), complete=_rows)


@endpoint(
    method="GET",
    scope=Scope.TICKETS_READ,
    permissions=["support.view_ticket"],
    answers=WholeTicketAnswer,
    summary="One ticket with its messages",
)
def tickets_one(call: Call, ticket_id: int) -> Any:
    """Show a ticket with its messages. It stays unread until staff answer it or open it in the admin."""
    return _whole(ticket_id)


@endpoint(
    method="POST",
    scope=Scope.TICKETS_WRITE,
    permissions=["support.change_ticket"],
    sends=Reply,
    answers=WholeTicketAnswer,
    summary="Answer a ticket",
)
def tickets_reply_one(call: Call, ticket_id: int) -> Any:
    """Answer a ticket; the customer finds it unread and is mailed."""
    return _reply(call, ticket_id)


@endpoint(
    method="POST",
    scope=Scope.TICKETS_WRITE,
    permissions=["support.change_ticket"],
    sends=ReplyTo,
    answers=WholeTicketAnswer,
    summary="Answer a ticket, its id in the body",
)
def tickets_reply(call: Call) -> Any:
    """Answer a ticket; the customer finds it unread and is mailed."""
    return _reply(call, call.sent["ticket_id"])


@endpoint(
    method="POST",
    scope=Scope.TICKETS_WRITE,
    permissions=["support.change_ticket"],
    sends=AddTicket,
    answers=WholeTicketAnswer,
    summary="Write to a customer first",
)
def tickets_add(call: Call) -> Any:
    """Open a ticket with a message to a customer, who finds it unread and is mailed."""
    customer_id = customers().filter(username=call.sent["username"]).values_list("pk", flat=True).first()
    if customer_id is None:
        raise Missing("There is no such customer.")
    with transaction.atomic():
        ticket_id = tickets.open_as_staff(
            staff_id=call.staff.pk,
            customer_id=customer_id,
            subject=Ticket.Subject.OTHER,
            title=call.sent["subject"],
            text=call.sent["message"],
        )
        _record(call, ticket_id, "support.open_ticket", f"Wrote to {call.sent['username']}.")
    return _whole(ticket_id)


def _reply(call: Call, ticket_id: int) -> TicketRow:
    if ticket_id > ID_MAX:
        raise Missing
    try:
        with transaction.atomic():
            tickets.reply_as_staff(
                staff_id=call.staff.pk, ticket_id=ticket_id, text=call.sent["message"], closes=call.sent["close"]
            )
            _record(call, ticket_id, "support.answer", "Answered and closed." if call.sent["close"] else "Answered.")
    except TicketNotFound:
        raise Missing from None
    return _whole(ticket_id)


def _record(call: Call, ticket_id: int, operation: str, outcome: str) -> None:
    audit.record(
        actor=call.staff,
        operation=operation,
        subject_model="support.ticket",
        subject_id=ticket_id,
        reason=acting.reason_of(call),
        outcome=outcome,
        origin=acting.origin_of(call),
    )
