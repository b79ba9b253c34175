"""Questions about tickets; what customers ask is already filtered by its owner."""

from django.db.models import Prefetch

from panel.paging import Page, read_newest
from support.errors import TicketNotFound
from support.models import Attachment, Message, Ticket

PAGE_TICKETS = 25
PAGE_MESSAGES = 100


def list_tickets(
    user_id: int, *, before: int | None = None, state: str = "", limit: int = PAGE_TICKETS
) -> Page[Ticket]:
    """List a customer's tickets with their last messages, those where something happened last first.

    :param before: the `next_key` of the page above, the id of a last message.
    """
    tickets = Ticket.objects.filter(customer_id=user_id).select_related("last_message")
    if state:
        tickets = tickets.filter(state=state)
    return read_newest(tickets, before=before, limit=limit, key="last_message_id")


def get_ticket(user_id: int, ticket_id: int) -> Ticket:
    """Return a customer's ticket.

    :raises TicketNotFound: not there or not theirs; nobody can tell which.
    """
    try:
        return Ticket.objects.get(pk=ticket_id, customer_id=user_id)
    except Ticket.DoesNotExist:
        raise TicketNotFound from None


def list_messages(ticket: Ticket, *, before: int | None = None, limit: int = PAGE_MESSAGES) -> Page[Message]:
    """List the newest messages of a ticket, or those before one, oldest first; of `attachments` not the contents.

    :param before: the `next_key` of the page of later ones.
    """
    files = Prefetch("attachments", Attachment.objects.only(*Attachment.LIST_FIELDS).order_by("pk"))
    messages = Message.objects.filter(ticket=ticket).select_related("author").prefetch_related(files)
    page = read_newest(messages, before=before, limit=limit)
    return Page(page.rows[::-1], page.next_key)


def get_attachment(user_id: int, attachment_id: int) -> Attachment:
    """Return a file of a customer's ticket.

    :raises TicketNotFound: not there or not theirs; nobody can tell which.
    """
    try:
        return Attachment.objects.get(pk=attachment_id, message__ticket__customer_id=user_id)
    except Attachment.DoesNotExist:
        raise TicketNotFound from None
