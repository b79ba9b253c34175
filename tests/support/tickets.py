"""Tickets and files that the tests are about."""

from typing import Any

import pytest

from accounts.models import User
from support import tickets
from support.attachments import Upload
from support.models import Attachment, Message, Ticket

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
FILES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/webp": b"RIFF\x0a\x00\x00\x00WEBPVP8 ",
    "image/gif": b"GIF89a\x01\x00\x01\x00",
    "application/pdf": b"%PDF-1.7\n",
    "text/plain": "Página\r\n\tok\n".encode(),
}


def opened(user: User, **changes: Any) -> Ticket:
    """Open a ticket and return it as it is then."""
    asked = {"subject": Ticket.Subject.OTHER, "title": "Hello", "text": "A question", **changes}
    return Ticket.objects.get(pk=tickets.open_ticket(customer_id=user.pk, **asked))


def attached(user: User, *, name: str = "shot.png", content: bytes = PNG) -> Attachment:
    """Open a ticket with a file."""
    return Attachment.objects.get(message__ticket=opened(user, uploads=[Upload(name, content)]))


@pytest.fixture
def ticket(customer: User) -> Ticket:
    """The customer's ticket, just opened."""
    return opened(customer)


class Written:
    """What must not have changed when a message was refused."""

    def __init__(self) -> None:
        self.tickets = sorted(Ticket.objects.values_list("pk", "state", "last_message_id"))
        self.rows = Message.objects.count(), Attachment.objects.count(), Ticket.orders.through.objects.count()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Written) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]
