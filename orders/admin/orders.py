"""Orders: everything there is to know of one, and its end by staff."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from orders.admin.order_list import OrderChangeList
from orders.models import Attempt, Order, OrderEvent, Run
from panel.admin_actions import ShownReasonForm, ask_and_perform, ask_and_perform_on_many, staff_action
from panel.admin_pages import Fact, ReadOnlyAdmin, link_to
from panel.money import format_amount
from wallet.models import LedgerEntry

ROWS_MAX = 200  # of runs, attempts and events on one page: a drip-feed of 1,000 runs has thousands


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """What was sold, how it goes, and every cent of it."""

    list_display = ("id",)  # the rows are drawn by `order_rows`
    sortable_by = ()  # the table is long and only its id is in order
    search_fields = ("pk",)  # shows the search box; what is found is in `staff_listing`
    search_help_text = "The order's id, the provider's order id, the whole link, or the whole user name"
    list_before_template = "admin/order_filter.html"
    fieldsets = (
        (
            None,
            {"fields": ("id", "customer", "service", "link", "quantity", "shown_parameters", "created_at", "api_key")},
        ),
        ("How it goes", {"fields": ("status", "start_count", "remains", "finished_at", "archived_at")}),
        ("Money", {"fields": ("currency", "rate", "charge", "refunded")}),
        ("Drip-feed", {"fields": ("run_count", "interval_minutes")}),
    )
    readonly_fields = ("shown_parameters", "currency")
    actions = ("cancel_selected",)
    actions_detail = ("cancel",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Leave the parameters out: a thousand comments have no place in a list."""
        return super().get_queryset(request).defer("parameters")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[OrderChangeList]:
        """Read pages by key."""
        return OrderChangeList

    @admin.display(description="parameters")
    def shown_parameters(self, order: Order) -> SafeString | str:
        """Show what the service type asked for, as it was sent."""
        if not order.parameters:
            return "none"
        text = json.dumps(order.parameters, indent=2, ensure_ascii=False)
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)

    @admin.display(description="currency")
    def currency(self, order: Order) -> str:
        """Say in which money the amounts are."""
        return order.customer.wallet.currency

    def describe(self, obj: Order) -> str:
        """Say whose order it is, how it stands, and what is given back."""
        amounts = f"{format_amount(obj.charge)} charged, {format_amount(obj.refunded)} refunded"
        return f"order {obj.pk} of {obj.customer}, {obj.status}, {amounts}"

    def list_facts(self, obj: Order) -> Iterable[Fact]:
        """Show its money, its runs, every try to send one, and the steps of its life with who did what."""
        yield _list_ledger_lines(obj)
        yield _list_runs(obj)
        yield _list_attempts(obj)
        yield _list_events(obj)

    def offers(self, action: str, obj: Any) -> bool:
        """Offer to give back what is not given back."""
        return obj.refunded < obj.charge or obj.finished_at is None

    def has_cancel_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change orders."""
        return request.user.has_perm("orders.change_order")

    @staff_action(description="Cancel and refund", permission="cancel")
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End one order and give its money back."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="orders.cancel_and_refund",
            explanation="Ends the order and gives back all that is not yet given back, whatever was delivered.",
            form_class=ShownReasonForm,
        )

    @admin.action(description="Cancel and refund", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        """End the selected orders, each for itself, as a job that says of each what happened."""
        return ask_and_perform_on_many(
            self,
            request,
            queryset,
            operation="orders.cancel_and_refund",
            explanation="Ends each order and gives back all that is not yet given back, whatever was delivered.",
            form_class=ShownReasonForm,
        )


def _list_ledger_lines(order: Order) -> Fact:
    keys = [f"charge:order:{order.pk}"]
    keys += [f"refund:order:{order.pk}:{number}" for number in range(1, order.refund_count + 1)]
    entries = LedgerEntry.objects.filter(key__in=keys).select_related("debit", "credit").order_by("id")
    return Fact(
        "Ledger",
        ("entry", "when", "debit", "credit", "amount", "balance after"),
        [(link_to(e), e.created_at, e.debit, e.credit, e.amount, e.balance_after) for e in entries],
    )


def _list_runs(order: Order) -> Fact:
    runs = Run.objects.filter(order=order).select_related("provider", "route__provider").order_by("number")[:ROWS_MAX]
    return Fact(
        "Runs",
        (
            "run", "quantity", "state", "remains", "start", "provider", "route", "its id", "due", "submitted",
            "finished", "held", "alarm",
        ),
        [
            (
                run.number, run.quantity, run.state, run.remains, run.start_count, run.provider, run.route,
                run.provider_order, run.due_at, run.submitted_at, run.finished_at,
                _since(run.held_at, run.held_because), _since(run.alarm_at, run.get_alarm_display()),
            )
            for run in runs
        ],
        more=f"The first {ROWS_MAX} of {order.run_count}." if order.run_count > ROWS_MAX else "",
    )  # fmt: skip


def _list_attempts(order: Order) -> Fact:
    attempts = (
        Attempt.objects.filter(run__order=order)
        .select_related("run", "provider", "route__provider", "review")
        .order_by("-id")
    )
    return Fact(
        f"Attempts, newest first; costs in {settings.BASE_CURRENCY}",
        ("run", "provider", "route", "cost", "state", "started", "finished", "evidence", "review"),
        [
            (
                a.run.number, a.provider, a.route, a.cost, a.state, a.started_at, a.finished_at, a.evidence,
                _link_to_review(a),
            )
            for a in attempts[:ROWS_MAX]
        ],
    )  # fmt: skip


def _list_events(order: Order) -> Fact:
    events = OrderEvent.objects.filter(order=order).select_related("actor", "run").order_by("id")
    return Fact(
        "What happened",
        ("when", "what", "run", "details", "by"),
        [(e.at, e.kind, e.run and e.run.number, _say(e.data), e.actor) for e in events[:ROWS_MAX]],
    )


def _link_to_review(attempt: Attempt) -> SafeString | str:
    item = getattr(attempt, "review", None)
    return link_to(item, item.resolution or "open") if item else ""


def _since(at: datetime | None, why: str) -> str:
    """Say why something is so and since when; nothing when it is not."""
    return f"{why}, since {localize(localtime(at))}" if at else ""


def _say(data: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in data.items())
