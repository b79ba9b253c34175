"""What changed in the catalogue, for everybody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog import updates
from dashboard import price_list, update_lines
from dashboard.customer import buyer_of
from dashboard.forms import read_before
from dashboard.price_list import ONE


@require_safe
def service_updates(request: HttpRequest) -> HttpResponse:
    """List changes of services, newest first: public prices, in the visitor's currency."""
    buyer = buyer_of(request)
    before = read_before(request.GET)
    page = updates.list_public_updates(before=before)
    # A visitor's currency is the base currency, and needs no catalogue.
    currency_rate = price_list.currency_rate_for(buyer, catalogue=price_list.read_catalogue(buyer)) if buyer else ONE
    zone = timezone.get_current_timezone()
    return render(
        request,
        "dashboard/service_updates.html",
        {
            "nav": "service_updates",
            "days": update_lines.list_days(page.rows, currency_rate=currency_rate, zone=zone),
            "currency": price_list.currency_for(buyer),
            "before": before,
            "next_before": page.next_key,
        },
    )
