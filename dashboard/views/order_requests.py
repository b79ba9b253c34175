"""What a customer asks for about orders, one or many: to stop them, to deliver again what dropped off."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.errors import AccountSuspended
from dashboard.customer import CustomerRequest
from dashboard.forms import SelectedOrdersForm
from dashboard.refusals import sentence_for
from dashboard.templatetags.rows import order_row
from dashboard.toasts import show_toast
from dashboard.views.orders import rows_of
from orders import cancellations, listing, refills
from orders.errors import OrderNotFound
from orders.listing import OrderFilter
from panel.errors import DomainError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request about one of many orders."""

    order_id: int
    is_done: bool
    text: str


@login_required
@require_POST
def cancel_order(request: CustomerRequest, order_id: int) -> HttpResponse:
    """Ask for an order to be stopped."""
    return _answer(request, order_id, _cancel)


@login_required
@require_POST
def refill_order(request: CustomerRequest, order_id: int) -> HttpResponse:
    """Ask for what dropped off an order to be delivered again."""
    return _answer(request, order_id, _refill)


@login_required
@require_POST
def cancel_selected(request: CustomerRequest) -> HttpResponse:
    """Ask for the ticked orders to be stopped."""
    return _answer_all(request, _cancel)


@login_required
@require_POST
def refill_selected(request: CustomerRequest) -> HttpResponse:
    """Ask for refills of the ticked orders."""
    return _answer_all(request, _refill)


def _cancel(request: CustomerRequest, order_id: int) -> str:
    cancellations.request_cancellation(user_id=request.user.pk, order_id=order_id)
    return _("Cancellation requested. What is not delivered will be refunded.")


def _refill(request: CustomerRequest, order_id: int) -> str:
    refill_id = refills.request_refill(user_id=request.user.pk, order_id=order_id)
    return _("Refill %(id)s requested.") % {"id": refill_id}


def _answer(request: CustomerRequest, order_id: int, ask: Callable[[CustomerRequest, int], str]) -> HttpResponse:
    try:
        outcome = _attempt(request, order_id, ask)
    except OrderNotFound:
        raise Http404 from None
    if not request.htmx:
        show = messages.success if outcome.is_done else messages.error
        show(request, outcome.text)
        return redirect("dashboard:order", order_id)
    orders = listing.list_orders(request.user.pk, wanted=OrderFilter(ids=(order_id,))).rows
    return show_toast(
        HttpResponse(order_row(rows_of(request, orders)[0])),
        outcome.text,
        tone="success" if outcome.is_done else "danger",
    )


def _answer_all(request: CustomerRequest, ask: Callable[[CustomerRequest, int], str]) -> HttpResponse:
    """Ask about each order by itself: a refusal of one does not touch the others."""
    form = SelectedOrdersForm(request.POST)
    outcomes = []
    if form.is_valid():
        for order_id in form.cleaned_data["order"]:
            try:
                outcomes.append(_attempt(request, order_id, ask))
            except OrderNotFound:
                outcomes.append(Outcome(order_id, is_done=False, text=_("None of your orders has this ID.")))
    wanted = OrderFilter(ids=tuple(outcome.order_id for outcome in outcomes))
    orders = listing.list_orders(request.user.pk, wanted=wanted).rows if outcomes else []
    return render(
        request,
        "dashboard/order_outcomes.html" if request.htmx else "dashboard/order_outcomes_page.html",
        {
            "nav": "orders",
            "form": form,
            "outcomes": outcomes,
            "done": sum(outcome.is_done for outcome in outcomes),
            "rows": rows_of(request, orders),
        },
    )


def _attempt(request: CustomerRequest, order_id: int, ask: Callable[[CustomerRequest, int], str]) -> Outcome:
    try:
        # The API refuses every action of a suspended account; the website must not be the way around it.
        if request.user.is_suspended:
            raise AccountSuspended
        return Outcome(order_id, is_done=True, text=ask(request, order_id))
    except OrderNotFound:
        raise
    except DomainError as refusal:
        return Outcome(order_id, is_done=False, text=sentence_for(refusal))
