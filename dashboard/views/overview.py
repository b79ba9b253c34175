"""The first page a customer sees."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from accounts import api_keys
from catalog import updates
from content import queries as content
from dashboard import price_list, update_lines
from dashboard.charts import Chart, Series
from dashboard.customer import CustomerRequest, buyer_of
from orders import listing, queries
from orders.placement import Buyer
from wallet import days
from wallet.days import Days

RECENT_ORDERS = 5
RECENT_UPDATES = 5
RECENT_NEWS = 2
CHART_DAYS = 30


@login_required
@require_safe
def overview(request: CustomerRequest) -> HttpResponse:
    """Show what a customer has, what runs, and what to do first."""
    buyer = buyer_of(request)
    counts = queries.count_orders_by_status(request.user.pk)
    currency_rate = price_list.read_catalogue(buyer).currencies[buyer.currency] if buyer else None
    return render(
        request,
        "dashboard/overview.html",
        {
            "nav": "overview",
            "counts": counts,
            "counted": sum(counts.values()),
            "counted_max": queries.COUNTED_ORDERS_MAX,
            "recent": listing.list_orders(request.user.pk, limit=RECENT_ORDERS).rows,
            "has_key": api_keys.list_api_keys(request.user).filter(revoked_at=None).exists(),
            "news": content.list_news(limit=RECENT_NEWS).rows,
            "updates": [
                update_lines.describe_update(update, currency_rate=currency_rate)
                for update in updates.list_public_updates(limit=RECENT_UPDATES).rows
            ]
            if currency_rate is not None
            else [],
            **(_tell_spending(buyer) if buyer else {}),
        },
    )


def _tell_spending(buyer: Buyer) -> dict[str, object]:
    recent = days.list_days(wallet_id=buyer.wallet_id, count=CHART_DAYS)
    # Orders for nothing are no movement of the wallet.
    free = queries.count_free_orders(buyer.user_id, since=recent.days[0].day)
    orders = [day.charge_count + free.get(day.day, 0) for day in recent.days]
    return {
        "days": recent,
        "order_count": sum(orders),
        "chart_days": CHART_DAYS,
        "pace": days.measure_low_balance(balance=buyer.balance, days=recent),
        "pace_days": days.PACE_DAYS,
        "spend_chart": _draw_spend(recent, currency=buyer.currency),
        "orders_chart": Chart(_label_days(recent), [Series(gettext("Orders"), orders)]),
    }


def _draw_spend(recent: Days, *, currency: str) -> Chart:
    series = [Series(gettext("Charges"), [day.charged for day in recent.days])]
    if recent.refunded:
        series.append(Series(gettext("Refunds"), [day.refunded for day in recent.days], kind="control"))
    return Chart(_label_days(recent), series, unit=currency)


def _label_days(recent: Days) -> list[str]:
    return [date_format(day.day, "j M") for day in recent.days]
