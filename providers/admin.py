"""The panels we buy from, for staff."""

import time
from collections.abc import Callable
from functools import wraps
from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from panel.admin_actions import ReasonForm, show_form, staff_action, staff_operation
from panel.admin_pages import PanelAdmin, UndeletableAdmin, get_visible
from panel.money import format_amount
from providers import adapter, balances, health, keys, switching
from providers.errors import ProviderError
from providers.forms import ProviderForm
from providers.models import Provider

MANUAL_FIELDSETS = (
    (
        None,
        {
            "fields": ("name", "kind", "is_active", "currency", "created_at"),
            "description": "No worker sends orders here: they wait until staff take them on the list of orders, or a "
            "program pulls them through the Admin API.",
        },
    ),
)
CALLING_ACTIONS = ("test", "sync", "sell")
# A method of a page: gets the request, the provider and the form's data, and returns a message's level and its text.
Call = Callable[[Any, HttpRequest, Provider, dict[str, Any]], tuple[int, str]]


def provider_call(
    *, description: str, permission: str, explanation: str, form_class: type[forms.Form] = forms.Form
) -> Callable[[Call], Callable[..., HttpResponse]]:
    """Make a method that calls a provider a staff action, which tells on the provider's page how it went."""

    def make_action(run: Call) -> Callable[..., HttpResponse]:
        @staff_action(description=description, permission=permission)
        @wraps(run)
        def ask_and_tell(model_admin: PanelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            provider = get_visible(model_admin, request, object_id)
            form = form_class(request.POST if request.method == "POST" else None)
            if form.is_valid():
                level, text = run(model_admin, request, provider, form.cleaned_data)
                model_admin.log_change(request, provider, f"{description}: {text}")
                model_admin.message_user(request, text, level)
                return redirect(model_admin.page_after(provider))
            return show_form(
                model_admin, request, form=form, title=description, explanation=explanation, subject=provider
            )

        return ask_and_tell

    return make_action


@admin.register(Provider)
class ProviderAdmin(UndeletableAdmin):
    """Providers are paused, not deleted: runs point at them. What they sell, `catalog.admin.providers` adds."""

    form = ProviderForm
    list_display = (
        "name", "kind", "is_active", "balance", "currency", "is_low", "paused_until", "down_until", "synced_at",
        "has_synced",
    )  # fmt: skip
    list_filter = ("is_active", "kind", "is_low")
    search_fields = ("name__icontains",)
    fieldsets = (
        (None, {"fields": ("name", "kind", "is_active", "api_url", "api_key", "currency", "concurrency_max")}),
        (
            "Prices",
            {
                "fields": (
                    "price_rule", "markup_percent", "markup_fixed", "rounding", "pause_at_loss", "synced_at",
                    "sync_failure",
                )
            },
        ),
        ("Our money there", {"fields": ("balance", "balance_currency", "balance_at", "is_low", "balance_alert")}),
        (
            "How it is doing",
            {"fields": ("paused_until", "down_until", "failures", "failure", "failed_at", "created_at")},
        ),
    )  # fmt: skip
    readonly_fields = (
        "is_active", "synced_at", "sync_failure", "balance", "balance_currency", "balance_at", "is_low",
        "paused_until", "down_until", "failures", "failure", "failed_at", "created_at",
    )  # fmt: skip
    actions_detail: tuple[str, ...] = ("pause", "resume", "test")

    def get_readonly_fields(self, request: HttpRequest, obj: Provider | None = None) -> tuple[str, ...]:
        """Fix the kind once it is there: orders at a sandbox are none at a panel."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "kind")

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        """Leave out the field for the key where it could not be sent, and of a manual one all that is for calls."""
        if obj is not None and obj.is_manual:
            return MANUAL_FIELDSETS
        if self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj):
            return self.fieldsets
        return [
            (title, {**facts, "fields": [name for name in facts["fields"] if name != "api_key"]})
            for title, facts in self.fieldsets
        ]

    @admin.display(description="prices read", boolean=True)
    def has_synced(self, provider: Provider) -> bool | None:
        """Say whether its price list could be read and believed the last time."""
        return None if provider.synced_at is None and not provider.sync_failure else not provider.sync_failure

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        """Write only what staff changed, the key sealed: workers are writing how the provider is doing."""
        columns = [name for name in form.changed_data if name != "api_key"]
        if api_key := form.cleaned_data.get("api_key"):
            obj.sealed_key = keys.seal(api_key)
            columns.append("sealed_key")
        if change:
            obj.save(update_fields=columns)
        else:
            super().save_model(request, obj, form, change)

    def offers(self, action: str, obj: Any) -> bool:
        """Offer the way out of the state it is in, and calls where somebody can be called."""
        if obj.is_manual and action in CALLING_ACTIONS:
            return False
        is_running = obj.is_active and obj.paused_until is None and obj.down_until is None
        return {"pause": obj.is_active, "resume": not is_running}.get(action, True)

    @staff_operation(
        description="Pause",
        permission="change",
        explanation="New runs go by other routes, or wait in the queue until the provider is resumed. Orders it "
        "has go on being tracked. Of a manual one nothing is handed out any more.",
        form_class=ReasonForm,
    )
    def pause(self, request: HttpRequest, provider: Provider, data: dict[str, Any]) -> str:
        """Send it nothing until it is resumed."""
        switching.pause_provider(provider)
        return f"{provider} is paused."

    @staff_operation(
        description="Resume",
        permission="change",
        explanation="What waits in the queue is sent at once, or at a manual one may be taken again.",
    )
    def resume(self, request: HttpRequest, provider: Provider, data: dict[str, Any]) -> str:
        """Send it what is queued, also when it was left alone for a while after refusals or failures."""
        switching.resume_provider(provider)
        return f"{provider} is running."

    @provider_call(
        description="Test",
        permission="change",
        explanation="Asks for our balance and for its services, and measures how long it takes. Orders nothing.",
    )
    def test(self, request: HttpRequest, provider: Provider, data: dict[str, Any]) -> tuple[int, str]:
        """Call it, and say what came back."""
        return call_for_test(provider)


def call_for_test(provider: Provider) -> tuple[int, str]:
    """Ask a provider for what costs nothing; say what came back, and how good that is."""
    times = [time.monotonic()]
    try:
        balance = balances.check_balance(provider)
        times.append(time.monotonic())
        with health.watched(provider):
            listed = len(adapter.connect(provider).services())
        times.append(time.monotonic())
    except ProviderError as error:
        return messages.ERROR, f"It failed: {error.evidence}"
    first, second = (round(1000 * (end - start)) for start, end in pairwise(times))
    text = (
        f"It answers: our balance is {format_amount(balance.amount)} {balance.currency or provider.currency} "
        f"({first} ms), and it lists {listed} services ({second} ms)."
    )
    if balance.currency not in (None, provider.currency):
        return messages.WARNING, f"{text} Its currency is not {provider.currency}: correct it, or every price is wrong."
    return messages.SUCCESS, text
