"""Refills: how each stands, and those whose end only staff can know."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from orders import refills
from orders.admin.queues import queue_links
from orders.models import Refill, RefillPart
from orders.refusals import REFUSALS
from panel.admin_actions import (
    ReasonForm,
    actor_of,
    ask_and_perform,
    staff_action,
    staff_operation,
)
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin, link_to, parse_id
from providers.models import Provider

PROVIDER_REFILL_MAX_CHARACTERS = 100  # the column that keeps it
REFILL_KEYS = {"f": "found", "r": "again", "x": "reject"}
BY_HAND_KEYS = {"s": "set_status"}


class RefillStatusForm(ReasonForm):
    """How a refill stands."""

    status = forms.ChoiceField(
        choices=[(word, word) for word in Refill.Status.values], widget=UnfoldAdminSelectWidget()
    )


class FoundForm(ReasonForm):
    """Under which id the provider has the refill."""

    provider_refill = forms.CharField(
        label="provider's refill id", max_length=PROVIDER_REFILL_MAX_CHARACTERS, widget=UnfoldAdminTextInputWidget()
    )


class UnansweredFilter(admin.SimpleListFilter):
    """Refills that no provider will report on: its answer got lost, or they are delivered by hand. Staff end them."""

    title = "answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the choice beside "All"."""
        return [("none", "Sent without an answer"), ("hand", "Delivered by hand")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the choice."""
        if self.value() == "none":
            return queryset.filter(Exists(_in_doubt()), status__in=Refill.OPEN)
        if self.value() == "hand":
            return queryset.filter(Exists(_by_hand()), status__in=Refill.OPEN)
        return queryset


def _in_doubt() -> QuerySet[RefillPart]:
    """Return what of a refill was sent without an answer."""
    return RefillPart.objects.filter(
        refill=OuterRef("pk"), status=Refill.Status.PENDING, sent_at__isnull=False, provider_refill=""
    )


def _by_hand() -> QuerySet[RefillPart]:
    """Return what of a refill is delivered by hand."""
    return RefillPart.objects.filter(
        refill=OuterRef("pk"), status=Refill.Status.PENDING, run__provider__kind=Provider.Kind.MANUAL
    )


@admin.register(Refill)
class RefillAdmin(ReadOnlyAdmin):
    """Requests to deliver again what dropped off."""

    list_display = ("id", "order", "status", "decide", "created_at", "finished_at")
    list_filter = ("status", UnansweredFilter)
    list_select_related = ("order",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("pk",)  # shows the search box; what is found is below
    search_help_text = "The id of the refill or of its order"
    fields = ("order", "status", "created_at", "finished_at")
    actions_detail = ("found", "again", "reject", "set_status")

    class Media:
        js = ("orders/queue.js",)
        css: ClassVar = {"all": ("orders/queue.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refill]:
        """Know of each whether something of it is in doubt or delivered by hand."""
        return super().get_queryset(request).annotate(is_in_doubt=Exists(_in_doubt()), is_by_hand=Exists(_by_hand()))

    @admin.display(description="decide")
    def decide(self, refill: Any) -> SafeString | str:
        """Offer the decisions by one key."""
        if refill.status not in Refill.OPEN:
            return ""
        if refill.is_in_doubt:
            return queue_links(refill, REFILL_KEYS)
        return queue_links(refill, BY_HAND_KEYS) if refill.is_by_hand else ""

    def list_facts(self, obj: Refill) -> Iterable[Fact]:
        """Put what we asked for beside what the provider said to it, run by run."""
        parts = RefillPart.objects.filter(refill=obj).select_related("run__provider").order_by("pk")
        yield Fact(
            "At the providers",
            ("run", "provider", "its order id", "asked", "its refill id", "status"),
            [
                (
                    part.run, part.run.provider and link_to(part.run.provider), part.run.provider_order,
                    part.sent_at or "not yet", part.provider_refill or ("no answer" if part.sent_at else ""),
                    part.status,
                )
                for part in parts
            ],
        )  # fmt: skip

    def describe(self, obj: Refill) -> str:
        """Say which part a decision is about."""
        part = refills.find_part_in_doubt(obj.pk)
        if part is None:
            return f"refill {obj.pk} of order {obj.order_id}, {obj.status}"
        return f"refill {obj.pk}, run {part.run}, which {part.run.provider} has as {part.run.provider_order}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refill], search_term: str
    ) -> tuple[QuerySet[Refill], bool]:
        """Find by either id."""
        wanted = parse_id(search_term.strip())
        if not search_term.strip():
            return queryset, False
        return (queryset.filter(Q(pk=wanted) | Q(order=wanted)) if wanted is not None else queryset.none()), False

    def offers(self, action: str, obj: Any) -> bool:
        """Offer a status to what is open, and decisions on what is in doubt."""
        return obj.status in Refill.OPEN and (action == "set_status" or refills.find_part_in_doubt(obj.pk) is not None)

    @staff_operation(
        description="Found at the provider",
        permission="set_status",
        explanation="The provider has this refill. It goes on being asked about under the provider's refill id.",
        form_class=FoundForm,
        refusals=REFUSALS,
    )
    def found(self, request: HttpRequest, refill: Refill, data: dict[str, Any]) -> str:
        """Go on asking about the part under the provider's id."""
        refills.record_part_found(refill_id=refill.pk, provider_refill=data["provider_refill"])
        return f"The refill goes on as {data['provider_refill']}."

    @staff_operation(
        description="Absent: ask again",
        permission="set_status",
        explanation="The provider does not have this refill: I have looked. It is asked for it once more.",
        form_class=ReasonForm,
        refusals=REFUSALS,
    )
    def again(self, request: HttpRequest, refill: Refill, data: dict[str, Any]) -> str:
        """Ask the provider once more."""
        refills.send_part_again(refill_id=refill.pk)
        return "The provider is asked again."

    @staff_operation(
        description="Absent: reject",
        permission="set_status",
        explanation="The provider does not have this refill: I have looked. The customer sees it as rejected.",
        form_class=ReasonForm,
        refusals=REFUSALS,
    )
    def reject(self, request: HttpRequest, refill: Refill, data: dict[str, Any]) -> str:
        """End the part."""
        status = refills.reject_part(refill_id=refill.pk, actor_id=actor_of(request))
        return f"It is rejected; the refill is now {status}."

    def has_set_status_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change refills."""
        return request.user.has_perm("orders.change_refill")

    @staff_action(description="Set status", permission="set_status")
    def set_status(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say how a refill stands when its provider does not."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="refills.set_status",
            explanation="The customer sees the status. Completed and Rejected are final.",
            form_class=RefillStatusForm,
        )
