"""What is given on top of payments: changed while it is off, and switched on by two persons."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from panel.admin_actions import ReasonForm, ask_and_perform, staff_action
from panel.admin_facts import Fact
from panel.admin_pages import PanelAdmin, UndeletableAdmin, link_to
from payments import coupons
from payments.gifts import lock_gift
from payments.models import BonusRule, Coupon, normalize_coupon_code

USES_SHOWN = 50
NEW_IS_OFF = "A new one is off until it is switched on; while it is on, what it gives stays as it is."


class SwitchOnForm(ReasonForm):
    """What was read when it was decided."""

    terms = forms.CharField(widget=forms.HiddenInput())


class GiftAdmin(PanelAdmin):
    """A page of something that gives money away while it is on."""

    lasting_fields: ClassVar[tuple[str, ...]] = ()  # what names it, once it is there
    free_fields: ClassVar[tuple[str, ...]] = ()  # what may be changed while it is on
    operations: ClassVar[str]  # the first part of their names
    actions_detail = ("switch_on", "switch_off")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix what names it, and all that it gives while it is on."""
        if obj is None:
            return ()
        if not obj.is_active:
            return (*self.lasting_fields, "is_active")
        names = [name for _, options in self.get_fieldsets(request, obj) for name in options["fields"]]
        return tuple(name for name in names if name not in self.free_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the switch out where it has no other position."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name != "is_active"]})
            for title, options in fieldsets
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        """Make it off; change only what was changed, and that not behind the back of whoever switches it on."""
        if not change:
            obj.is_active = False
            obj.save()
            return
        if lock_gift(self.model, obj.pk).is_active and set(form.changed_data) - set(self.free_fields):
            raise PermissionDenied("It was switched on meanwhile.")
        if form.changed_data:
            obj.save(update_fields=form.changed_data)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Lead to where it is switched on."""
        return redirect(self.page_after(obj))

    def describe(self, obj: Any) -> str:
        """Say what it gives."""
        return f"{obj}: {obj.terms}"

    def offers(self, action: str, obj: Any) -> bool:
        """Offer the other position."""
        return obj.is_active == (action == "switch_off")

    def has_switch_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change it."""
        return self.has_change_permission(request)

    @staff_action(description="Switch on", permission="switch")
    def switch_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let payments have it."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation=f"{self.operations}.switch_on",
            explanation="Payments that are asked for from now on get it.",
            form_class=SwitchOnForm,
            initial=lambda gift: {"terms": gift.terms},
        )

    @staff_action(description="Switch off", permission="switch")
    def switch_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let no more payments have it."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation=f"{self.operations}.switch_off",
            explanation="Payments that are asked for from now on do not get it; those before keep what they were "
            "promised.",
            form_class=ReasonForm,
        )


@admin.register(BonusRule)
class BonusRuleAdmin(GiftAdmin):
    """Gifts on top of payments; a change counts for payments that are asked for afterwards."""

    list_display = ("__str__", "currency", "from_amount", "percent", "starts_at", "ends_at", "is_active")
    list_filter = ("currency", "is_active")
    ordering = ("currency", "from_amount", "pk")
    fieldsets = (
        (
            None,
            {
                "fields": ("currency", "from_amount", "percent", "starts_at", "ends_at", "is_active"),
                "description": NEW_IS_OFF,
            },
        ),
    )
    operations = "bonuses"


class CouponForm(forms.ModelForm):
    """A coupon, its code in capitals however it was typed, for the staff log as well."""

    def clean_code(self) -> str:
        """Take the code as the customers' are taken."""
        return normalize_coupon_code(self.cleaned_data["code"])


@admin.register(Coupon)
class CouponAdmin(GiftAdmin, UndeletableAdmin):
    """Codes for a gift on top of a payment; switched off, not deleted: payments name them."""

    form = CouponForm
    list_display = (
        "code", "gift", "currency", "from_amount", "used", "uses_max", "uses_max_each", "starts_at", "ends_at",
        "is_active",
    )  # fmt: skip
    list_filter = ("is_active", "currency")
    ordering = ("-id",)
    sortable_by = ("code", "starts_at", "ends_at")
    search_fields = ("code__istartswith", "note__icontains")
    search_help_text = "The beginning of the code, or a part of the note"
    lasting_fields = ("code", "currency")
    free_fields = ("note",)
    operations = "coupons"
    fieldsets = (
        (None, {"fields": ("code", "currency", "is_active", "note"), "description": NEW_IS_OFF}),
        (
            "The gift",
            {
                "fields": ("percent", "fixed", "from_amount"),
                "description": "Credited with the payment, in addition to a bonus. A change counts for payments that "
                "are asked for afterwards.",
            },
        ),
        (
            "How often and when",
            {
                "fields": ("uses_max", "uses_max_each", "starts_at", "ends_at"),
                "description": "A payment holds its use from the moment it is asked for; one that is rejected or "
                "expires gives it back.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Coupon]:
        """Count in the same query what is used."""
        held = Count("payments", filter=Q(payments__state__in=coupons.HOLDING))
        return super().get_queryset(request).annotate(held=held)

    @admin.display(description="used")
    def used(self, coupon: Any) -> int:
        """Say how many payments hold a use of it."""
        return coupon.held

    def list_facts(self, obj: Coupon) -> Iterable[Fact]:
        """Show who used it."""
        uses = coupons.list_uses(obj).select_related("wallet__user").order_by("-pk")[:USES_SHOWN]
        yield Fact(
            "Newest uses",
            ("when", "payment", "customer", "state", "amount", "gift"),
            [(p.created_at, link_to(p), p.wallet.user, p.state, p.paid, p.coupon_bonus) for p in uses],
        )
