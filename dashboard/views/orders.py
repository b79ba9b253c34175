"""A customer's orders: the list, one order's story, canceling and refilling."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts.errors import AccountSuspended
from accounts.models import User
from dashboard import ledger_lines, timeline
from dashboard.customer import CustomerRequest, buyer_of
from dashboard.forms import LABELS, OrderSearchForm
from dashboard.refusals import sentence_for
from orders import cancellations, queries, refills
from orders.errors import OrderNotFound
from orders.models import Order, Refill
from orders.placement import Buyer
from orders.transitions import FINAL_STATUSES, Status
from panel.errors import DomainError
from panel.money import ZERO


@login_required
@require_safe
def order_list(request: CustomerRequest) -> HttpResponse:
    """List the customer's orders, newest first."""
    form = OrderSearchForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    status = Status(asked["status"]) if asked.get("status") else None
    search, before = asked.get("q", ""), asked.get("before")
    page = queries.list_orders(request.user.pk, before=before, status=status, search=search)
    return render(
        request,
        "dashboard/orders.html",
        {
            "nav": "orders",
            "page": page,
            "search": search,
            "status": status or "",
            "statuses": list(Status),
            "before": before,
            "is_filtered": bool(search or status),
            "scanned_max": queries.SCANNED_ORDERS_MAX,
        },
    )


@login_required
@require_safe
def order_detail(request: CustomerRequest, order_id: int) -> HttpResponse:
    """Show one order with everything that happened to it."""
    return render(
        request, "dashboard/order.html", {"nav": "orders", **_tell(request.user, order_id, buyer=buyer_of(request))}
    )


@require_safe
def order_live(request: HttpRequest, order_id: int) -> HttpResponse:
    """Give the part of an order's page that changes while it runs."""
    if not request.user.is_authenticated:
        # A redirect would put the login page into the middle of the order.
        return HttpResponseClientRefresh()
    return render(request, "dashboard/order_live.html", _tell(request.user, order_id, buyer=buyer_of(request)))


@login_required
@require_POST
def cancel_order(request: CustomerRequest, order_id: int) -> HttpResponse:
    """Ask for an order to be stopped."""
    try:
        _refuse_suspended(request)
        cancellations.request_cancellation(user_id=request.user.pk, order_id=order_id)
    except OrderNotFound:
        raise Http404 from None
    except DomainError as refusal:
        messages.error(request, sentence_for(refusal))
    else:
        messages.success(request, "Cancellation requested. What is not delivered will be refunded.")
    return redirect("dashboard:order", order_id)


@login_required
@require_POST
def refill_order(request: CustomerRequest, order_id: int) -> HttpResponse:
    """Ask for what dropped off an order to be delivered again."""
    try:
        _refuse_suspended(request)
        refill_id = refills.request_refill(user_id=request.user.pk, order_id=order_id)
    except OrderNotFound:
        raise Http404 from None
    except DomainError as refusal:
        messages.error(request, sentence_for(refusal))
    else:
        messages.success(request, f"Refill {refill_id} requested.")
    return redirect("dashboard:order", order_id)


def _refuse_suspended(request: CustomerRequest) -> None:
    # The API refuses every action of a suspended account; the website must not be the way around it.
    if request.user.is_suspended:
        raise AccountSuspended


def _tell(user: User, order_id: int, *, buyer: Buyer | None) -> dict[str, object]:
    try:
        order = queries.get_order(user.pk, order_id)
    except OrderNotFound:
        raise Http404 from None
    currency = buyer.currency if buyer else ""
    refill_list = list(order.refills.order_by("-pk"))
    runs = [timeline.describe_run(run) for run in order.runs.order_by("number")]
    no_cancel = queries.cancel_refusal(order, is_suspended=user.is_suspended)
    no_refill = queries.refill_refusal(order, refill_list, is_suspended=user.is_suspended)
    return {
        "order": order,
        "currency": currency,
        "net": order.charge - order.refunded,
        "is_refunded": order.refunded > ZERO,
        "delivered": order.quantity - order.remains,
        "parameters": _parameters(order),
        "runs": runs if order.run_count > 1 else [],
        "runs_done": sum(run.is_over for run in runs),
        "steps": [
            timeline.describe_event(event, order=order, currency=currency) for event in queries.list_events(order)
        ],
        "lines": [ledger_lines.describe_entry(entry) for entry in queries.list_ledger_entries(order)],
        "refills": refill_list,
        "is_live": order.status not in FINAL_STATUSES or any(r.status in Refill.OPEN for r in refill_list),
        "can_cancel": no_cancel is None and not hasattr(order, "cancellation"),
        "can_refill": no_refill is None,
        "cancel_refusal": _say(no_cancel) if order.status not in FINAL_STATUSES else "",
        "refill_refusal": _say(no_refill) if order.status != Status.CANCELED else "",
    }


def _parameters(order: Order) -> list[tuple[str, str]]:
    """Return what the service's type asked for, as label and text."""
    return [
        (str(LABELS.get(name, name)), "\n".join(value) if isinstance(value, list) else str(value))
        for name, value in order.parameters.items()
    ]


def _say(refusal: type[DomainError] | None) -> str:
    return sentence_for(refusal) if refusal else ""
