"""A customer's orders: the list, what changes in it while it is open, and all of it as a file."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard import live_rows, order_rows
from dashboard.customer import CustomerRequest, buyer_of, part_for_customers
from dashboard.forms import OrderSearchForm
from dashboard.order_rows import OrderRow
from dashboard.words import word_for
from orders import listing
from orders.listing import OrderFilter, Progress
from orders.models import Order
from orders.transitions import Status
from panel.csv_export import stream_csv
from panel.money import format_amount

FILTERS = ("q", "status", "service", "since", "until")
EXPORTED = (
    "pk",
    "created_at",
    "service_id",
    "service__name",
    "link",
    "quantity",
    "start_count",
    "remains",
    "status",
    "charge",
    "refunded",
    "finished_at",
    "run_count",
    "interval_minutes",
)


@login_required
@require_safe
def order_list(request: CustomerRequest) -> HttpResponse:
    """List the customer's orders, newest first."""
    form = OrderSearchForm(request.GET)
    form.is_valid()
    wanted, before = form.wanted(), form.cleaned_data.get("before")
    page = listing.list_orders(request.user.pk, wanted=wanted, before=before)
    rows = rows_of(request, page.rows)
    return render(
        request,
        "dashboard/orders.html",
        {
            "nav": "orders",
            "form": form,
            "page": page,
            "rows": rows,
            "watched": order_rows.watched(rows),
            "before": before,
            "is_filtered": wanted != OrderFilter(),
            "missing_ids": _missing(form.order_ids, page.rows),
            "services": {order.service_id: order.service.name for order in page.rows},
            "export_url": f"{reverse('dashboard:orders_csv')}{_query_of(request.GET)}",
        },
    )


@part_for_customers
@require_safe
def order_rows_live(request: CustomerRequest) -> HttpResponse:
    """Give the rows of an open list that have changed since they were drawn."""
    return render(request, "dashboard/order_rows_live.html", find_changes(request, rows_of))


@login_required
@require_safe
def orders_csv(request: CustomerRequest) -> StreamingHttpResponse:
    """Give every order that the filters leave as a CSV file, however many there are."""
    form = OrderSearchForm(request.GET)
    form.is_valid()
    buyer = buyer_of(request)
    return stream_csv(
        filename=f"orders-{timezone.localdate():%Y-%m-%d}.csv",
        header=[
            _("Order"),
            _("Ordered"),
            _("Service ID"),
            _("Service"),
            _("Link"),
            _("Quantity"),
            _("Start count"),
            _("Remains"),
            _("Status"),
            _("Charge"),
            _("Refunded"),
            _("Net charge"),
            _("Currency"),
            _("Ended"),
            _("Runs"),
            _("Minutes between runs"),
        ],
        rows=_write_rows(
            listing.stream_orders(request.user.pk, EXPORTED, wanted=form.wanted()),
            currency=buyer.currency if buyer else "",
        ),
    )


def rows_of(
    request: CustomerRequest, orders: Sequence[Order], *, progress: dict[int, Progress] | None = None
) -> list[OrderRow]:
    """Make rows of a customer's orders, as they may be dealt with now.

    :param progress: of drip-feeds, by order.
    """
    return order_rows.describe_orders(
        orders,
        open_refills=listing.find_open_refills([order.pk for order in orders if order.finished_at is not None]),
        is_suspended=request.user.is_suspended,
        progress=progress,
    )


def find_changes(
    request: CustomerRequest, describe: Callable[[CustomerRequest, Sequence[Order]], list[OrderRow]]
) -> dict[str, Any]:
    """Return which rows of an open list have changed since they were drawn, and which may change again.

    :param describe: makes the list's rows.
    """
    shown = live_rows.read(request.GET.get("rows", ""))
    wanted = OrderFilter(ids=tuple(shown))
    rows = describe(request, listing.list_orders(request.user.pk, wanted=wanted).rows) if shown else []
    return {
        "rows": [row for row in rows if row.sign != shown[row.order.pk]],
        "watched": order_rows.watched(rows),
    }


def _write_rows(found: Iterator[Any], *, currency: str) -> Iterator[Sequence[object]]:
    zone = timezone.get_current_timezone()
    words = {status.value: word_for(status) for status in Status}
    for order in found:
        ended = order.finished_at
        yield (
            order.pk,
            order.created_at.astimezone(zone).isoformat(sep=" ", timespec="seconds"),
            order.service_id,
            order.service__name,
            order.link,
            order.quantity,
            order.start_count,
            order.remains,
            words[order.status],
            format_amount(order.charge),
            format_amount(order.refunded),
            format_amount(order.charge - order.refunded),
            currency,
            ended.astimezone(zone).isoformat(sep=" ", timespec="seconds") if ended else None,
            order.run_count,
            order.interval_minutes,
        )


def _missing(order_ids: Sequence[int], orders: Sequence[Order]) -> list[int]:
    """Return the ids that were looked for in vain."""
    found = {order.pk for order in orders}
    return [order_id for order_id in order_ids if order_id not in found]


def _query_of(sent: QueryDict) -> str:
    kept = QueryDict(mutable=True)
    for name in FILTERS:
        if sent.get(name):
            kept[name] = sent.get(name, "")
    return f"?{kept.urlencode()}" if kept else ""
