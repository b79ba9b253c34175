"""A customer's orders that are delivered in runs."""

from collections.abc import Sequence

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import order_rows
from dashboard.customer import CustomerRequest, part_for_customers
from dashboard.forms import read_before
from dashboard.order_rows import OrderRow
from dashboard.views.orders import find_changes, rows_of
from orders import listing
from orders.models import Order


@login_required
@require_safe
def dripfeed_list(request: CustomerRequest) -> HttpResponse:
    """List drip-feeds with their progress, newest first."""
    before = read_before(request.GET)
    page = listing.list_dripfeeds(request.user.pk, before=before)
    rows = _rows_of(request, page.rows)
    return render(
        request,
        "dashboard/dripfeeds.html",
        {"nav": "orders", "page": page, "rows": rows, "watched": order_rows.watched(rows), "before": before},
    )


@part_for_customers
@require_safe
def dripfeed_rows_live(request: CustomerRequest) -> HttpResponse:
    """Give the rows of an open list that have changed since they were drawn."""
    return render(request, "dashboard/dripfeed_rows_live.html", find_changes(request, _rows_of))


def _rows_of(request: CustomerRequest, orders: Sequence[Order]) -> list[OrderRow]:
    return rows_of(request, orders, progress=listing.measure_progress([order.pk for order in orders]))
