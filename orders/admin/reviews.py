"""Runs of which nobody knows whether the provider has them, and the three ways to decide."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.widgets import UnfoldAdminTextInputWidget

from orders import reviews
from orders.models import ReviewItem
from orders.refusals import REFUSALS
from panel.admin_actions import (
    ReasonForm,
    actor_of,
    staff_operation,
)
from panel.admin_pages import ReadOnlyAdmin, link_to

PROVIDER_ORDER_MAX_CHARACTERS = 100  # the column that keeps it


class FoundForm(ReasonForm):
    """Under which id the provider has the run."""

    provider_order = forms.CharField(
        label="provider's order id", max_length=PROVIDER_ORDER_MAX_CHARACTERS, widget=UnfoldAdminTextInputWidget()
    )


class OpenFilter(admin.SimpleListFilter):
    """What waits for somebody comes first; the rest on request."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the choices beside "All"."""
        return [("open", "Open"), ("resolved", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the choice."""
        if self.value() in ("open", "resolved"):
            return queryset.filter(resolved_at__isnull=self.value() == "open")
        return queryset


@admin.register(ReviewItem)
class ReviewItemAdmin(ReadOnlyAdmin):
    """Runs of which nobody knows whether the provider has them; only evidence gets them out of here."""

    list_display = ("id", "order_link", "provider", "opened_at", "resolution", "resolved_by", "resolved_at")
    list_filter = (OpenFilter,)
    list_select_related = ("attempt__run__order", "attempt__provider", "resolved_by")
    ordering = (F("resolved_at").desc(nulls_first=True), "opened_at")
    sortable_by = ()
    fields = (
        "order_link", "run_number", "link", "provider", "sent_at", "evidence", "opened_at", "resolved_at", "resolution",
        "resolved_by", "reason",
    )  # fmt: skip
    readonly_fields = ("order_link", "run_number", "link", "provider", "sent_at", "evidence")
    actions_detail = ("found", "resend", "refund")

    @admin.display(description="order")
    def order_link(self, item: ReviewItem) -> SafeString:
        """Link to the order."""
        return link_to(item.attempt.run.order)

    @admin.display(description="run")
    def run_number(self, item: ReviewItem) -> str:
        """Say which portion of the order, and how large it is."""
        return f"{item.attempt.run.number} (quantity {item.attempt.run.quantity})"

    @admin.display(description="link")
    def link(self, item: ReviewItem) -> str:
        """Show what to look for at the provider."""
        return item.attempt.run.order.link

    @admin.display(description="provider")
    def provider(self, item: ReviewItem) -> str:
        """Say where to look."""
        return item.attempt.provider.name

    @admin.display(description="sent at")
    def sent_at(self, item: ReviewItem) -> str:
        """Say when it may have arrived there."""
        return localize(localtime(item.attempt.started_at))

    @admin.display(description="evidence")
    def evidence(self, item: ReviewItem) -> str:
        """Show how the call ended."""
        return item.attempt.evidence

    def describe(self, obj: ReviewItem) -> str:
        """Say which run it is about, and where to look for it."""
        run = obj.attempt.run
        return f"order {run.order_id}, run {run.number} of {run.quantity} at {obj.attempt.provider}"

    def offers(self, action: str, obj: Any) -> bool:
        """Offer decisions on what is open."""
        return obj.resolved_at is None

    def has_decide_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change review items."""
        return request.user.has_perm("orders.change_reviewitem")

    @staff_operation(
        description="Found at the provider",
        permission="decide",
        explanation="The provider has this run. It goes on being tracked under the provider's order id.",
        form_class=FoundForm,
        refusals=REFUSALS,
    )
    def found(self, request: HttpRequest, item: ReviewItem, data: dict[str, Any]) -> str:
        """Go on tracking the run under the provider's id."""
        reviews.resolve_found(
            item_id=item.pk,
            provider_order=data["provider_order"],
            reason=data["reason"],
            actor_id=actor_of(request),
        )
        return f"The run goes on as {data['provider_order']}."

    @staff_operation(
        description="Absent: send again",
        permission="decide",
        explanation="The provider does not have this run: I have looked. If it does, we pay for it twice.",
        form_class=ReasonForm,
        refusals=REFUSALS,
    )
    def resend(self, request: HttpRequest, item: ReviewItem, data: dict[str, Any]) -> str:
        """Send the run once more."""
        reviews.resolve_resend(item_id=item.pk, reason=data["reason"], actor_id=actor_of(request))
        return "The run is queued again."

    @staff_operation(
        description="Absent: cancel and refund",
        permission="decide",
        explanation="The provider does not have this run: I have looked. It is canceled and its part refunded.",
        form_class=ReasonForm,
        refusals=REFUSALS,
    )
    def refund(self, request: HttpRequest, item: ReviewItem, data: dict[str, Any]) -> str:
        """End the run and give its money back."""
        reviews.resolve_refund(item_id=item.pk, reason=data["reason"], actor_id=actor_of(request))
        return "The run is canceled and refunded."
