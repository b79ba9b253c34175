"""Tell whoever has something to read: staff of new questions, customers of answers.

The rows say who is to be told, so a request waits for no mail server and a lost message loses no mail. Several messages
written before the mail leaves are told of once; what has been read meanwhile is not told of.
"""

import logging

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse

from content import mails as content_mails
from panel import alerts
from support.models import Ticket

MAILS_PER_TURN = 50  # a mail server that hangs holds a worker's thread for ten seconds with each

logger = logging.getLogger(__name__)


def send_due() -> int:
    """Send the mails that tickets owe and return how many tickets that were.

    A ticket's mark is taken away first: a mail is sent once or, when the mail server fails, not at all. The mark on the
    customer's pages and the staff's queue stay.
    """
    for count in range(MAILS_PER_TURN):
        ticket = _claim_next()
        if ticket is None:
            return count
        if ticket.owes_staff_mail:
            _tell_staff(ticket)
        if ticket.owes_customer_mail:
            _tell_customer(ticket)
    return MAILS_PER_TURN


def _claim_next() -> Ticket | None:
    with transaction.atomic(durable=True):
        due = Ticket.objects.filter(owes_staff_mail=True) | Ticket.objects.filter(owes_customer_mail=True)
        due = due.select_related("customer").select_for_update(skip_locked=True, of=("self",), no_key=True)
        ticket = due.order_by("pk").first()
        if ticket is not None:
            Ticket.objects.filter(pk=ticket.pk).update(owes_staff_mail=False, owes_customer_mail=False)
        return ticket


def _tell_staff(ticket: Ticket) -> None:
    address = _address(reverse("admin:support_ticket_change", args=[ticket.pk]))
    alerts.tell_staff(
        f"Ticket {ticket.pk}: {ticket.title}",
        f"{ticket.customer.username} wrote about: {Ticket.Subject(ticket.subject).value}\n{address}".rstrip(),
    )


def _tell_customer(ticket: Ticket) -> None:
    """Say that there is an answer, not what it says: mail is read by more people than those it is for."""
    if not ticket.customer.email:
        return
    customer = ticket.customer
    letter = content_mails.write(
        "ticket_answer",
        language=customer.language,
        facts={
            "name": customer.first_name or customer.username,
            "username": customer.username,
            "ticket": ticket.pk,
            "title": ticket.title,
            "ticket_url": _address(reverse("dashboard:ticket", args=[ticket.pk])),
        },
    )
    mail = EmailMessage(letter.subject, letter.body, to=[customer.email])
    try:
        mail.send()
    except Exception:
        logger.exception("the mail about an answer in ticket %s could not be sent", ticket.pk)


def _address(path: str) -> str:
    """Return a whole address, or nothing where the panel does not know its own."""
    return f"{settings.BASE_URL}{path}" if settings.BASE_URL else ""
