"""A customer's orders that are delivered in runs."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import live_rows, order_rows
from dashboard.customer import CustomerRequest, part_for_customers
from dashboard.forms import PageForm
from dashboard.views.orders import rows_of
from orders import listing
from orders.listing import OrderFilter


@login_required
@require_safe
def dripfeed_list(request: CustomerRequest) -> HttpResponse:
    """List drip-feeds with their progress, newest first."""
    form = PageForm(request.GET)
    before = form.cleaned_data["before"] if form.is_valid() else None
    page = listing.list_dripfeeds(request.user.pk, before=before)
    progress = listing.measure_progress([order.pk for order in page.rows])
    rows = rows_of(request, page.rows, progress=progress)
    return render(
        request,
        "dashboard/dripfeeds.html",
        {"nav": "orders", "page": page, "rows": rows, "watched": order_rows.watched(rows), "before": before},
    )


@part_for_customers
@require_safe
def dripfeed_rows_live(request: CustomerRequest) -> HttpResponse:
    """Give the rows of an open list that have changed since they were drawn."""
    shown = live_rows.read(request.GET.get("rows", ""))
    wanted = OrderFilter(ids=tuple(shown))
    orders = listing.list_orders(request.user.pk, wanted=wanted).rows if shown else []
    rows = rows_of(request, orders, progress=listing.measure_progress([order.pk for order in orders]))
    return render(
        request,
        "dashboard/dripfeed_rows_live.html",
        {"rows": [row for row in rows if row.sign != shown[row.order.pk]], "watched": order_rows.watched(rows)},
    )
