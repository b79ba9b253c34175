"""Runs kept back because they would lose money, or nobody sells them any more; staff let them go or end them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from orders import holds
from orders.models import HeldRun
from orders.refusals import REFUSALS
from panel.admin_actions import (
    ReasonForm,
    ShownReasonForm,
    actor_of,
    describe_refusal,
    perform_for,
    show_form,
    staff_operation,
)
from panel.admin_pages import ReadOnlyAdmin, link_to
from panel.errors import DomainError

DECIDED_AT_ONCE_MAX = 100  # each run is a transaction of its own, and somebody waits for the answer

SEND = "Sends it by the best route that may be used, also when it costs more than it brings."
CANCEL = "Ends the whole order, its other runs too, and gives back all that is not yet given back."

Decide = Callable[[HttpRequest, HeldRun, str], str]


@admin.register(HeldRun)
class HeldRunAdmin(ReadOnlyAdmin):
    """Runs that wait for a decision about money."""

    list_display = ("run", "order_link", "customer", "service", "quantity", "provider", "held_at", "held_because")
    list_filter = ("provider",)
    list_select_related = ("order__customer", "order__service", "provider")
    ordering = ("held_at",)
    sortable_by = ()
    fields = (
        "order_link", "number", "quantity", "customer", "service", "link", "charge", "provider", "route", "held_at",
        "held_because", "due_at",
    )  # fmt: skip
    readonly_fields = ("order_link", "customer", "service", "link", "charge")
    long_fields = ("link",)
    actions = ("send_selected", "cancel_selected")
    actions_detail = ("send_anyway", "cancel")

    @admin.display(description="run")
    def run(self, held: HeldRun) -> str:
        """Name the run by its order and number."""
        return str(held)

    @admin.display(description="order")
    def order_link(self, held: HeldRun) -> SafeString:
        """Link to the order."""
        return link_to(held.order)

    @admin.display(description="customer")
    def customer(self, held: HeldRun) -> SafeString:
        """Link to who waits for it."""
        return link_to(held.order.customer)

    @admin.display(description="service")
    def service(self, held: HeldRun) -> str:
        """Say what was ordered."""
        return str(held.order.service)

    @admin.display(description="link")
    def link(self, held: HeldRun) -> str:
        """Show the link as text."""
        return held.order.link

    @admin.display(description="charge of the order")
    def charge(self, held: HeldRun) -> object:
        """Say what the customer paid for all of it."""
        return held.order.charge

    def describe(self, obj: HeldRun) -> str:
        """Say which run it is, and why it is held."""
        return f"order {obj.order_id}, run {obj.number} of {obj.quantity} for {obj.order.customer}; {obj.held_because}"

    def has_send_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change held runs."""
        return request.user.has_perm("orders.change_heldrun")

    def has_cancel_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may cancel orders on their own pages."""
        return request.user.has_perm("orders.change_order")

    def page_after(self, obj: HeldRun) -> str:
        """Return the order's page: the run is held no more, so it has none here."""
        return reverse("admin:orders_order_change", args=[obj.order_id])

    @staff_operation(
        description="Send anyway", permission="send", explanation=SEND, form_class=ReasonForm, refusals=REFUSALS
    )
    def send_anyway(self, request: HttpRequest, held: HeldRun, data: dict[str, Any]) -> str:
        """Let one run go."""
        return _send(request, held, data["reason"])

    @staff_operation(
        description="Cancel and refund",
        permission="cancel",
        explanation=CANCEL,
        form_class=ShownReasonForm,
        refusals=REFUSALS,
    )
    def cancel(self, request: HttpRequest, held: HeldRun, data: dict[str, Any]) -> str:
        """End one run's order."""
        return _cancel(request, held, data["reason"])

    @admin.action(description="Send anyway", permissions=["send"])
    def send_selected(self, request: HttpRequest, queryset: QuerySet[HeldRun]) -> HttpResponse | None:
        """Let the selected runs go."""
        return self._ask_for_many(
            request,
            queryset,
            action="send_selected",
            title="Send anyway",
            explanation=SEND,
            form_class=ReasonForm,
            decide=_send,
        )

    @admin.action(description="Cancel and refund", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[HeldRun]) -> HttpResponse | None:
        """End the orders of the selected runs."""
        return self._ask_for_many(
            request,
            queryset,
            action="cancel_selected",
            title="Cancel and refund",
            explanation=CANCEL,
            form_class=ShownReasonForm,
            decide=_cancel,
        )

    def _ask_for_many(
        self,
        request: HttpRequest,
        queryset: QuerySet[HeldRun],
        *,
        action: str,
        title: str,
        explanation: str,
        form_class: type[ReasonForm],
        decide: Decide,
    ) -> HttpResponse | None:
        """Decide on the selected runs, each for itself, and say of each what happened."""
        chosen = list(queryset.select_related("order").order_by("pk")[: DECIDED_AT_ONCE_MAX + 1])
        if len(chosen) > DECIDED_AT_ONCE_MAX:
            self.message_user(request, f"Select at most {DECIDED_AT_ONCE_MAX} runs.", messages.ERROR)
            return None
        form = form_class(request.POST if "answered" in request.POST else None)
        if form.is_valid():
            for held in chosen:
                self._decide_one(request, held, decide=decide, reason=form.cleaned_data["reason"])
            return None
        return show_form(
            self,
            request,
            form=form,
            title=title,
            explanation=f"{explanation} Runs: {', '.join(map(str, chosen))}.",
            repeated={
                "action": [action],
                "answered": ["yes"],
                ACTION_CHECKBOX_NAME: [held.pk for held in chosen],
            },
        )

    def _decide_one(self, request: HttpRequest, held: HeldRun, *, decide: Decide, reason: str) -> None:
        try:
            done = decide(request, held, reason)
        except DomainError as error:
            self.message_user(request, f"{held}: {describe_refusal(error, REFUSALS)}", messages.ERROR)
            return
        self.log_change(request, held, done)
        self.message_user(request, done, messages.SUCCESS)


def _send(request: HttpRequest, held: HeldRun, reason: str) -> str:
    holds.release_run(run_id=held.pk, reason=reason, actor_id=actor_of(request))
    return f"Run {held} is sent at any cost."


def _cancel(request: HttpRequest, held: HeldRun, reason: str) -> str:
    outcome = perform_for(request, "orders.cancel_and_refund", subject_id=held.order_id, reason=reason)
    return outcome.text if outcome.approval else f"The order of run {held} is canceled and refunded."
