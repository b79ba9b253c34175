"""The first page a customer sees."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import api_keys
from dashboard.customer import CustomerRequest
from orders import queries

RECENT_ORDERS = 5


@login_required
@require_safe
def overview(request: CustomerRequest) -> HttpResponse:
    """Show what a customer has, what runs, and what to do first."""
    counts = queries.count_orders_by_status(request.user.pk)
    return render(
        request,
        "dashboard/overview.html",
        {
            "nav": "overview",
            "counts": counts,
            "counted": sum(counts.values()),
            "counted_max": queries.COUNTED_ORDERS_MAX,
            "recent": queries.list_orders(request.user.pk, limit=RECENT_ORDERS).orders,
            "has_key": api_keys.list_api_keys(request.user).filter(revoked_at=None).exists(),
        },
    )
