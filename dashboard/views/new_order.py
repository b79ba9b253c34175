"""Ordering on the website."""

from collections.abc import Sequence

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from catalog.snapshot import Offer, Snapshot
from catalog.types import TYPES
from dashboard import price_list
from dashboard.customer import CustomerRequest, buyer_of
from dashboard.forms import SEARCH_MAX_CHARACTERS, OrderForm
from dashboard.refusals import sentence_for
from dashboard.templatetags.panel import amount
from orders import placement
from orders.errors import DripfeedIncomplete, DripfeedNotOffered, ParameterMissing, QuantityTooHigh, QuantityTooLow
from orders.placement import Buyer, Draft
from panel.errors import DomainError
from wallet.errors import InsufficientBalance

CHOICES_MAX = 300  # services offered in one select; a search finds the others


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_order(request: CustomerRequest) -> HttpResponse:
    """Choose a service, fill in its fields, order."""
    buyer = buyer_of(request)
    if buyer is None:
        return render(request, "dashboard/new_order.html", {"nav": "new_order"})
    catalogue = price_list.read_catalogue(buyer)
    search = request.GET.get("q", "").strip()[:SEARCH_MAX_CHARACTERS]
    offer = _chosen_offer(request, catalogue, search)
    form = None
    if offer is not None:
        form = OrderForm(request.POST if request.method == "POST" else None, offer=offer)
        if form.is_bound and form.is_valid():
            order_id = _place(buyer=buyer, form=form)
            if order_id is not None:
                messages.success(request, f"Order {order_id} placed.")
                return redirect("dashboard:order", order_id)
    return render(
        request,
        "dashboard/new_order.html",
        {
            "nav": "new_order",
            "form": form,
            "is_gone": request.method == "POST" and offer is None,
            "price": price_list.price_of(offer, catalogue=catalogue, buyer=buyer) if offer else None,
            "quantity_source": TYPES[offer.type].quantity if offer else "",
            "is_per_run": settings.DRIPFEED_QUANTITY == "per_run",
            **_choices(request, catalogue, offer, search),
        },
    )


def _chosen_offer(request: CustomerRequest, catalogue: Snapshot, search: str) -> Offer | None:
    """Return the service asked for, unless the visitor has since turned to another category or search."""
    sent = request.POST if request.method == "POST" else request.GET
    text = sent.get("service", "")
    # Longer than any id; int() would also take what is no plain number.
    offer = catalogue.offers.get(int(text)) if text.isascii() and text.isdecimal() and len(text) < 11 else None  # noqa: PLR2004
    if offer is None or request.method == "POST":
        return offer
    if search:
        return offer if offer in price_list.find_offers(catalogue, search) else None
    return offer if request.GET.get("category", offer.category) == offer.category else None


def _choices(request: CustomerRequest, catalogue: Snapshot, offer: Offer | None, search: str) -> dict[str, object]:
    """Return what the select offers: what is searched for, or one category."""
    categories = price_list.list_categories(catalogue)
    category = offer.category if offer else request.GET.get("category", "")
    if category not in categories:
        category = categories[0] if categories else ""
    found: Sequence[Offer]
    if search:
        found = price_list.find_offers(catalogue, search)
    else:
        found = [other for other in catalogue.offers.values() if other.category == category]
    shown = list(found[:CHOICES_MAX])
    if offer and offer not in shown:
        shown.insert(0, offer)
    return {
        "search": search,
        "categories": categories,
        "category": category,
        "choices": shown,
        "left_out": max(len(found) - CHOICES_MAX, 0),
    }


def _place(*, buyer: Buyer, form: OrderForm) -> int | None:
    """Place the order, or put the refusal beside the field it is about."""
    draft = form.draft()
    try:
        return placement.place_order(buyer=buyer, draft=draft).order_id
    except InsufficientBalance:
        charge = placement.quote_order(buyer=buyer, draft=draft).charge
        form.add_error(
            None,
            f"This order costs {amount(charge)} {buyer.currency}, "
            f"your balance is {amount(buyer.balance)} {buyer.currency}.",
        )
    except QuantityTooLow as refusal:
        form.add_error(form.quantity_field, _too_low(refusal, draft))
    except DomainError as refusal:
        form.add_error(_field_of(refusal, form), sentence_for(refusal))
    return None


def _too_low(refusal: QuantityTooLow, draft: Draft) -> str:
    if draft.runs is None:
        return sentence_for(refusal)
    return (
        f"A run would have only {refusal.quantity:,}. The minimum of this service is {refusal.minimum:,} in each run."
    )


def _field_of(refusal: DomainError, form: OrderForm) -> str | None:
    if isinstance(refusal, QuantityTooHigh):
        return form.quantity_field
    if isinstance(refusal, DripfeedIncomplete):
        return "interval" if form.cleaned_data.get("runs") else "runs"
    if isinstance(refusal, DripfeedNotOffered):
        return None
    if isinstance(refusal, ParameterMissing) and refusal.parameter in form.fields:
        return refusal.parameter
    return None
