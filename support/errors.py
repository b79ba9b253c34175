"""Why a ticket was not written to."""

from collections.abc import Sequence

from panel.errors import DomainError


class TicketNotFound(DomainError):
    """Not there or not theirs; nobody can tell which."""


class TooManyOpenTickets(DomainError):
    """The customer has as many tickets open as one may have."""


class TooManyMessages(DomainError):
    """The customer has written as much within an hour as one may."""


class OrdersNotFound(DomainError):
    """Some of the orders referred to are not there or not theirs; nobody can tell which."""

    def __init__(self, order_ids: Sequence[int]) -> None:
        super().__init__(order_ids)
        self.order_ids = order_ids


class TooManyAttachments(DomainError):
    """More files with one message than there may be."""


class TooMuchAttached(DomainError):
    """The customer has sent as many bytes within a day as one may."""


class AttachmentTooLarge(DomainError):
    """A file is larger than files may be."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AttachmentTypeRefused(DomainError):
    """A file's content is of none of the accepted types, whatever its name says."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
