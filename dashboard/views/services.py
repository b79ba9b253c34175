"""The price list, for everybody."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import price_list
from dashboard.customer import buyer_of
from dashboard.forms import SEARCH_MAX_CHARACTERS

PAGE_SERVICES = 100  # a catalogue of 5,000 would be megabytes of HTML


@require_safe
def service_list(request: HttpRequest) -> HttpResponse:
    """List what is on sale by category, at the visitor's own prices."""
    buyer = buyer_of(request)
    catalogue = price_list.read_catalogue(buyer)
    search = request.GET.get("q", "").strip()[:SEARCH_MAX_CHARACTERS]
    page = Paginator(price_list.find_offers(catalogue, search), PAGE_SERVICES).get_page(request.GET.get("page"))
    return render(
        request,
        "dashboard/services.html",
        {
            "nav": "services",
            "search": search,
            "page": page,
            "prices": [price_list.price_of(offer, catalogue=catalogue, buyer=buyer) for offer in page],
            "currency": price_list.currency_for(buyer),
            "is_empty": not catalogue.offers,
        },
    )
