"""Ways to pay are the staff's to write; payments are decided by two actions and never edited."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from panel.admin_actions import ReasonForm, ShownReasonForm, ask_and_perform, staff_action
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin, UndeletableAdmin, link_to, parse_id, state_column
from panel.money import DECIMAL_PLACES, MAX_DIGITS, format_amount, print_amount
from payments.models import REFERENCE_MAX_CHARACTERS, GatewaySettings, Payment, PaymentEvent

EVENTS_SHOWN = 50  # more than Stripe ever tells of one payment
STATE_COLOURS = {
    Payment.State.AWAITING: "warning",
    Payment.State.CREDITED: "success",
    Payment.State.REJECTED: "danger",
    Payment.State.FAILED: "danger",
}


@admin.register(GatewaySettings)
class GatewaySettingsAdmin(UndeletableAdmin):
    """How customers may pay; what a row is for stays as it is, because payments and cash accounts name it."""

    list_display = ("label", "currency", "kind", "code", "minimum", "maximum", "fee_percent", "fee_fixed", "is_active")
    list_filter = ("currency", "kind", "is_active")
    ordering = ("currency", "position", "pk")
    fields = (
        "kind", "code", "currency", "label", "description", "instructions", "minimum", "maximum", "fee_percent",
        "fee_fixed", "position", "is_active",
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: GatewaySettings | None = None) -> tuple[str, ...]:
        """Fix what names it once it is there."""
        return () if obj is None else ("kind", "code", "currency")


class ApproveForm(ReasonForm):
    """What the bank statement says."""

    received = forms.DecimalField(
        label="Amount that arrived",
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text="In the wallet's currency. The payment's fee is taken from it, its bonus given on it.",
    )
    reference = forms.CharField(
        max_length=REFERENCE_MAX_CHARACTERS,
        help_text="What the bank statement says. The same reference is credited once, whoever asks.",
        widget=UnfoldAdminTextInputWidget(),
    )


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """What customers paid or say to have paid; approve or reject what no gateway reports."""

    list_display = ("id", "customer", "gateway", "shown_amount", "shown_state", "customer_reference", "created_at")
    list_filter = ("state", "gateway")
    list_select_related = ("wallet__user", "gateway")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("gateway_reference",)  # shows the search box; what is found is below
    search_help_text = "The number, the gateway's reference, the customer's reference, or the whole user name"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "customer", "elsewhere", "gateway", "shown_state", "customer_reference", "decided_by", "deposit",
                    "coupon", "customer_note", "reason",
                )
            },
        ),
        ("Money", {"fields": ("amount", "received", "fee", "bonus", "coupon_bonus", "currency")}),
        ("Agreed on", {"fields": ("fee_percent", "fee_fixed", "bonus_percent", "bonus_from")}),
        ("When", {"fields": ("created_at", "expires_at", "ended_at")}),
        ("At the gateway", {"fields": ("gateway_reference", "gateway_payment")}),
    )  # fmt: skip
    readonly_fields = ("customer", "elsewhere", "currency", "shown_state")
    shown_state = state_column(STATE_COLOURS)
    actions_detail = ("approve", "reject")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        """Find by number, by a reference, or by the customer's name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if (payment_id := parse_id(term)) is not None:
            return queryset.filter(pk=payment_id), False
        by_name = queryset.filter(wallet__user__username=term)
        return by_name | queryset.filter(gateway_reference=term) | queryset.filter(customer_reference=term), False

    @admin.display(description="customer")
    def customer(self, payment: Payment) -> SafeString:
        """Link to whose payment it is."""
        return link_to(payment.wallet.user)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what only gateways fill in."""
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets[:-1] if obj and obj.gateway.kind == GatewaySettings.Kind.MANUAL else fieldsets

    @admin.display(description="elsewhere")
    def elsewhere(self, payment: Payment) -> SafeString:
        """Link to where the money shows."""
        return format_html(
            '{} · <a href="{}?wallet={}" class="text-link">Payments</a>',
            link_to(payment.wallet, "Wallet"),
            reverse("admin:payments_payment_changelist"),
            payment.wallet_id,
        )

    @admin.display(description="amount")
    def shown_amount(self, payment: Payment) -> str:
        """Say how much, in which money."""
        return f"{print_amount(payment.amount)} {payment.wallet.currency}"

    @admin.display(description="currency")
    def currency(self, payment: Payment) -> str:
        """Say in which money the amounts are."""
        return payment.wallet.currency

    def describe(self, obj: Payment) -> str:
        """Say who says to have paid what."""
        reference = f", reference {obj.customer_reference}" if obj.customer_reference else ""
        return f"{obj}, {format_amount(obj.amount)} {obj.wallet.currency} of {obj.wallet.user}{reference}"

    def list_facts(self, obj: Payment) -> Iterable[Fact]:
        """Show what the gateway told of it."""
        events = obj.events.order_by("-pk")[:EVENTS_SHOWN]
        yield Fact(
            "Events",
            ("when", "what", "outcome", "detail"),
            [(event.received_at, link_to(event, event.type), event.outcome, event.detail) for event in events],
        )

    def offers(self, action: str, obj: Model) -> bool:
        """Show no button where there is nothing to decide."""
        assert isinstance(obj, Payment)
        if obj.gateway.kind != GatewaySettings.Kind.MANUAL:
            return False
        return obj.state != Payment.State.CREDITED if action == "approve" else obj.is_open

    def has_decide_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change payments."""
        return request.user.has_perm("payments.change_payment")

    @staff_action(description="Approve", permission="decide")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Credit money that arrived."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="payments.approve",
            explanation="Credits the customer's wallet with money that has arrived. It cannot be undone.",
            form_class=ApproveForm,
            initial=lambda payment: {"received": payment.amount, "reference": payment.customer_reference},
        )

    @staff_action(description="Reject", permission="decide")
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End a payment whose money did not arrive."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="payments.reject",
            explanation="Ends the payment without crediting anything. It can be approved later if the money arrives.",
            form_class=ShownReasonForm,
        )


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnlyAdmin):
    """What gateways told us, as it came."""

    list_display = ("id", "kind", "type", "event_id", "payment", "outcome", "detail", "received_at")
    list_filter = ("outcome",)
    list_select_related = ("payment",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("event_id__exact",)
    search_help_text = "The whole id of an event"
    fields = ("kind", "event_id", "type", "payment", "outcome", "detail", "body", "received_at")
