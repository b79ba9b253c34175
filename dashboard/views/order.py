"""One order's page: what was ordered, everything that happened to it, and its money."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from dashboard import ledger_lines, live_rows, order_rows, timeline
from dashboard.customer import CustomerRequest, buyer_of, part_for_customers
from dashboard.forms import LABELS, read_before
from dashboard.refusals import sentence_for
from orders import queries
from orders.errors import OrderNotFound
from orders.models import Order, Refill
from orders.transitions import FINAL_STATUSES, Status
from panel.errors import DomainError
from panel.money import ZERO


@login_required
@require_safe
def order_detail(request: CustomerRequest, order_id: int) -> HttpResponse:
    """Show one order with everything that happened to it."""
    told = _tell(request, order_id, events_before=read_before(request.GET))
    return render(request, "dashboard/order.html", {"nav": "orders", **told})


@part_for_customers
@require_safe
def order_live(request: CustomerRequest, order_id: int) -> HttpResponse:
    """Give the part of an order's page that changes while it runs; nothing when it shows that already."""
    told = _tell(request, order_id)
    if request.GET.get("shown") == told["sign"]:
        return HttpResponse(status=204)
    return render(request, "dashboard/order_live.html", told)


def _tell(request: CustomerRequest, order_id: int, *, events_before: int | None = None) -> dict[str, Any]:
    user, buyer = request.user, buyer_of(request)
    try:
        order = queries.get_order(user.pk, order_id)
    except OrderNotFound:
        raise Http404 from None
    currency = buyer.currency if buyer else ""
    refill_list = list(order.refills.order_by("-pk"))
    has_open_refill = any(refill.status in Refill.OPEN for refill in refill_list)
    runs = [timeline.describe_run(run) for run in order.runs.order_by("number")]
    page = queries.list_events(order, before=events_before)
    no_cancel = queries.cancel_refusal(order, is_suspended=user.is_suspended)
    no_refill = queries.refill_refusal(order, has_open_refill=has_open_refill, is_suspended=user.is_suspended)
    return {
        "order": order,
        "currency": currency,
        "net": order.charge - order.refunded,
        "is_refunded": order.refunded > ZERO,
        "delivered": order.quantity - order.remains,
        "parameters": _parameters(order),
        "runs": runs if order.run_count > 1 else [],
        "runs_done": sum(run.is_over for run in runs),
        "next_run": min((run for run in runs if run.is_waiting), key=lambda run: run.starts_at, default=None),
        "steps": [timeline.describe_event(event, order=order, currency=currency) for event in page.rows],
        "events_before": events_before,
        "older_url": f"{reverse('dashboard:order', args=[order.pk])}?before={page.next_key}" if page.next_key else "",
        "lines": _explain_money(order),
        "refills": refill_list,
        "is_live": events_before is None and (order.status not in FINAL_STATUSES or has_open_refill),
        "sign": live_rows.sign(
            order.status,
            order.remains,
            order.start_count,
            order.refunded,
            [event.pk for event in page.rows[:1]],
            [(run.word, run.delivered) for run in runs],
            [refill.status for refill in refill_list],
        ),
        "again_url": order_rows.again_url(order, reverse("dashboard:new_order")),
        "can_cancel": no_cancel is None and not hasattr(order, "cancellation"),
        "can_refill": no_refill is None,
        "cancel_refusal": _say(no_cancel) if order.status not in FINAL_STATUSES else "",
        "refill_refusal": _say(no_refill) if order.status != Status.CANCELED else "",
    }


def _explain_money(order: Order) -> list[tuple[ledger_lines.Line, str]]:
    """Return the order's lines of the statement, each refund with its arithmetic."""
    lines = [ledger_lines.describe_entry(entry) for entry in queries.list_ledger_entries(order)]
    # Each refund wrote one line and one event in the same transaction, so they come in the same order.
    sums = iter([timeline.explain_refund(data=event.data) for event in queries.list_refund_events(order)])
    return [(line, next(sums, "") if line.change > ZERO else "") for line in lines]


def _parameters(order: Order) -> list[tuple[str, str]]:
    """Return what the service's type asked for, as label and text."""
    return [
        (str(LABELS.get(name, name)), "\n".join(value) if isinstance(value, list) else str(value))
        for name, value in order.parameters.items()
    ]


def _say(refusal: type[DomainError] | None) -> str:
    return sentence_for(refusal) if refusal else ""
