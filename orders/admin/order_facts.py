"""What an order's page shows under its own fields: money, runs, tries to send them, requests about it, its story."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.formats import localize
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from orders.models import Attempt, Cancellation, Order, OrderEvent, Refill, Run
from panel.admin_facts import Fact
from panel.admin_pages import link_to
from wallet.models import LedgerEntry

ROWS_MAX = 200  # of runs, attempts and events on one page: a drip-feed of 1,000 runs has thousands
_NEW_LINE = SafeString("<br>")
PARAMETER_CHARACTERS_MAX = 300  # of each shown with an attempt; the order's own field has all of it


def list_facts(order: Order) -> Iterable[Fact]:
    """Show an order's money, runs, every try to send one, refills, cancellation, and the steps of its life."""
    events = list(OrderEvent.objects.filter(order=order).select_related("actor", "run").order_by("id")[:ROWS_MAX])
    yield _list_ledger_lines(order)
    yield _list_runs(order)
    yield _list_attempts(order, list_link_changes(order.pk))
    yield _list_cancellation(order)
    yield _list_refills(order)
    yield _list_events(order, events)


def describe_request(attempt: Attempt, *, link: str) -> SafeString:
    """Say what the provider got, without our key.

    :param link: as it was then.
    """
    order = attempt.run.order
    sent: dict[str, Any] = {
        "service": attempt.route.provider_service if attempt.route else "?",
        "link": link,
        "quantity": attempt.run.quantity,
        **order.parameters,
    }
    return format_html_join(_NEW_LINE, "{}: {}", ((name, _cut(value)) for name, value in sent.items()))


def link_at(moment: datetime, *, link: str, changes: Sequence[OrderEvent]) -> str:
    """Return an order's link as it was at a moment: what the first later change replaced.

    :param link: as it is now.
    :param changes: the events of the order that tell of a change of the link, oldest first.
    """
    return next((str(event.data["old"]) for event in changes if event.at > moment), link)


def list_link_changes(order_id: int) -> Sequence[OrderEvent]:
    """List the events that tell of a change of an order's link, oldest first."""
    return list(
        OrderEvent.objects.filter(order=order_id, kind=OrderEvent.Kind.STAFF, data__what="link_changed").order_by("id")
    )


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= PARAMETER_CHARACTERS_MAX else text[:PARAMETER_CHARACTERS_MAX] + "…"


def _list_ledger_lines(order: Order) -> Fact:
    keys = [f"charge:order:{order.pk}"]
    keys += [f"refund:order:{order.pk}:{number}" for number in range(1, order.refund_count + 1)]
    entries = LedgerEntry.objects.filter(key__in=keys).select_related("debit", "credit").order_by("id")
    return Fact(
        "Ledger",
        ("entry", "when", "debit", "credit", "amount", "balance after"),
        [(link_to(e), e.created_at, e.debit, e.credit, e.amount, e.balance_after) for e in entries],
    )


def _list_runs(order: Order) -> Fact:
    runs = Run.objects.filter(order=order).select_related("provider", "route__provider").order_by("number")[:ROWS_MAX]
    return Fact(
        "Runs",
        (
            "run", "quantity", "state", "remains", "start", "provider", "route", "its id", "due", "submitted",
            "finished", "held", "alarm",
        ),
        [
            (
                run.number, run.quantity, run.state, run.remains, run.start_count,
                run.provider and link_to(run.provider), run.route, run.provider_order,
                run.due_at, run.submitted_at, run.finished_at,
                _since(run.held_at, run.held_because), _since(run.alarm_at, run.get_alarm_display()),
            )
            for run in runs
        ],
        more=f"The first {ROWS_MAX} of {order.run_count}." if order.run_count > ROWS_MAX else "",
    )  # fmt: skip


def _list_attempts(order: Order, changes: Sequence[OrderEvent]) -> Fact:
    attempts = (
        Attempt.objects.filter(run__order=order)
        .select_related("run", "provider", "route__provider", "review")
        .order_by("-id")[:ROWS_MAX]
    )
    rows = []
    for attempt in attempts:
        attempt.run.order = order
        asked = describe_request(attempt, link=link_at(attempt.started_at, link=order.link, changes=changes))
        rows.append(
            (
                attempt.run.number, link_to(attempt.provider), asked, attempt.evidence, attempt.state, attempt.cost,
                attempt.started_at, attempt.finished_at, _link_to_review(attempt),
            )
        )  # fmt: skip
    return Fact(
        f"Attempts, newest first; costs in {settings.BASE_CURRENCY}",
        ("run", "provider", "what it got", "what it said", "outcome", "cost", "started", "finished", "review"),
        rows,
    )


def _list_cancellation(order: Order) -> Fact:
    asked = Cancellation.objects.filter(order=order)
    return Fact(
        "Cancellation",
        ("", "requested", "asked for next", "answered", "tries", "answer"),
        [(link_to(c, "request"), c.requested_at, c.forward_at, c.forwarded_at, c.tries, c.answer) for c in asked],
    )


def _list_refills(order: Order) -> Fact:
    refills = Refill.objects.filter(order=order).prefetch_related("parts").order_by("-id")[:ROWS_MAX]
    return Fact(
        "Refills, newest first",
        ("refill", "status", "requested", "finished", "the provider's ids"),
        [
            (
                link_to(refill), refill.status, refill.created_at, refill.finished_at,
                ", ".join(part.provider_refill for part in refill.parts.all() if part.provider_refill),
            )
            for refill in refills
        ],
    )  # fmt: skip


def _list_events(order: Order, events: Sequence[OrderEvent]) -> Fact:
    return Fact(
        "What happened",
        ("when", "what", "run", "details", "by"),
        [(e.at, e.kind, e.run and e.run.number, _say(e.data), e.actor) for e in events],
        more=f"The first {ROWS_MAX}." if len(events) == ROWS_MAX else "",
    )


def _link_to_review(attempt: Attempt) -> SafeString | str:
    item = getattr(attempt, "review", None)
    return link_to(item, item.resolution or "open") if item else ""


def _since(at: datetime | None, why: str) -> str:
    """Say why something is so and since when; nothing when it is not."""
    return f"{why}, since {localize(localtime(at))}" if at else ""


def _say(data: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in data.items())
