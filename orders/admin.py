"""Orders for staff: facts to read, and the few decisions that only a person can make."""

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from orders import cancellations, refills, reviews
from orders.errors import OrderAlreadyCompleted, ProviderOrderTaken, ReviewAlreadyResolved, RunInFlight
from orders.models import Attempt, Cancellation, Order, OrderEvent, Refill, RefillPart, ReviewItem, Run
from panel.admin_actions import (
    ReasonForm,
    ShownReasonForm,
    StaffActionForm,
    actor_of,
    ask_and_run,
    describe_refusal,
    show_form,
    staff_action,
)
from panel.admin_pages import Fact, ReadOnlyAdmin, link_to, parse_id
from panel.errors import DomainError
from panel.money import format_amount
from providers.models import Provider
from wallet.errors import ReasonMissing
from wallet.models import LedgerEntry

ROWS_MAX = 200  # of runs, attempts and events on one page: a drip-feed of 1,000 runs has thousands
LINK_SHOWN_CHARACTERS = 40  # in lists; the order's page shows all of it
CANCEL_AT_ONCE_MAX = 100  # each order is a transaction of its own, and somebody waits for the answer
PROVIDER_ORDER_MAX_CHARACTERS = 100  # the column that keeps it

REFUSALS: dict[type[DomainError], str] = {
    ReasonMissing: "A reason is needed.",
    OrderAlreadyCompleted: "Everything is canceled already; there is nothing left to give back.",
    RunInFlight: "A part of it is being sent right now or waits for review. Decide that first; nothing was refunded.",
    ReviewAlreadyResolved: "Somebody else has decided this already.",
    ProviderOrderTaken: "Another run has this provider order id already. Check the id.",
}


class FoundForm(ReasonForm):
    """Under which id the provider has the run."""

    provider_order = forms.CharField(
        label="provider's order id", max_length=PROVIDER_ORDER_MAX_CHARACTERS, widget=UnfoldAdminTextInputWidget()
    )


class RefillStatusForm(StaffActionForm):
    """How a refill stands."""

    status = forms.ChoiceField(
        choices=[(word, word) for word in Refill.Status.values], widget=UnfoldAdminSelectWidget()
    )


