"""Requests to stop orders: what the providers said, and what staff do about those that were not followed."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from orders.admin.queues import queue_links
from orders.models import Cancellation, Order, Run
from orders.transitions import TRACKED_RUN_STATES
from panel.admin_pages import ReadOnlyAdmin, link_to
from providers.models import Provider

# Actions on the order's own page, where they are asked about and written down.
CANCEL_KEYS = {"a": "request_cancel", "x": "reject_cancel", "f": "cancel"}
BY_HAND_KEYS = {"r": "report", "x": "reject_cancel", "f": "cancel"}


class WaitingFilter(admin.SimpleListFilter):
    """What has come to nothing yet comes first; the rest on request."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the choices beside "All"."""
        return [("open", "Order still open"), ("answered", "Answered, order still open"), ("ended", "Order ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the choice."""
        if self.value() in ("open", "answered"):
            queryset = queryset.filter(order__finished_at__isnull=True)
        if self.value() == "answered":
            queryset = queryset.filter(forward_at__isnull=True)
        return queryset.filter(order__finished_at__isnull=False) if self.value() == "ended" else queryset


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    """Requests to stop orders, and what the providers said to them."""

    list_display = (
        "order_link", "order_status", "requested_at", "forward_at", "tries", "forwarded_at", "answer", "decide",
    )  # fmt: skip
    list_display_links = None
    list_filter = (WaitingFilter,)
    list_select_related = ("order",)
    ordering = ("-id",)
    sortable_by = ()
    fields = ("order", "requested_at", "forward_at", "tries", "forwarded_at", "answer")

    class Media:
        js = ("orders/queue.js",)
        css: ClassVar = {"all": ("orders/queue.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cancellation]:
        """Know of each whether something of it is out to be delivered by hand."""
        out = Run.objects.filter(
            order=OuterRef("order"), state__in=sorted(TRACKED_RUN_STATES), provider__kind=Provider.Kind.MANUAL
        )
        return super().get_queryset(request).annotate(is_by_hand=Exists(out))

    @admin.display(description="order")
    def order_link(self, request: Cancellation) -> SafeString:
        """Link to the order."""
        return link_to(request.order)

    @admin.display(description="status")
    def order_status(self, request: Cancellation) -> str:
        """Say how the order stands."""
        return request.order.status

    @admin.display(description="decide")
    def decide(self, request: Any) -> SafeString | str:
        """Offer by one key what can be done about the order: ask again, reject the request, cancel and refund.

        Of what is delivered by hand: say how much came, which ends it with the refund that is owed.
        """
        if request.order.finished_at is not None:
            return ""
        keys = BY_HAND_KEYS if request.is_by_hand else CANCEL_KEYS
        return queue_links(Order(pk=request.order_id), keys)
