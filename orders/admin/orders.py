"""Orders: everything there is to know of one, and what staff can do about one or many."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from orders import staff_listing
from orders.admin import order_facts, order_list
from orders.admin.deeds import DEEDS, DEEDS_ON_MANY, Deed
from orders.admin.order_list import OrderChangeList
from orders.admin.order_rows import STATUS_LABELS
from orders.models import Order
from orders.transitions import Status
from panel.admin_actions import ask_and_perform, ask_and_perform_on_many, staff_action
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin, draw_label, parse_id
from panel.money import format_amount


class OrderAdmin(ReadOnlyAdmin):
    """What was sold, how it goes, and every cent of it."""

    list_display = ("id",)  # the rows are drawn by `order_rows`
    sortable_by = ()  # the table is long and only its id is in order
    search_fields = ("pk",)  # shows the search box; what is found is in `staff_listing`
    search_help_text = "Order id, provider's order id, whole link or whole user name"
    list_before_template = "admin/order_filter.html"
    fieldsets = (
        (None, {"fields": ("shown_status", "customer", "service", "api_key", "link", "shown_parameters", "elsewhere")}),
        (
            "How it goes",
            {
                "fields": (
                    "quantity", "start_count", "remains", "run_count", "created_at", "finished_at", "archived_at",
                    "interval_minutes",
                )
            },
        ),
        ("Money", {"fields": ("charge", "refunded", "rate", "currency")}),
    )  # fmt: skip
    readonly_fields = ("shown_status", "shown_parameters", "elsewhere", "currency")
    long_fields = ("shown_parameters", "elsewhere")
    actions = tuple(f"{name}_selected" for name in DEEDS_ON_MANY)
    actions_detail = tuple(DEEDS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Leave the parameters out: a thousand comments have no place in a list."""
        return super().get_queryset(request).defer("parameters")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[OrderChangeList]:
        """Read pages by key."""
        return OrderChangeList

    @admin.display(description="status")
    def shown_status(self, order: Order) -> SafeString:
        """Say how it stands, in the colour it has in the list."""
        return draw_label(order.status, STATUS_LABELS.get(Status(order.status), ""))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what most service types do not ask for."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or obj.parameters:
            return fieldsets
        return [
            (title, {**options, "fields": tuple(name for name in options["fields"] if name != "shown_parameters")})
            for title, options in fieldsets
        ]

    @admin.display(description="elsewhere")
    def elsewhere(self, order: Order) -> SafeString:
        """Link to what else there is about it."""
        lists = (
            ("Orders of this customer", "orders_order", "customer", order.customer_id),
            ("Orders with this link", "orders_order", "link", order.link),
            ("Statement", "wallet_ledgerentry", "wallet", order.customer.wallet.pk),
            ("Tickets about it", "support_ticket", "q", order.pk),
        )
        links = (
            (f"{reverse(f'admin:{page}_changelist')}?{urlencode({name: value})}", title)
            for title, page, name, value in lists
        )
        return format_html_join(" · ", '<a href="{}" class="text-link">{}</a>', links)

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
        return order_facts.list_facts(obj)

    def offers(self, action: str, obj: Any) -> bool:
        """Offer what may have something to do."""
        return DEEDS[action].offers(obj)

    def has_act_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change orders."""
        return request.user.has_perm("orders.change_order")

    def get_urls(self) -> list[Any]:
        """Add the page of an action on everything that a filter shows."""
        view = self.admin_site.admin_view(self.act_on_all)
        return [path("all/", view, name="orders_order_all"), *super().get_urls()]

    def act_on_all(self, request: HttpRequest) -> HttpResponse:
        """Act on all orders that the filter in the address shows, as they are up to now.

        Newer ones are left out from the first look on: what is confirmed must not grow while it is read.
        """
        deed = DEEDS_ON_MANY.get(request.GET.get("deed", ""))
        if deed is None:
            raise Http404
        if not (self.has_act_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        _, wanted = order_list.read_filter(request.GET)
        if wanted is None or wanted.is_empty:
            self.message_user(request, "Narrow the list first: this would be every order there is.", messages.ERROR)
            return redirect("admin:orders_order_changelist")
        upto = parse_id(request.GET.get("upto", ""))
        if upto is None:
            query = request.GET.copy()
            query["upto"] = str(Order.objects.aggregate(last=Max("pk"))["last"] or 0)
            return redirect(f"{request.path}?{query.urlencode()}")
        chosen = staff_listing.match(wanted).filter(pk__lte=min(upto, staff_listing.ID_MAX))
        return self._ask_about_many(request, chosen, deed, repeated={"all": ["yes"]}) or redirect(
            "admin:orders_order_changelist"
        )

    def _ask_about_one(self, request: HttpRequest, object_id: str, deed: Deed) -> HttpResponse:
        return ask_and_perform(
            self,
            request,
            object_id,
            operation=deed.operation,
            explanation=deed.explanation,
            form_class=deed.form_class,
            initial=deed.initial,
        )

    def _ask_about_many(
        self, request: HttpRequest, chosen: QuerySet[Order], deed: Deed, *, repeated: dict[str, Any] | None = None
    ) -> HttpResponse | None:
        return ask_and_perform_on_many(
            self,
            request,
            chosen,
            operation=deed.operation,
            explanation=f"Of each order: {deed.explanation}",
            form_class=deed.form_class,
            repeated=repeated,
        )


def _make_button(name: str, deed: Deed) -> Any:
    """Make the method that is an action's button on an order's page."""

    def act(self: OrderAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask_about_one(request, object_id, deed)

    act.__name__ = name  # the address and `offers` go by it
    return staff_action(description=deed.title, permission="act")(act)


def _make_choice(name: str, deed: Deed) -> Any:
    """Make the method that is an action on the selected orders."""

    def act(self: OrderAdmin, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return self._ask_about_many(request, queryset, deed)

    act.__name__ = name
    return admin.action(description=deed.title, permissions=["act"])(act)


for _name, _deed in DEEDS.items():
    setattr(OrderAdmin, _name, _make_button(_name, _deed))
    if _name in DEEDS_ON_MANY:
        setattr(OrderAdmin, f"{_name}_selected", _make_choice(f"{_name}_selected", _deed))
admin.site.register(Order, OrderAdmin)
