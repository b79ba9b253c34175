"""The protocol's statuses in the reader's language; programs, and we ourselves, compare them untranslated."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.models import Refill
from orders.transitions import Status

STATUS_WORDS: dict[Status, Promise] = {
    Status.PENDING: _("Pending"),
    Status.PROCESSING: _("Processing"),
    Status.IN_PROGRESS: _("In progress"),
    Status.COMPLETED: _("Completed"),
    Status.PARTIAL: _("Partial"),
    Status.CANCELED: _("Canceled"),
}
REFILL_WORDS: dict[Refill.Status, Promise] = {
    Refill.Status.PENDING: _("Pending"),
    Refill.Status.IN_PROGRESS: _("In progress"),
    Refill.Status.COMPLETED: _("Completed"),
    Refill.Status.REJECTED: _("Rejected"),
}


def word_for(status: str) -> str:
    """Say the status of an order."""
    return str(STATUS_WORDS[Status(status)])


def refill_word_for(status: str) -> str:
    """Say the status of a refill."""
    return str(REFILL_WORDS[Refill.Status(status)])
