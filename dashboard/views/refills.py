"""The refills that a customer asked for."""

from collections.abc import Iterable

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import live_rows
from dashboard.customer import CustomerRequest, part_for_customers
from dashboard.forms import read_before
from dashboard.order_rows import Words
from orders import listing
from orders.models import Refill


@login_required
@require_safe
def refill_list(request: CustomerRequest) -> HttpResponse:
    """List refills, newest first."""
    before = read_before(request.GET)
    page = listing.list_refills(request.user.pk, before=before)
    return render(
        request,
        "dashboard/refills.html",
        {"nav": "orders", "page": page, "watched": _watched(page.rows), "before": before, "words": Words()},
    )


@part_for_customers
@require_safe
def refill_rows_live(request: CustomerRequest) -> HttpResponse:
    """Give the rows of an open list that have changed since they were drawn."""
    shown = live_rows.read(request.GET.get("rows", ""))
    found = listing.list_refills_by_id(request.user.pk, list(shown)) if shown else []
    return render(
        request,
        "dashboard/refill_rows_live.html",
        {
            "refills": [refill for refill in found if _sign(refill) != shown[refill.pk]],
            "watched": _watched(found),
            "words": Words(),
        },
    )


def _watched(refills: Iterable[Refill]) -> str:
    return live_rows.write({refill.pk: _sign(refill) for refill in refills if refill.status in Refill.OPEN})


def _sign(refill: Refill) -> str:
    return live_rows.sign(refill.status)
