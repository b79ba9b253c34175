"""Questions about tickets; what customers ask is already filtered by its owner."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch

from support.errors import TicketNotFound
from support.models import Attachment, Message, Ticket

PAGE_TICKETS = 25
PAGE_MESSAGES = 100


@dataclass(frozen=True, slots=True)
class TicketPage:
    """One page of a list, newest first; `next_before` is where the next one starts, None at the end."""

    tickets: Sequence[Ticket]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, oldest first, with `attachments` but not their contents; `earlier_before` is where older ones are."""

    messages: Sequence[Message]
    earlier_before: int | None


def list_tickets(user_id: int, *, before: int | None = None, state: str = "", limit: int = PAGE_TICKETS) -> TicketPage:
    """List a customer's tickets with their last messages, those where something happened last first.

    :param before: the `next_before` of the page above, the id of a last message.
    """
    tickets = Ticket.objects.filter(customer_id=user_id).order_by("-last_message_id")
    if state:
        tickets = tickets.filter(state=state)
    if before is not None:
        tickets = tickets.filter(last_message__lt=before)
    found = list(tickets.select_related("last_message")[: limit + 1])
    if len(found) > limit:
        return TicketPage(found[:limit], found[limit - 1].last_message_id)
    return TicketPage(found, None)


def get_ticket(user_id: int, ticket_id: int) -> Ticket:
    """Return a customer's ticket.

    :raises TicketNotFound: not there or not theirs; nobody can tell which.
    """
    try:
        return Ticket.objects.get(pk=ticket_id, customer_id=user_id)
    except Ticket.DoesNotExist:
        raise TicketNotFound from None


def list_messages(ticket: Ticket, *, before: int | None = None, limit: int = PAGE_MESSAGES) -> Conversation:
    """List the newest messages of a ticket, or those before one of them."""
    messages = Message.objects.filter(ticket=ticket).order_by("-pk")
    if before is not None:
        messages = messages.filter(pk__lt=before)
    files = Prefetch("attachments", Attachment.objects.only(*Attachment.LIST_FIELDS).order_by("pk"))
    found = list(messages.select_related("author").prefetch_related(files)[: limit + 1])
    earlier = found[limit - 1].pk if len(found) > limit else None
    return Conversation(found[:limit][::-1], earlier)


def get_attachment(user_id: int, attachment_id: int) -> Attachment:
    """Return a file of a customer's ticket.

    :raises TicketNotFound: not there or not theirs; nobody can tell which.
    """
    try:
        return Attachment.objects.get(pk=attachment_id, message__ticket__customer_id=user_id)
    except Attachment.DoesNotExist:
        raise TicketNotFound from None
