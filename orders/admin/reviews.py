"""Runs of which nobody knows whether the provider has them, and the three ways to decide."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from orders import review_evidence
from orders.admin import order_facts, order_rows
from orders.admin.queues import queue_links
from orders.errors import ProviderNotAsked
from orders.models import ReviewItem
from panel.admin_actions import ReasonForm, ask_and_perform, ask_and_perform_on_many, show_form, staff_action
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin, get_visible, link_to
from providers.adapter import STATUS_IDS_MAX

PROVIDER_ORDER_MAX_CHARACTERS = 100  # the column that keeps it
ASKED_CHARACTERS_MAX = STATUS_IDS_MAX * (PROVIDER_ORDER_MAX_CHARACTERS + 1)
EVIDENCE_SHOWN_CHARACTERS = 60  # in the queue; the item's page shows all of it
REVIEW_KEYS = {"a": "ask", "f": "found", "r": "resend", "x": "refund"}


class FoundForm(ReasonForm):
    """Under which id the provider has the run."""

    provider_order = forms.CharField(
        label="provider's order id", max_length=PROVIDER_ORDER_MAX_CHARACTERS, widget=UnfoldAdminTextInputWidget()
    )


class AskForm(forms.Form):
    """Which ids to ask about."""

    ids = forms.CharField(
        max_length=ASKED_CHARACTERS_MAX,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text=f"With blanks between, at most {STATUS_IDS_MAX}.",
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

    list_display = ("run", "decide", "provider", "came_back", "opened_at")
    list_filter = (OpenFilter,)
    list_select_related = ("attempt__run__order", "attempt__provider", "resolved_by")
    ordering = (F("resolved_at").desc(nulls_first=True), "opened_at")
    sortable_by = ()
    fields = (
        "order_link", "run_number", "link", "provider", "sent_at", "evidence", "opened_at", "resolved_at", "resolution",
        "resolved_by", "reason",
    )  # fmt: skip
    readonly_fields = ("order_link", "run_number", "link", "provider", "sent_at", "evidence")
    long_fields = ("link", "evidence")
    actions = ("resend_selected", "refund_selected")
    actions_detail = ("ask", "found", "resend", "refund")

    class Media:
        js = ("orders/queue.js",)
        css: ClassVar = {"all": ("orders/queue.css",)}

    @admin.display(description="order")
    def order_link(self, item: ReviewItem) -> SafeString:
        """Link to the order."""
        return link_to(item.attempt.run.order)

    @admin.display(description="run")
    def run(self, item: ReviewItem) -> str:
        """Name the run by its order and number."""
        return str(item.attempt.run)

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

    @admin.display(description="link, and what came back")
    def came_back(self, item: ReviewItem) -> SafeString:
        """Show the link as text, cut, over the start of the evidence."""
        evidence = Truncator(item.attempt.evidence).chars(EVIDENCE_SHOWN_CHARACTERS)
        return format_html("{}<br>{}", order_rows.cut_link(item.attempt.run.order), evidence)

    @admin.display(description="decide")
    def decide(self, item: ReviewItem) -> SafeString | str:
        """Offer the decisions by one key, or say what was decided and by whom."""
        if item.resolved_at is None:
            return queue_links(item, REVIEW_KEYS)
        return f"{item.get_resolution_display()} by {item.resolved_by or 'the panel'}"

    def page_after(self, obj: ReviewItem) -> str:
        """Return to the queue, where the next one waits on top."""
        return reverse("admin:orders_reviewitem_changelist")

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

    @staff_action(description="Found at the provider", permission="decide")
    def found(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go on tracking the run under the provider's id."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="reviews.found",
            explanation="The provider has this run. It goes on being tracked under the provider's order id.",
            form_class=FoundForm,
            initial=lambda _item: {"provider_order": request.GET.get("provider_order", "")},
        )

    @staff_action(description="Absent: send again", permission="decide")
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the run once more."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="reviews.resend",
            explanation="The provider does not have this run: I have looked. If it does, we pay for it twice.",
            form_class=ReasonForm,
        )

    @staff_action(description="Absent: cancel and refund", permission="decide")
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the run and give its money back."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="reviews.refund",
            explanation="The provider does not have this run: I have looked. It is canceled and its part refunded.",
            form_class=ReasonForm,
        )

    @admin.action(description="Absent: send again", permissions=["decide"])
    def resend_selected(self, request: HttpRequest, queryset: QuerySet[ReviewItem]) -> HttpResponse | None:
        """Send the selected runs once more: after an outage it is known at once that none of them arrived."""
        return ask_and_perform_on_many(
            self,
            request,
            queryset,
            operation="reviews.resend",
            explanation="The provider has none of these runs: I have looked. For those that it does have we pay twice.",
            form_class=ReasonForm,
        )

    @admin.action(description="Absent: cancel and refund", permissions=["decide"])
    def refund_selected(self, request: HttpRequest, queryset: QuerySet[ReviewItem]) -> HttpResponse | None:
        """End the selected runs and give their money back."""
        return ask_and_perform_on_many(
            self,
            request,
            queryset,
            operation="reviews.refund",
            explanation="The provider has none of these runs: I have looked. Each is canceled and its part refunded.",
            form_class=ReasonForm,
        )

    @staff_action(description="Ask the provider", permission="decide")
    def ask(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the provider what it says of some ids now. Changes nothing, but calls it: so never by GET."""
        item = get_visible(self, request, object_id)
        neighbours = review_evidence.find_neighbours(item.attempt)
        form = AskForm(request.POST if request.method == "POST" else None, initial={"ids": " ".join(neighbours.gap)})
        findings = None
        if form.is_valid():
            try:
                findings = review_evidence.ask_provider(item.attempt, form.cleaned_data["ids"].split())
            except ProviderNotAsked as error:
                form.add_error(None, f"It did not answer: {error.evidence}")
        return show_form(
            self,
            request,
            form=form,
            title="Ask the provider",
            explanation="Ids between those of our runs sent just before and after it are filled in. A panel reports on "
            "our own orders only: an id that it knows and no run of ours has is very likely this run.",
            subject=item,
            findings=findings,
        )

    def list_facts(self, obj: ReviewItem) -> Iterable[Fact]:
        """Put what we sent beside what the provider took just before and after, and every other try."""
        attempt = obj.attempt
        changes = order_facts.list_link_changes(attempt.run.order_id)
        link = order_facts.link_at(attempt.started_at, link=attempt.run.order.link, changes=changes)
        yield Fact(
            "Evidence",
            ("what the provider got", "what came back", "sent", "given up"),
            [
                (
                    order_facts.describe_request(attempt, link=link), attempt.evidence, attempt.started_at,
                    attempt.finished_at,
                )
            ],
        )  # fmt: skip
        near = review_evidence.find_neighbours(attempt)
        yield Fact(
            f"Taken by {attempt.provider} just before and after",
            ("", "run", "sent", "quantity", "its id there"),
            [
                (word, link_to(one.run.order, one.run), one.started_at, one.run.quantity, one.run.provider_order)
                for word, one in (("before", near.before), ("after", near.after))
                if one is not None
            ],
            more="" if obj.resolved_at else queue_links(obj, REVIEW_KEYS),
        )
