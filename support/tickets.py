"""Open tickets, write to them, close them.

Whoever writes locks first the customer, then the ticket. The customer's lock makes limits hold for requests at the same
time, and lets orders pass: it is the one that foreign keys do not wait for.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from orders import nudge
from orders.models import Order
from support import attachments
from support.attachments import CheckedUpload, Upload
from support.errors import (
    OrdersNotFound,
    TicketNotFound,
    TooManyMessages,
    TooManyOpenTickets,
    TooMuchAttached,
)
from support.models import Attachment, Message, Ticket

OPEN_TICKETS_MAX = 20  # per customer; staff cannot follow more matters of one person
MESSAGES_PER_HOUR = 30  # per customer; a person in a hurry writes one in two minutes
ATTACHED_BYTES_PER_DAY = 40 * 1024 * 1024  # per customer; twenty of the largest files
ORDERS_MAX = 20  # referred to by one ticket

SEND_MAILS = "support.send_mails"


def open_ticket(
    *,
    customer_id: int,
    subject: Ticket.Subject,
    title: str,
    text: str,
    order_ids: Sequence[int] = (),
    uploads: Sequence[Upload] = (),
) -> int:
    """Open a ticket with its first message and return its id. Suspended customers may: it is how they object.

    :raises TooManyOpenTickets, TooManyMessages, OrdersNotFound: nothing is kept, and so for what
        `attachments.check_uploads` raises.
    """
    files = attachments.check_uploads(uploads)
    with transaction.atomic(durable=True):
        _take_turn(customer_id, files)
        _ensure_room(customer_id)
        orders = _get_own_orders(customer_id, order_ids)
        ticket = Ticket.objects.create(customer_id=customer_id, subject=subject, title=title)
        ticket.orders.set(orders)
        _write(ticket, author_id=customer_id, text=text, files=files)
    return ticket.pk


def reply(*, customer_id: int, ticket_id: int, text: str, uploads: Sequence[Upload] = ()) -> None:
    """Add a customer's message; it opens a closed ticket again.

    :raises TicketNotFound, TooManyOpenTickets, TooManyMessages: nothing is kept, and so for what
        `attachments.check_uploads` raises.
    """
    files = attachments.check_uploads(uploads)
    with transaction.atomic(durable=True):
        _take_turn(customer_id, files)
        ticket = _lock_ticket(ticket_id, customer_id=customer_id)
        if ticket.state == Ticket.State.CLOSED:
            _ensure_room(customer_id)
        _write(ticket, author_id=customer_id, text=text, files=files)


def close(*, customer_id: int, ticket_id: int) -> None:
    """Close a customer's ticket for them; one that is closed stays so.

    :raises TicketNotFound: it is not theirs.
    """
    with transaction.atomic(durable=True):
        ticket = _lock_ticket(ticket_id, customer_id=customer_id)
        _close(ticket)


def reply_as_staff(
    *, staff_id: int, ticket_id: int, text: str, closes: bool = False, uploads: Sequence[Upload] = ()
) -> None:
    """Answer a ticket; the customer finds it unread and is mailed.

    :param closes: with this answer nothing is left to do; a reply of the customer opens the ticket again.
    :raises TicketNotFound: there is none; and for what `attachments.check_uploads` raises nothing is kept either.
    """
    files = attachments.check_uploads(uploads)
    with transaction.atomic():
        customer_id = _customer_of(ticket_id)
        _lock_customer(customer_id)
        ticket = _lock_ticket(ticket_id, customer_id=customer_id)
        message = Message.objects.create(ticket=ticket, author_id=staff_id, is_staff=True, text=text)
        _attach(message, files)
        Ticket.objects.filter(pk=ticket.pk).update(
            state=Ticket.State.CLOSED if closes else Ticket.State.ANSWERED,
            last_message=message,
            is_unread_by_customer=True,
            owes_customer_mail=True,
            is_unread_by_staff=False,
            owes_staff_mail=False,
        )
        _recount(customer_id)
        nudge.wake(SEND_MAILS)


def open_as_staff(*, staff_id: int, customer_id: int, subject: Ticket.Subject, title: str, text: str) -> int:
    """Write to a customer first: open a ticket with a message of the staff and return its id.

    The limits of customers are not staff's.
    """
    with transaction.atomic():
        _lock_customer(customer_id)
        ticket = Ticket.objects.create(
            customer_id=customer_id,
            subject=subject,
            title=title,
            state=Ticket.State.ANSWERED,
            is_unread_by_customer=True,
            owes_customer_mail=True,
            is_unread_by_staff=False,
            owes_staff_mail=False,
        )
        ticket.last_message = Message.objects.create(ticket=ticket, author_id=staff_id, is_staff=True, text=text)
        ticket.save(update_fields=["last_message"])
        _recount(customer_id)
        nudge.wake(SEND_MAILS)
    return ticket.pk


def close_as_staff(*, ticket_id: int) -> None:
    """Close a ticket without a word.

    :raises TicketNotFound: there is none.
    """
    with transaction.atomic():
        _close(_lock_ticket(ticket_id, customer_id=_customer_of(ticket_id)))


def mark_read(ticket: Ticket) -> bool:
    """Note that the customer has read a ticket up to the message that `ticket` knows; say whether that was news.

    An answer that came after the page was read from the database stays unread.
    """
    if not ticket.is_unread_by_customer:
        return False
    with transaction.atomic(durable=True):
        _lock_customer(ticket.customer_id)
        read = Ticket.objects.filter(pk=ticket.pk, last_message=ticket.last_message_id, is_unread_by_customer=True)
        is_news = bool(read.update(is_unread_by_customer=False, owes_customer_mail=False))
        if is_news:
            _recount(ticket.customer_id)
    return is_news


def correct_count(customer: User) -> bool:
    """Mend the number of unread tickets in a customer's row where it is wrong; say whether it was.

    Whatever saves a whole user, as a change of password does, writes back the number it had read before.
    """
    if customer.unread_tickets == Ticket.objects.filter(customer=customer, is_unread_by_customer=True).count():
        return False
    with transaction.atomic(durable=True):
        _lock_customer(customer.pk)
        _recount(customer.pk)
    return True


def mark_read_by_staff(ticket: Ticket) -> None:
    """Note that staff have read a ticket up to the message that `ticket` knows."""
    read = Ticket.objects.filter(pk=ticket.pk, last_message=ticket.last_message_id, is_unread_by_staff=True)
    read.update(is_unread_by_staff=False, owes_staff_mail=False)


def _take_turn(customer_id: int, files: Sequence[CheckedUpload]) -> None:
    """Let one request of a customer write at a time, and none beyond the limits."""
    _lock_customer(customer_id)
    now = timezone.now()
    written = Message.objects.filter(author_id=customer_id, is_staff=False)
    if written.filter(at__gt=now - timedelta(hours=1)).count() >= MESSAGES_PER_HOUR:
        raise TooManyMessages
    if files:
        today = Attachment.objects.filter(message__in=written.filter(at__gt=now - timedelta(days=1)))
        sent = today.aggregate(sent=Sum("size"))["sent"] or 0
        if sent + sum(len(file.content) for file in files) > ATTACHED_BYTES_PER_DAY:
            raise TooMuchAttached


def _ensure_room(customer_id: int) -> None:
    open_states = (Ticket.State.OPEN, Ticket.State.ANSWERED)
    if Ticket.objects.filter(customer_id=customer_id, state__in=open_states).count() >= OPEN_TICKETS_MAX:
        raise TooManyOpenTickets


def _get_own_orders(customer_id: int, order_ids: Sequence[int]) -> list[int]:
    own = set(Order.objects.filter(customer_id=customer_id, pk__in=order_ids).values_list("pk", flat=True))
    if missing := [order_id for order_id in order_ids if order_id not in own]:
        raise OrdersNotFound(missing)
    return sorted(own)


def _lock_customer(customer_id: int) -> None:
    User.objects.select_for_update(no_key=True).only("pk").get(pk=customer_id)


def _customer_of(ticket_id: int) -> int:
    customer_id = Ticket.objects.filter(pk=ticket_id).values_list("customer_id", flat=True).first()
    if customer_id is None:
        raise TicketNotFound
    return customer_id


def _lock_ticket(ticket_id: int, *, customer_id: int) -> Ticket:
    try:
        return Ticket.objects.select_for_update(no_key=True).get(pk=ticket_id, customer_id=customer_id)
    except Ticket.DoesNotExist:
        raise TicketNotFound from None


def _write(ticket: Ticket, *, author_id: int, text: str, files: Sequence[CheckedUpload]) -> None:
    message = Message.objects.create(ticket=ticket, author_id=author_id, is_staff=False, text=text)
    _attach(message, files)
    was_unread = ticket.is_unread_by_customer
    Ticket.objects.filter(pk=ticket.pk).update(
        state=Ticket.State.OPEN,
        last_message=message,
        is_unread_by_customer=False,
        owes_customer_mail=False,
        is_unread_by_staff=True,
        # Staff are told once of what they have not looked at yet, however much more is written meanwhile.
        owes_staff_mail=ticket.owes_staff_mail or not ticket.is_unread_by_staff,
    )
    if was_unread:
        _recount(ticket.customer_id)
    nudge.wake(SEND_MAILS)


def _close(ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(
        state=Ticket.State.CLOSED, is_unread_by_staff=False, owes_staff_mail=False
    )


def _recount(customer_id: int) -> None:
    """Repeat the number of unread tickets in the customer's row, which every page reads anyway.

    The customer must be locked already: only then does this statement see what others have committed.
    """
    unread = Ticket.objects.filter(customer=OuterRef("pk"), is_unread_by_customer=True).order_by()
    counted = unread.values("customer").annotate(number=Count("pk")).values("number")
    User.objects.filter(pk=customer_id).update(unread_tickets=Coalesce(Subquery(counted), Value(0)))


def _attach(message: Message, files: Sequence[CheckedUpload]) -> None:
    Attachment.objects.bulk_create(
        Attachment(
            message=message,
            name=file.name,
            content_type=file.content_type,
            size=len(file.content),
            content=file.content,
        )
        for file in files
    )
