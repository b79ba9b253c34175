"""The price list, for everybody: what is on sale, one service with its past, a customer's favourites."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh, replace_url

from catalog import favourites, updates
from catalog.errors import ServiceNotFound, TooManyFavourites
from dashboard import price_chart, price_list, update_lines
from dashboard.customer import buyer_of
from dashboard.forms import SEARCH_MAX_CHARACTERS, ServiceSearchForm
from dashboard.refusals import sentence_for
from dashboard.toasts import show_toast

PAGE_SERVICES = 100  # a catalogue of 5,000 would be megabytes of HTML


@require_safe
def service_list(request: HttpRequest) -> HttpResponse:
    """List what is on sale by category, at the visitor's own prices."""
    return render(request, "dashboard/services.html", {"nav": "services", **find_services(request)})


@require_safe
def service_rows(request: HttpRequest) -> HttpResponse:
    """Give what a page with the price list shows after another letter was typed, or further down."""
    found = find_services(request)
    if found["page"].number > 1:
        return render(request, "dashboard/services_rows.html", found)
    response = render(request, "dashboard/services_found.html", found)
    # Coming back from a service finds the list as it was left.
    here = urlsplit(request.headers.get("HX-Current-URL", "")).path
    page = here if here == reverse("dashboard:landing") else reverse("dashboard:services")
    return replace_url(response, f"{page}?{found['query']}" if found["query"] else page)


def find_services(request: HttpRequest) -> dict[str, Any]:
    """Return a part of the price list as the address asks for it, for the templates that show one."""
    buyer = buyer_of(request)
    catalogue = price_list.read_catalogue(buyer)
    form = ServiceSearchForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    search, category = asked.get("q", "")[:SEARCH_MAX_CHARACTERS], asked.get("category", "")
    marked = price_list.list_favourites(request.user.pk)
    only_marked = bool(asked.get("favourites"))
    offers = price_list.find_offers(catalogue, search, category=category, among=marked if only_marked else None)
    page = Paginator(offers, PAGE_SERVICES).get_page(asked.get("page"))
    above = offers[page.start_index() - 2] if page.number > 1 else None
    narrowed = {"q": search, "category": category, "favourites": "on" if only_marked else ""}
    return {
        "search": search,
        "category": category,
        "categories": price_list.list_categories(catalogue),
        "only_favourites": only_marked,
        "query": urlencode({name: value for name, value in narrowed.items() if value}),
        "page": page,
        "prices": [price_list.price_of(offer, catalogue=catalogue, buyer=buyer) for offer in page],
        "category_above": above.category if above else "",
        "favourites": marked,
        "currency": price_list.currency_for(buyer),
        "is_empty": not catalogue.offers,
    }


@require_safe
def service_detail(request: HttpRequest, service_id: int) -> HttpResponse:
    """Show one service on sale with the past of its public rate."""
    buyer = buyer_of(request)
    catalogue = price_list.read_catalogue(buyer)
    offer = catalogue.offers.get(service_id)
    if offer is None:
        raise Http404
    currency_rate = price_list.currency_rate_for(buyer, catalogue=catalogue)
    lines = [
        update_lines.describe_update(update, currency_rate=currency_rate)
        for update in updates.list_rate_updates(service_id)
    ]
    return render(
        request,
        "dashboard/service.html",
        {
            "nav": "services",
            "price": price_list.price_of(offer, catalogue=catalogue, buyer=buyer),
            "has_own_price": buyer is not None and catalogue.has_own_prices(buyer.user_id),
            "currency": price_list.currency_for(buyer),
            "favourites": price_list.list_favourites(request.user.pk),
            "lines": lines,
            "chart": price_chart.draw_rates(lines, now=timezone.now()),
            "rates_max": updates.RATES_MAX,
        },
    )


@require_POST
def mark_favourite(request: HttpRequest, service_id: int) -> HttpResponse:
    """Mark a service as a favourite, or take the mark off; a second click of the same button changes nothing."""
    is_htmx = "HX-Request" in request.headers
    if not request.user.is_authenticated:
        # A redirect would put the login page where the star was.
        back = reverse("dashboard:service", args=[service_id])
        return HttpResponseClientRefresh() if is_htmx else redirect_to_login(back)
    refusal = ""
    try:
        if request.POST.get("marked") == "yes":
            favourites.add_favourite(customer_id=request.user.pk, service_id=service_id)
        else:
            favourites.remove_favourite(customer_id=request.user.pk, service_id=service_id)
    except ServiceNotFound:
        raise Http404 from None
    except TooManyFavourites as error:
        refusal = sentence_for(error)
    if not is_htmx:
        if refusal:
            messages.error(request, refusal)
        return redirect("dashboard:service", service_id)
    offer = price_list.read_catalogue(buyer_of(request)).offers.get(service_id)
    if offer is None:
        raise Http404
    marked = price_list.list_favourites(request.user.pk)
    response = render(request, "components/star.html", {"offer": offer, "favourites": marked})
    return show_toast(response, refusal, tone="danger") if refusal else response
