"""The staff's first page: what needs a person now, and how business goes."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import User
from orders import monitoring
from orders.monitoring import Pile
from panel.money import print_amount
from payments.models import Payment
from providers import health
from providers.models import Provider
from reports import figures
from reports.figures import Days, Figures
from staff.models import Approval
from support.models import Ticket

PERIODS = (7, 30, 90)  # days
PERIOD_DEFAULT = 30
MONEY_PERMISSION = "reports.view_dayfigure"


@dataclass(frozen=True, slots=True)
class Need:
    """Something of which there may be none; `url` lists it."""

    label: str
    count: int
    url: str
    detail: str = ""
    is_urgent: bool = False

    @property
    def level(self) -> str:
        """Name the colour."""
        if not self.count:
            return "none"
        return "urgent" if self.is_urgent else "some"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of three periods; `url` shows what it is made of."""

    label: str
    url: str
    values: Sequence[tuple[str, str]]


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the page shows to whom may see it."""
    context["needs"] = list(_list_needs(request))
    if request.user.has_perm(MONEY_PERMISSION):
        asked = request.GET.get("days", "")
        count = int(asked) if asked in map(str, PERIODS) else PERIOD_DEFAULT
        context |= _figures(count)
    return context


# --- What needs a person -------------------------------------------------------------------------


def _list_needs(request: HttpRequest) -> Iterator[Need]:
    """Ask only for what this member of the staff may look at."""
    user = request.user
    piles = monitoring.read_piles()
    for permission, label, page, pile in (
        ("orders.view_reviewitem", "In review", "admin:orders_reviewitem_changelist", piles["in_review"]),
        ("orders.view_heldrun", "Held by the profit guard", "admin:orders_heldrun_changelist", piles["held"]),
        ("orders.view_stuckrun", "Stuck runs", "admin:orders_stuckrun_changelist", _together(piles, "alarm ")),
    ):
        if user.has_perm(permission):
            yield Need(label, pile.count, reverse(page), _oldest(pile), is_urgent=label == "In review")
    yield from _list_by_hand(user, piles)
    if user.has_perm("orders.view_refill"):
        pile = piles["refills_in_doubt"]
        yield Need("Refills in doubt", pile.count, reverse("admin:orders_refill_changelist"), _oldest(pile))
    if user.has_perm("orders.view_cancellation"):
        pile = piles["cancellations"]
        yield Need(
            "Cancellations to forward", pile.count, reverse("admin:orders_cancellation_changelist"), _oldest(pile)
        )
    if user.has_perm("payments.view_payment"):
        waiting = Payment.objects.filter(state=Payment.State.AWAITING).count()
        yield Need("Deposits to approve", waiting, _list_url("payments_payment", state__exact=Payment.State.AWAITING))
    if user.has_perm("support.view_ticket"):
        asked = Ticket.objects.filter(state=Ticket.State.OPEN).count()
        yield Need("Tickets to answer", asked, _list_url("support_ticket", state__exact=Ticket.State.OPEN))
    if user.has_perm("providers.view_provider"):
        yield from _list_provider_needs()
    if user.has_perm("staff.view_approval"):
        waiting = Approval.objects.filter(state=Approval.State.WAITING).count()
        yield Need("Approvals waiting", waiting, _list_url("staff_approval", state__exact=Approval.State.WAITING))
    if user.has_perm("wallet.view_ledgerentry"):
        yield _audit_need()


def _list_by_hand(user: Any, piles: dict[str, Pile]) -> Iterator[Need]:
    """Say what waits for whoever delivers by hand, on panels where somebody does."""
    if not Provider.objects.filter(kind=Provider.Kind.MANUAL).exists():
        return
    for permission, label, name, page, filters in (
        ("orders.view_order", "Orders to deliver by hand", "to_take", "orders_order", {"by_hand": "waiting"}),
        ("orders.view_refill", "Refills to deliver by hand", "refills_by_hand", "orders_refill", {"answer": "hand"}),
        (
            "orders.view_cancellation", "Cancellations to decide by hand", "cancellations_by_hand",
            "orders_cancellation", {"state": "answered"},
        ),
    ):  # fmt: skip
        if user.has_perm(permission):
            yield Need(label, piles[name].count, _list_url(page, **filters), _oldest(piles[name]))


def _list_provider_needs() -> Iterator[Need]:
    page = "providers_provider"
    counted = Provider.objects.filter(is_active=True).aggregate(
        low=Count("pk", filter=Q(is_low=True)), failing=Count("pk", filter=Q(failures__gte=health.FAILURES_MAX))
    )
    yield Need("Providers with a low balance", counted["low"], _list_url(page, is_low__exact=1, is_active__exact=1))
    yield Need(
        "Providers that do not answer",
        counted["failing"],
        _list_url(page, failures__gte=health.FAILURES_MAX, is_active__exact=1),
        is_urgent=True,
    )


def _audit_need() -> Need:
    audit = monitoring.read_audit()
    url = reverse("admin:wallet_ledgerentry_changelist")
    if audit.entries is None:
        return Need("Ledger mismatches", 0, url, "never audited")
    detail = f"audited {monitoring.describe_age(audit.age)} ago, {audit.entries:,} entries"
    return Need("Ledger mismatches", audit.mismatches or 0, url, detail, is_urgent=True)


def _together(piles: dict[str, Pile], prefix: str) -> Pile:
    found = [pile for name, pile in piles.items() if name.startswith(prefix)]
    ages = [pile.oldest for pile in found if pile.oldest is not None]
    return Pile(sum(pile.count for pile in found), max(ages, default=None))


def _oldest(pile: Pile) -> str:
    return f"the first for {monitoring.describe_age(pile.oldest)}" if pile.count else ""


def _list_url(page: str, **filters: str | int) -> str:
    return f"{reverse(f'admin:{page}_changelist')}?{urlencode(filters)}"


# --- How business goes ---------------------------------------------------------------------------


def _figures(count: int) -> dict[str, Any]:
    newest = figures.today()
    since = newest - timedelta(days=max(count, 30) - 1)
    days = figures.list_days(since=since, until=newest)
    joined = _count_new_customers(since)
    return {
        "currency": settings.BASE_CURRENCY,
        "gap_at": days.gap_at,
        "tiles": _list_tiles(days, joined, newest),
        "charts": _list_charts(days, joined, since=newest - timedelta(days=count - 1)),
        "periods": PERIODS,
        "period": count,
    }


def _count_new_customers(since: date) -> dict[date, int]:
    counted = (
        User.objects.filter(date_joined__gte=datetime.combine(since, time(), UTC), is_staff=False)
        .annotate(day=TruncDate("date_joined", tzinfo=UTC))
        .values_list("day")
        .annotate(n=Count("pk"))
    )
    return dict(counted)


def _list_tiles(days: Days, joined: dict[date, int], newest: date) -> list[Tile]:
    spans = [("Today", 1), ("7 days", 7), ("30 days", 30)]
    sums: list[Figures] = []
    customers: list[int] = []
    for _, length in spans:
        wanted = [newest - timedelta(days=number) for number in range(length)]
        sums.append(sum((days.days[day] for day in wanted), Figures()))
        customers.append(sum(joined.get(day, 0) for day in wanted))

    def tile(label: str, url: str, show: Callable[[Figures], str]) -> Tile:
        return Tile(label, url, [(name, show(one)) for (name, _), one in zip(spans, sums, strict=True)])

    month = f"{newest - timedelta(days=29)}T00:00:00+00:00"
    report = reverse("admin:reports_dayfigure_changelist")
    return [
        tile("Revenue", f"{report}?by=days", lambda one: print_amount(one.revenue)),
        tile("Cost", f"{report}?by=providers", lambda one: print_amount(one.net_cost)),
        tile("Profit", f"{report}?by=services", lambda one: print_amount(one.profit)),
        tile("Orders", reverse("admin:orders_order_changelist"), lambda one: f"{one.orders:,}"),
        tile("Deposits", _list_url("wallet_deposit", created_at__gte=month), lambda one: print_amount(one.deposited)),
        Tile(
            "New customers",
            _list_url("accounts_user", date_joined__gte=month, is_staff__exact=0),
            [(name, f"{number:,}") for (name, _), number in zip(spans, customers, strict=True)],
        ),
    ]


def _list_charts(days: Days, joined: dict[date, int], *, since: date) -> list[dict[str, str]]:
    shown = {day: found for day, found in days.days.items() if day >= since}
    labels = [f"{day:%d %b}" for day in shown]
    every = list(shown.values())
    revenue = [one.revenue for one in every]
    cost = [one.net_cost for one in every]
    profit = [one.profit for one in every]
    return [
        _chart(
            "Revenue, cost and profit",
            labels,
            [("Revenue", revenue, "primary-500"), ("Cost", cost, "orange-400"), ("Profit", profit, "green-500")],
            kind="line",
            unit=settings.BASE_CURRENCY,
        ),
        _chart("Orders", labels, [("Orders", [one.orders for one in every], "primary-500")]),
        _chart(
            "Deposits",
            labels,
            [("Deposits", [one.deposited for one in every], "green-500")],
            unit=settings.BASE_CURRENCY,
        ),
        _chart("New customers", labels, [("New customers", [joined.get(day, 0) for day in shown], "blue-500")]),
    ]


def _chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[Decimal | int], str]],
    *,
    kind: str = "bar",
    unit: str = "",
) -> dict[str, str]:
    """Describe a chart for the theme's script, and in words for whoever cannot see it."""
    data = {
        "labels": labels,
        "datasets": [
            {
                "label": label,
                "data": [float(value) for value in values],
                "backgroundColor": f"var(--color-{colour})",
                "borderColor": f"var(--color-{colour})",
                "displayYAxis": True,
                "maxTicksXLimit": 8,
            }
            for label, values, colour in series
        ],
    }
    totals = ", ".join(
        f"{label} {print_amount(total) if isinstance(total, Decimal) else f'{total:,}'}"
        for label, values, _ in series
        for total in [sum(values)]
    )
    return {"title": title, "kind": kind, "unit": unit, "data": json.dumps(data), "words": f"{title}: {totals}"}
