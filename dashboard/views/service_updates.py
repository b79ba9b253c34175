"""What changed in the catalogue, for everybody."""

from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog import updates
from dashboard import price_list, update_lines
from dashboard.customer import buyer_of
from dashboard.forms import StatementForm


@require_safe
def service_updates(request: HttpRequest) -> HttpResponse:
    """List changes of services, newest first: public prices, in the visitor's currency."""
    buyer = buyer_of(request)
    form = StatementForm(request.GET)
    before = form.cleaned_data["before"] if form.is_valid() else None
    page = updates.list_public_updates(before=before)
    currency_rate = price_list.read_catalogue(buyer).currencies[buyer.currency] if buyer else Decimal(1)
    return render(
        request,
        "dashboard/service_updates.html",
        {
            "nav": "service_updates",
            "days": update_lines.list_days(page.updates, currency_rate=currency_rate),
            "currency": price_list.currency_for(buyer),
            "before": before,
            "next_before": page.next_before,
        },
    )
