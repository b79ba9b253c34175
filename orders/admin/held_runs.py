"""Runs kept back because they would lose money, or nobody sells them any more; staff let them go or end them."""

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from orders.models import HeldRun, Order
from panel.admin_actions import ReasonForm, ShownReasonForm, ask_and_perform, ask_and_perform_on_many, staff_action
from panel.admin_pages import ReadOnlyAdmin, link_to

SEND = "Sends it by the best route that may be used, also when it costs more than it brings."
CANCEL = "Ends the whole order, its other runs too, and gives back all that is not yet given back."


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

    @staff_action(description="Send anyway", permission="send")
    def send_anyway(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let one run go."""
        return ask_and_perform(
            self, request, object_id, operation="runs.release", explanation=SEND, form_class=ReasonForm
        )

    @staff_action(description="Cancel and refund", permission="cancel")
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End one run's order."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="orders.cancel_and_refund",
            explanation=CANCEL,
            form_class=ShownReasonForm,
            subject_of=lambda held: held.order_id,
        )

    @admin.action(description="Send anyway", permissions=["send"])
    def send_selected(self, request: HttpRequest, queryset: QuerySet[HeldRun]) -> HttpResponse | None:
        """Let the selected runs go."""
        return ask_and_perform_on_many(
            self, request, queryset, operation="runs.release", explanation=SEND, form_class=ReasonForm
        )

    @admin.action(description="Cancel and refund", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[HeldRun]) -> HttpResponse | None:
        """End the orders of the selected runs."""
        return ask_and_perform_on_many(
            self,
            request,
            Order.objects.filter(pk__in=queryset.values("order")),
            operation="orders.cancel_and_refund",
            explanation=CANCEL,
            form_class=ShownReasonForm,
            repeated={ACTION_CHECKBOX_NAME: list(queryset.order_by().values_list("pk", flat=True))},
        )