class RefillEnded(DomainError):
    """The refill has its final status."""


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """What was sold, how it goes, and every cent of it."""

    list_display = (
        "id", "customer", "service", "short_link", "status", "quantity", "remains", "charge", "refunded", "created_at",
    )  # fmt: skip
    list_filter = ("status",)
    list_select_related = ("customer", "service")
    ordering = ("-id",)
    sortable_by = ()  # the table is long and only its id is in order
    search_fields = ("pk",)  # shows the search box; what is found is below
    search_help_text = "The order's id, the whole link, the provider's order id, or the whole user name"
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Find by whole values only: a part of a link would read every order there is."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "/" in term:
            return queryset.filter(link=term), False
        # First the short tables, so that the long one is asked by indexed columns only.
        wanted = Q(customer__in=list(User.objects.filter(username=term).values_list("pk", flat=True)))
        wanted |= Q(pk__in=list(Run.objects.filter(_at_any_provider(term)).values_list("order_id", flat=True)))
        if (order_id := parse_id(term)) is not None:
            wanted |= Q(pk=order_id)
        return queryset.filter(wanted), False

    @admin.display(description="link")
    def short_link(self, order: Order) -> str:
        """Show the link as text, cut: it is what a customer typed, and nothing to click on."""
        return order.link if len(order.link) <= LINK_SHOWN_CHARACTERS else order.link[:LINK_SHOWN_CHARACTERS] + "…"

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

        def run(order: Order, data: dict[str, Any]) -> str:
            cancellations.cancel_and_refund(order_id=order.pk, reason=data["reason"], actor_id=actor_of(request))
            return _report_canceled(order.pk)

        return ask_and_run(
            self,
            request,
            object_id,
            title="Cancel and refund",
            explanation="Ends the order and gives back all that is not yet given back, whatever was delivered.",
            form_class=ShownReasonForm,
            run=run,
            refusals=REFUSALS,
        )

    @admin.action(description="Cancel and refund", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        """End the selected orders, each for itself, and say of each what happened."""
        order_ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: CANCEL_AT_ONCE_MAX + 1])
        if len(order_ids) > CANCEL_AT_ONCE_MAX:
            self.message_user(request, f"Select at most {CANCEL_AT_ONCE_MAX} orders.", messages.ERROR)
            return None
        form = ShownReasonForm(request.POST if "answered" in request.POST else None)
        if form.is_valid():
            for order_id in order_ids:
                self._cancel_one(request, order_id, reason=form.cleaned_data["reason"])
            return None
        return show_form(
            self,
            request,
            form=form,
            title="Cancel and refund",
            explanation=f"Ends {len(order_ids)} orders and gives back all that is not yet given back: "
            + ", ".join(map(str, order_ids)),
            repeated={"action": ["cancel_selected"], "answered": ["yes"], ACTION_CHECKBOX_NAME: order_ids},
        )

    def _cancel_one(self, request: HttpRequest, order_id: int, *, reason: str) -> None:
        try:
            cancellations.cancel_and_refund(order_id=order_id, reason=reason, actor_id=actor_of(request))
        except DomainError as error:
            self.message_user(request, f"{order_id}: {describe_refusal(error, REFUSALS)}", messages.ERROR)
            return
        done = _report_canceled(order_id)
        self.log_change(request, Order.objects.get(pk=order_id), done)
        self.message_user(request, done, messages.SUCCESS)


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

    @staff_action(description="Found at the provider", permission="decide")
    def found(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go on tracking the run under the provider's id."""

        def run(item: ReviewItem, data: dict[str, Any]) -> str:
            reviews.resolve_found(
                item_id=item.pk,
                provider_order=data["provider_order"],
                reason=data["reason"],
                actor_id=actor_of(request),
            )
            return f"The run goes on as {data['provider_order']}."

        return ask_and_run(
            self,
            request,
            object_id,
            title="Found at the provider",
            explanation="The provider has this run. It goes on being tracked under the provider's order id.",
            form_class=FoundForm,
            run=run,
            refusals=REFUSALS,
        )

    @staff_action(description="Absent: send again", permission="decide")
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the run once more."""

        def run(item: ReviewItem, data: dict[str, Any]) -> str:
            reviews.resolve_resend(item_id=item.pk, reason=data["reason"], actor_id=actor_of(request))
            return "The run is queued again."

        return ask_and_run(
            self,
            request,
            object_id,
            title="Absent: send again",
            explanation="The provider does not have this run: I have looked. If it does, we pay for it twice.",
            form_class=ReasonForm,
            run=run,
            refusals=REFUSALS,
        )

    @staff_action(description="Absent: cancel and refund", permission="decide")
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the run and give its money back."""

        def run(item: ReviewItem, data: dict[str, Any]) -> str:
            reviews.resolve_refund(item_id=item.pk, reason=data["reason"], actor_id=actor_of(request))
            return "The run is canceled and refunded."

        return ask_and_run(
            self,
            request,
            object_id,
            title="Absent: cancel and refund",
            explanation="The provider does not have this run: I have looked. It is canceled and its part refunded.",
            form_class=ReasonForm,
            run=run,
            refusals=REFUSALS,
        )


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

    @staff_action(description="Set status", permission="set_status")
    def set_status(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say how a refill stands when its provider does not."""

        def run(refill: Refill, data: dict[str, Any]) -> str:
            if refill.status not in Refill.OPEN:
                raise RefillEnded
            status = Refill.Status(data["status"])
            refills.record_refill_status(refill.pk, status, actor_id=actor_of(request))
            return f"The refill is now {status}."

        return ask_and_run(
            self,
            request,
            object_id,
            title="Set status",
            explanation="The customer sees the status. Completed and Rejected are final.",
            form_class=RefillStatusForm,
            run=run,
            refusals={RefillEnded: "This refill has ended; its status stays."},
        )


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    """Customers' requests to stop orders, and what the providers said to them."""

    list_display = ("order", "requested_at", "forward_at", "forwarded_at", "answer")
    list_select_related = ("order",)
    ordering = ("-id",)
    sortable_by = ()
    fields = ("order", "requested_at", "forward_at", "forwarded_at", "answer")


def _at_any_provider(provider_order: str) -> Q:
    """Find runs by the provider's id through its index, which begins with the provider."""
    return Q(provider__in=list(Provider.objects.all()), provider_order=provider_order)


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
    runs = Run.objects.filter(order=order).select_related("provider").order_by("number")[:ROWS_MAX]
    return Fact(
        "Runs",
        ("run", "quantity", "state", "remains", "start", "provider", "its id", "due", "submitted", "finished"),
        [
            (
                run.number, run.quantity, run.state, run.remains, run.start_count, run.provider, run.provider_order,
                run.due_at, run.submitted_at, run.finished_at,
            )
            for run in runs
        ],
        more=f"The first {ROWS_MAX} of {order.run_count}." if order.run_count > ROWS_MAX else "",
    )  # fmt: skip


def _list_attempts(order: Order) -> Fact:
    attempts = Attempt.objects.filter(run__order=order).select_related("run", "provider", "review").order_by("-id")
    return Fact(
        "Attempts, newest first",
        ("run", "provider", "state", "started", "finished", "evidence", "review"),
        [
            (a.run.number, a.provider, a.state, a.started_at, a.finished_at, a.evidence, _link_to_review(a))
            for a in attempts[:ROWS_MAX]
        ],
    )


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


def _say(data: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in data.items())


def _report_canceled(order_id: int) -> str:
    order = Order.objects.get(pk=order_id)
    return f"{order_id}: {order.status}, {format_amount(order.refunded)} of {format_amount(order.charge)} refunded."
