"""The words in which the Admin API speaks of statuses, and ours for them."""

from collections.abc import Collection

from orders.models import Refill
from orders.transitions import RunState, Status
from support.models import Ticket

PENDING, FAIL, ERROR = "pending", "fail", "error"

WORD_OF_STATUS: dict[str, str] = {
    Status.PENDING: PENDING,
    Status.IN_PROGRESS: "in_progress",
    Status.PROCESSING: "processing",
    Status.COMPLETED: "completed",
    Status.PARTIAL: "partial",
    Status.CANCELED: "canceled",
}
STATUS_OF_WORD = {word: Status(status) for status, word in WORD_OF_STATUS.items()}
# The last two are parts of Pending, for staff: held before it was sent, and sent without an answer.
ORDER_WORDS = (*STATUS_OF_WORD, FAIL, ERROR)

WORD_OF_REFILL: dict[str, str] = {
    Refill.Status.PENDING: PENDING,
    Refill.Status.IN_PROGRESS: "in_progress",
    Refill.Status.COMPLETED: "completed",
    Refill.Status.REJECTED: "rejected",
}
REFILL_OF_WORD = {word: Refill.Status(status) for status, word in WORD_OF_REFILL.items()}

FINAL_REFILL_WORDS = tuple(word for word, status in REFILL_OF_WORD.items() if status not in Refill.OPEN)

ACTIVE, SUSPENDED = "active", "suspended"
USER_WORDS = (ACTIVE, SUSPENDED)

WORD_OF_TICKET: dict[str, str] = {
    Ticket.State.OPEN: PENDING,
    Ticket.State.ANSWERED: "answered",
    Ticket.State.CLOSED: "closed",
}
TICKET_OF_WORD = {word: Ticket.State(state) for state, word in WORD_OF_TICKET.items()}


def word_of_order(status: str, *, run_states: Collection[str], is_held: bool) -> str:
    """Return an order's status as staff's tools read it."""
    if status == Status.PENDING and RunState.UNKNOWN in run_states:
        return ERROR
    if status == Status.PENDING and is_held:
        return FAIL
    return WORD_OF_STATUS[status]
