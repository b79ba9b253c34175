"""Ordering on the website: find a service, see what the order would be, place it."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from catalog.snapshot import Offer, Snapshot
from catalog.types import TYPES
from dashboard import price_list
from dashboard.customer import CustomerRequest, buyer_of
from dashboard.forms import SEARCH_MAX_CHARACTERS, OrderForm, ServiceSearchForm
from dashboard.order_preview import Preview, field_of, preview_order, say_refusal
from dashboard.templatetags.panel import amount
from orders import placement, queries
from orders.errors import OrderNotFound
from orders.models import Order
from orders.placement import Buyer
from panel.errors import DomainError
from wallet.errors import InsufficientBalance

CHOICES_MAX = 120  # services listed at a time; another letter, or a category, finds the others
FAVOURITES = "favourites"  # chosen in place of a category


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_order(request: CustomerRequest) -> HttpResponse:
    """Choose a service, fill in its fields, order."""
    buyer = buyer_of(request)
    if buyer is None:
        return render(request, "dashboard/new_order.html", {"nav": "new_order"})
    catalogue = price_list.read_catalogue(buyer)
    is_sent = request.method == "POST"
    sent = request.POST.dict() if is_sent else _again(request) or request.GET.dict()
    asked = sent.get("service", "")
    offer = price_list.find_offer(catalogue, asked)
    context: dict[str, object] = {
        "nav": "new_order",
        "form": None,
        "is_gone": offer is None and (is_sent or bool(asked)),
        "placed": None if is_sent else _placed_order(request),
    }
    if offer is None:
        context |= {"categories": price_list.list_categories(catalogue)}
        context |= _find_choices(request, catalogue, buyer)
        return render(request, "dashboard/new_order.html", context)
    form = OrderForm(sent, offer=offer)
    if is_sent and form.is_valid():
        order_id = _place(buyer=buyer, form=form)
        if order_id is not None:
            # The same service again: whoever orders all day has the next link ready.
            address = reverse("dashboard:new_order")
            return redirect(f"{address}?{urlencode({'placed': order_id, 'service': offer.id})}")
    context |= {
        "form": form if is_sent else OrderForm(initial=sent, offer=offer),
        "price": price_list.price_of(offer, catalogue=catalogue, buyer=buyer),
        "currency": buyer.currency,
        "favourites": price_list.list_favourites(buyer.user_id),
        "quantity_source": TYPES[offer.type].quantity,
        "is_per_run": settings.DRIPFEED_QUANTITY == "per_run",
        "preview": _preview(buyer, form, is_asked=is_sent or bool(sent.get("link") or sent.get("quantity"))),
    }
    return render(request, "dashboard/new_order.html", context)


@require_safe
def service_choices(request: HttpRequest) -> HttpResponse:
    """Give the services that match what is being typed."""
    buyer = buyer_of(request)
    if buyer is None:
        return HttpResponseClientRefresh()  # logged out meanwhile: the page itself leads to the login
    catalogue = price_list.read_catalogue(buyer)
    return render(request, "dashboard/new_order_choices.html", _find_choices(request, catalogue, buyer))


@require_POST
def order_preview(request: HttpRequest) -> HttpResponse:
    """Say what the order in the form would cost and why it would be refused; nothing is touched."""
    buyer = buyer_of(request)
    offer = price_list.find_offer(price_list.read_catalogue(buyer), request.POST.get("service", "")) if buyer else None
    if buyer is None or offer is None:
        return HttpResponseClientRefresh()  # logged out, or no longer on sale: the page itself says so
    form = OrderForm(request.POST, offer=offer)
    preview = _preview(buyer, form)
    fields = [(form[name], preview.errors.get(name, ())) for name in form.fields]
    context = {"preview": preview, "currency": buyer.currency, "fields": fields}
    return render(request, "dashboard/new_order_preview.html", context)


def _preview(buyer: Buyer, form: OrderForm, *, is_asked: bool = True) -> Preview:
    return preview_order(buyer=buyer, form=form, now=timezone.now()) if is_asked else Preview(balance=buyer.balance)


def _find_choices(request: HttpRequest, catalogue: Snapshot, buyer: Buyer) -> dict[str, object]:
    """Return the services to choose from: what is searched for, likeliest first, or favourites and then all."""
    form = ServiceSearchForm(request.GET)
    form.is_valid()
    search = form.cleaned_data.get("q", "")[:SEARCH_MAX_CHARACTERS]
    category = form.cleaned_data.get("category", "")
    marked = price_list.list_favourites(buyer.user_id)
    among = marked if category == FAVOURITES else None
    found = price_list.find_offers(catalogue, search, category="" if among is not None else category, among=among)
    if search:
        found = price_list.rank_offers(found, search, first=marked)
    shown = found[:CHOICES_MAX]
    favourites = [offer for offer in found if offer.id in marked] if not search and not category else []
    return {
        "search": search,
        "category": category,
        "prices": _price(shown, catalogue, buyer),
        "favourite_prices": _price(favourites[:CHOICES_MAX], catalogue, buyer),
        "favourites": marked,
        "left_out": len(found) - len(shown),
        "is_empty": not catalogue.offers,
        "currency": buyer.currency,
        # What was filled in before the customer turned to another service.
        "kept": urlencode({name: request.GET[name] for name in ("link", "quantity") if request.GET.get(name)}),
    }


def _price(offers: list[Offer], catalogue: Snapshot, buyer: Buyer) -> list[price_list.Price]:
    return [price_list.price_of(offer, catalogue=catalogue, buyer=buyer) for offer in offers]


def _again(request: CustomerRequest) -> dict[str, str]:
    """Return the fields of the order that the address wants once more, when it is one of the customer's."""
    order = _own_order(request, "again")
    if order is None:
        return {}
    is_per_run = order.run_count > 1 and settings.DRIPFEED_QUANTITY == "per_run"
    fields = {
        "service": str(order.service_id),
        "link": order.link,
        "quantity": str(order.quantity // order.run_count if is_per_run else order.quantity),
    }
    if order.run_count > 1:
        fields |= {"runs": str(order.run_count), "interval": str(order.interval_minutes)}
    for name, value in order.parameters.items():
        fields[name] = "\n".join(value) if isinstance(value, list) else str(value)
    return fields


def _placed_order(request: CustomerRequest) -> Order | None:
    """Return the order that was just placed, when the address names one of the customer's."""
    return _own_order(request, "placed")


def _own_order(request: CustomerRequest, parameter: str) -> Order | None:
    number = request.GET.get(parameter, "")
    if not price_list.is_id(number):
        return None
    try:
        return queries.get_order(request.user.pk, int(number))
    except OrderNotFound:
        return None


def _place(*, buyer: Buyer, form: OrderForm) -> int | None:
    """Place the order, or put the refusal beside the field it is about."""
    draft = form.draft()
    try:
        return placement.place_order(buyer=buyer, draft=draft).order_id
    except InsufficientBalance:
        charge = placement.quote_order(buyer=buyer, draft=draft).charge
        facts: dict[str, Any] = {
            "charge": amount(charge),
            "balance": amount(buyer.balance),
            "currency": buyer.currency,
        }
        sentence = gettext("This order costs %(charge)s %(currency)s, your balance is %(balance)s %(currency)s.")
        form.add_error(None, sentence % facts)
    except DomainError as refusal:
        form.add_error(field_of(refusal, form), say_refusal(refusal, draft))
    return None
