"""An order's events in the customer's words. Pure: no queries, no clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dashboard.templatetags.panel import amount
from orders.models import Order, OrderEvent, Run
from orders.transitions import FINAL_RUN_STATES, RunState, Status
from panel.money import ZERO, format_amount

Kind = OrderEvent.Kind


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the story; `sum` is arithmetic to be read as such, `tone` colours its mark."""

    title: str
    at: datetime
    detail: str = ""
    sum: str = ""
    tone: str = "neutral"


def describe_event(event: OrderEvent, *, order: Order, currency: str) -> Step:
    """Tell one event of an order."""
    words = _WORDS[Kind(event.kind)](event, order, currency)
    return Step(at=event.at, **words)


def explain_refund(*, data: dict[str, Any]) -> str:
    """Write out how a refund came about, from what its event recorded.

    Cumulative: what is due for everything undelivered, less what was given back before.
    """
    charge, given = Decimal(data["charge"]), Decimal(data["amount"])
    before = Decimal(data["refunded"]) - given
    undelivered, quantity = data["undelivered"], data["quantity"]
    due = given + before
    if undelivered == quantity:
        text = f"all of {format_amount(charge)}"
    else:
        text = f"{format_amount(charge)} × {undelivered:,} ÷ {quantity:,} = {format_amount(due)}"
    if before > ZERO:
        text += f", less {format_amount(before)} refunded before = {format_amount(given)}"
    return text


def _placed(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    source = f"through the API key “{order.api_key.name}”" if order.api_key else "on the website"
    return {
        "title": f"Ordered {source}",
        "detail": f"{amount(order.charge)} {currency} charged for {order.quantity:,}.",
        "tone": "info",
    }


def _submitted(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    return {"title": f"{_run_of(event, order)}sent for delivery".capitalize(), "tone": "info"}


def _progress(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    status, remains = event.data.get("status"), event.data.get("remains")
    titles = {
        Status.PENDING: "Waiting for delivery",
        Status.PROCESSING: "Being prepared",
        Status.IN_PROGRESS: "Delivery started",
    }
    detail = f"{remains:,} of {order.quantity:,} remain." if remains else ""
    return {"title": titles.get(status, f"Now {status}"), "detail": detail, "tone": "info"}


def _finished(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    remains = event.data.get("remains") or 0
    if event.data.get("status") == Status.COMPLETED:
        return {"title": "Completed", "detail": f"All {order.quantity:,} delivered.", "tone": "success"}
    if event.data.get("status") == Status.PARTIAL:
        return {
            "title": "Ended partially delivered",
            "detail": f"{order.quantity - remains:,} of {order.quantity:,} delivered, {remains:,} will not come.",
            "tone": "warning",
        }
    return {"title": "Canceled", "detail": "Nothing more will be delivered.", "tone": "danger"}


def _refunded(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    given = Decimal(event.data["amount"])
    return {
        "title": f"{amount(given)} {currency} refunded",
        "detail": f"For {event.data['undelivered']:,} of {event.data['quantity']:,} not delivered.",
        "sum": explain_refund(data=event.data),
        "tone": "success",
    }


def _cancel_requested(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    return {"title": "Cancellation requested", "tone": "warning"}


def _refill_requested(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    return {"title": f"Refill {event.data.get('refill', '')} requested", "tone": "info"}


def _refill_finished(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    refill, status = event.data.get("refill", ""), event.data.get("status")
    if status == "Completed":
        return {"title": f"Refill {refill} completed", "tone": "success"}
    return {"title": f"Refill {refill} rejected", "detail": "Nothing was delivered again.", "tone": "danger"}


def _review_opened(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    return {
        "title": f"{_run_of(event, order)}being checked by our staff".capitalize(),
        "detail": "It was sent, but no clear answer came back. Nothing is sent again until this is settled.",
        "tone": "warning",
    }


def _review_resolved(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    titles = {
        "found": "Checked: delivery is under way",
        "resent": "Checked: it had not arrived and is sent again",
        "refunded": "Checked: it had not arrived and is refunded",
    }
    return {"title": titles.get(event.data.get("resolution", ""), "Checked by our staff"), "tone": "info"}


def _held(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    return {
        "title": f"{_run_of(event, order)}being checked by our staff".capitalize(),
        "detail": "It was not sent for delivery yet.",
        "tone": "warning",
    }


def _released(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    return {"title": "Checked: it goes on to delivery", "tone": "info"}


def _staff(event: OrderEvent, order: Order, currency: str) -> dict[str, str]:
    what = str(event.data.get("what", "")).strip() or "changed"
    return {
        "title": f"{what.capitalize()} by our staff",
        "detail": str(event.data.get("reason", "")),
        "tone": "warning",
    }


def _run_of(event: OrderEvent, order: Order) -> str:
    """Name the run a step is about, when the order has several."""
    number = event.run.number if event.run else event.data.get("run")
    return f"run {number} of {order.run_count} " if order.run_count > 1 and number else ""


_WORDS: dict[Kind, Callable[[OrderEvent, Order, str], dict[str, str]]] = {
    Kind.PLACED: _placed,
    Kind.SUBMITTED: _submitted,
    Kind.PROGRESS: _progress,
    Kind.FINISHED: _finished,
    Kind.REFUNDED: _refunded,
    Kind.CANCEL_REQUESTED: _cancel_requested,
    Kind.REFILL_REQUESTED: _refill_requested,
    Kind.REFILL_FINISHED: _refill_finished,
    Kind.REVIEW_OPENED: _review_opened,
    Kind.REVIEW_RESOLVED: _review_resolved,
    Kind.HELD: _held,
    Kind.RELEASED: _released,
    Kind.STAFF: _staff,
}

# Run states in the words of the order's own statuses; what a provider said or is called stays ours.
_STATE_WORDS = {
    RunState.QUEUED: ("Scheduled", "neutral"),
    RunState.SUBMITTING: ("Pending", "neutral"),
    RunState.SUBMITTED: ("Pending", "neutral"),
    RunState.UNKNOWN: ("Being checked", "warning"),
    RunState.PROCESSING: ("Processing", "info"),
    RunState.IN_PROGRESS: ("In progress", "info"),
    RunState.COMPLETED: ("Completed", "success"),
    RunState.PARTIAL: ("Partial", "warning"),
    RunState.CANCELED: ("Canceled", "danger"),
    RunState.REJECTED: ("Canceled", "danger"),
}


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as its customer sees it."""

    number: int
    quantity: int
    delivered: int
    word: str
    tone: str
    starts_at: datetime
    is_over: bool


def describe_run(run: Run) -> RunLine:
    """Tell how one run of a drip-feed stands."""
    word, tone = _STATE_WORDS[RunState(run.state)]
    return RunLine(
        number=run.number,
        quantity=run.quantity,
        delivered=run.quantity - run.remains,
        word=word,
        tone=tone,
        starts_at=run.submitted_at or run.due_at,
        is_over=run.state in FINAL_RUN_STATES,
    )
