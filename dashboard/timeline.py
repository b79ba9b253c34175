"""An order's events in the customer's words. Pure: no queries, no clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.templatetags.panel import amount
from dashboard.words import STATUS_WORDS
from orders.models import Order, OrderEvent, Refill, Run
from orders.transitions import FINAL_RUN_STATES, RunState, Status
from panel.money import ZERO, format_amount

Kind = OrderEvent.Kind
Words = dict[str, str]


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
    facts = {
        "charge": format_amount(charge),
        "given": format_amount(given),
        "before": format_amount(before),
        "due": format_amount(given + before),
        "undelivered": f"{undelivered:,}",
        "quantity": f"{quantity:,}",
    }
    if undelivered == quantity:
        if before > ZERO:
            return _("all of %(charge)s, less %(before)s refunded before = %(given)s") % facts
        return _("all of %(charge)s") % facts
    if before > ZERO:
        text = _("%(charge)s × %(undelivered)s ÷ %(quantity)s = %(due)s, less %(before)s refunded before = %(given)s")
        return text % facts
    return _("%(charge)s × %(undelivered)s ÷ %(quantity)s = %(due)s") % facts


def _placed(event: OrderEvent, order: Order, currency: str) -> Words:
    key = order.api_key
    return {
        "title": _("Ordered through the API key “%(name)s”") % {"name": key.name}
        if key
        else _("Ordered on the website"),
        "detail": _("%(charge)s %(currency)s charged for %(quantity)s.")
        % {"charge": amount(order.charge), "currency": currency, "quantity": f"{order.quantity:,}"},
        "tone": "info",
    }


def _submitted(event: OrderEvent, order: Order, currency: str) -> Words:
    run = _run_of(event, order)
    title = _("Run %(number)s of %(count)s sent for delivery") % run if run else _("Sent for delivery")
    return {"title": title, "tone": "info"}


def _progress(event: OrderEvent, order: Order, currency: str) -> Words:
    status, remains = event.data.get("status"), event.data.get("remains")
    titles = {
        Status.PENDING: _("Waiting for delivery"),
        Status.PROCESSING: _("Being prepared"),
        Status.IN_PROGRESS: _("Delivery started"),
    }
    facts = {"remains": f"{remains or 0:,}", "quantity": f"{order.quantity:,}"}
    return {
        "title": titles[Status(status)] if status in titles else _("Under way"),
        "detail": _("%(remains)s of %(quantity)s remain.") % facts if remains else "",
        "tone": "info",
    }


def _finished(event: OrderEvent, order: Order, currency: str) -> Words:
    remains = event.data.get("remains") or 0
    facts = {
        "delivered": f"{order.quantity - remains:,}",
        "quantity": f"{order.quantity:,}",
        "remains": f"{remains:,}",
    }
    if event.data.get("status") == Status.COMPLETED:
        return {"title": _("Completed"), "detail": _("All %(quantity)s delivered.") % facts, "tone": "success"}
    if event.data.get("status") == Status.PARTIAL:
        detail = _("%(delivered)s of %(quantity)s delivered, %(remains)s will not come.") % facts
        return {"title": _("Ended partially delivered"), "detail": detail, "tone": "warning"}
    return {"title": _("Canceled"), "detail": _("Nothing more will be delivered."), "tone": "danger"}


def _refunded(event: OrderEvent, order: Order, currency: str) -> Words:
    facts = {
        "amount": amount(Decimal(event.data["amount"])),
        "currency": currency,
        "undelivered": f"{event.data['undelivered']:,}",
        "quantity": f"{event.data['quantity']:,}",
    }
    return {
        "title": _("%(amount)s %(currency)s refunded") % facts,
        "detail": _("For %(undelivered)s of %(quantity)s not delivered.") % facts,
        "sum": explain_refund(data=event.data),
        "tone": "success",
    }


def _cancel_requested(event: OrderEvent, order: Order, currency: str) -> Words:
    return {"title": _("Cancellation requested"), "tone": "warning"}


def _refill_requested(event: OrderEvent, order: Order, currency: str) -> Words:
    return {"title": _("Refill %(id)s requested") % {"id": event.data.get("refill", "")}, "tone": "info"}


def _refill_finished(event: OrderEvent, order: Order, currency: str) -> Words:
    facts = {"id": event.data.get("refill", "")}
    if event.data.get("status") == Refill.Status.COMPLETED:
        return {"title": _("Refill %(id)s completed") % facts, "tone": "success"}
    return {
        "title": _("Refill %(id)s rejected") % facts,
        "detail": _("Nothing was delivered again."),
        "tone": "danger",
    }


def _review_opened(event: OrderEvent, order: Order, currency: str) -> Words:
    detail = _("It was sent, but no clear answer came back. Nothing is sent again until this is settled.")
    return {"title": _checked(event, order), "detail": detail, "tone": "warning"}


def _review_resolved(event: OrderEvent, order: Order, currency: str) -> Words:
    titles = {
        "found": _("Checked: delivery is under way"),
        "resent": _("Checked: it had not arrived and is sent again"),
        "refunded": _("Checked: it had not arrived and is refunded"),
    }
    return {"title": titles.get(event.data.get("resolution", ""), _("Checked by our staff")), "tone": "info"}


def _held(event: OrderEvent, order: Order, currency: str) -> Words:
    return {"title": _checked(event, order), "detail": _("It was not sent for delivery yet."), "tone": "warning"}


def _released(event: OrderEvent, order: Order, currency: str) -> Words:
    return {"title": _("Checked: it goes on to delivery"), "tone": "info"}


def _staff(event: OrderEvent, order: Order, currency: str) -> Words:
    # What staff did is a word of the code's, their reason is theirs and stays as they wrote it.
    what = str(event.data.get("what", ""))
    if what in ("resent", "moved"):  # from whom we buy is nobody's business, and why we change it neither
        return _released(event, order, currency)
    titles = {
        "canceled": _("Canceled by our staff"),
        "cancel_requested": _("Cancellation requested by our staff"),
        "link_changed": _("Link changed by our staff"),
        "start_count_set": _("Start count corrected by our staff"),
        "partial_set": _("Ended as partially delivered by our staff"),
        "completed": _("Marked as completed by our staff"),
    }
    return {
        "title": titles.get(what, _("Changed by our staff")),
        "detail": str(event.data.get("reason", "")),
        "tone": "warning",
    }


def _checked(event: OrderEvent, order: Order) -> str:
    run = _run_of(event, order)
    if run:
        return _("Run %(number)s of %(count)s being checked by our staff") % run
    return _("Being checked by our staff")


def _run_of(event: OrderEvent, order: Order) -> dict[str, int] | None:
    """Return the number of the run a step is about and of how many, when the order has several."""
    number = event.run.number if event.run else event.data.get("run")
    return {"number": number, "count": order.run_count} if order.run_count > 1 and number else None


_WORDS: dict[Kind, Callable[[OrderEvent, Order, str], Words]] = {
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
_STATE_WORDS: dict[RunState, tuple[Promise, str]] = {
    RunState.QUEUED: (gettext_lazy("Scheduled"), "neutral"),
    RunState.SUBMITTING: (STATUS_WORDS[Status.PENDING], "neutral"),
    RunState.SUBMITTED: (STATUS_WORDS[Status.PENDING], "neutral"),
    RunState.UNKNOWN: (gettext_lazy("Being checked"), "warning"),
    RunState.PROCESSING: (STATUS_WORDS[Status.PROCESSING], "info"),
    RunState.IN_PROGRESS: (STATUS_WORDS[Status.IN_PROGRESS], "info"),
    RunState.COMPLETED: (STATUS_WORDS[Status.COMPLETED], "success"),
    RunState.PARTIAL: (STATUS_WORDS[Status.PARTIAL], "warning"),
    RunState.CANCELED: (STATUS_WORDS[Status.CANCELED], "danger"),
    RunState.REJECTED: (STATUS_WORDS[Status.CANCELED], "danger"),
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
    is_waiting: bool
    is_over: bool


def describe_run(run: Run) -> RunLine:
    """Tell how one run of a drip-feed stands."""
    word, tone = _STATE_WORDS[RunState(run.state)]
    return RunLine(
        number=run.number,
        quantity=run.quantity,
        delivered=run.quantity - run.remains,
        word=str(word),
        tone=tone,
        starts_at=run.submitted_at or run.due_at,
        is_waiting=run.state == RunState.QUEUED,
        is_over=run.state in FINAL_RUN_STATES,
    )
