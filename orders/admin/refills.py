"""Refills: how each stands, and those whose end only staff can know."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from orders import refills
from orders.models import Refill, RefillPart
from panel.admin_actions import (
    StaffActionForm,
    actor_of,
    staff_operation,
)
from panel.admin_pages import ReadOnlyAdmin, parse_id
from panel.errors import DomainError


class RefillStatusForm(StaffActionForm):
    """How a refill stands."""

    status = forms.ChoiceField(
        choices=[(word, word) for word in Refill.Status.values], widget=UnfoldAdminSelectWidget()
    )


class RefillEnded(DomainError):
    """The refill has its final status."""


class UnansweredFilter(admin.SimpleListFilter):
    """Refills that no provider will ever report on, because its answer to the request got lost; staff end them."""

    title = "answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the choice beside "All"."""
        return [("none", "Sent without an answer")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the choice."""
        if self.value() == "none":
            in_doubt = RefillPart.objects.filter(
                refill=OuterRef("pk"), status=Refill.Status.PENDING, sent_at__isnull=False, provider_refill=""
            )
            return queryset.filter(Exists(in_doubt), status__in=Refill.OPEN)
        return queryset


@admin.register(Refill)
class RefillAdmin(ReadOnlyAdmin):
    """Requests to deliver again what dropped off."""

    list_display = ("id", "order", "status", "created_at", "finished_at")
    list_filter = ("status", UnansweredFilter)
    list_select_related = ("order",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("pk",)  # shows the search box; what is found is below
    search_help_text = "The id of the refill or of its order"
    fields = ("order", "status", "created_at", "finished_at")
    actions_detail = ("set_status",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refill], search_term: str
    ) -> tuple[QuerySet[Refill], bool]:
        """Find by either id."""
        wanted = parse_id(search_term.strip())
        if not search_term.strip():
            return queryset, False
        return (queryset.filter(Q(pk=wanted) | Q(order=wanted)) if wanted is not None else queryset.none()), False

    def offers(self, action: str, obj: Any) -> bool:
        """Offer a status to what is open."""
        return obj.status in Refill.OPEN

    def has_set_status_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change refills."""
        return request.user.has_perm("orders.change_refill")

    @staff_operation(
        description="Set status",
        permission="set_status",
        explanation="The customer sees the status. Completed and Rejected are final.",
        form_class=RefillStatusForm,
        refusals={RefillEnded: "This refill has ended; its status stays."},
    )
    def set_status(self, request: HttpRequest, refill: Refill, data: dict[str, Any]) -> str:
        """Say how a refill stands when its provider does not."""
        if refill.status not in Refill.OPEN:
            raise RefillEnded
        status = Refill.Status(data["status"])
        refills.record_refill_status(refill.pk, status, actor_id=actor_of(request))
        return f"The refill is now {status}."
