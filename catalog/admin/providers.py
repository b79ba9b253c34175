"""What a provider's page offers beyond the provider itself, which knows nothing of a catalogue."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.widgets import UnfoldBooleanWidget

from catalog import syncing
from catalog.syncing import SyncResult
from panel.admin_actions import staff_action
from providers.admin import ProviderAdmin, provider_call
from providers.models import Provider

NAMED_MAX = 10  # suspicious prices in one message


class SyncForm(forms.Form):
    """How much to believe."""

    force = forms.BooleanField(
        label="Believe it, whatever it looks like",
        required=False,
        help_text="Also prices that multiplied or fell to nothing, and a catalogue that lost most of what we buy. "
        "Look at the provider's own page first.",
        widget=UnfoldBooleanWidget,
    )


# It takes the place of the page that `providers` registered.
admin.site.unregister(Provider)


@admin.register(Provider)
class SellingProviderAdmin(ProviderAdmin):
    """A provider with what it sells. How it is doing, `orders.admin.providers` adds."""

    actions_detail = (*ProviderAdmin.actions_detail, "sync", "sell")

    def has_sell_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may add services."""
        return request.user.has_perm("catalog.add_service")

    def has_sync_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change providers and services: a sync changes prices."""
        return request.user.has_perms(("providers.change_provider", "catalog.change_service"))

    @staff_action(description="Import services", permission="sell")
    def sell(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go on to its catalogue."""
        return redirect(f"{reverse('admin:catalog_service_import_services')}?provider={object_id}")

    @provider_call(
        description="Sync now",
        permission="sync",
        explanation="Reads its catalogue and follows it by the rules of this page: prices, limits, what is gone "
        "and what is back. This happens by itself every ten minutes, too, unless the provider is paused.",
        form_class=SyncForm,
    )
    def sync(self, request: HttpRequest, provider: Provider, data: dict[str, Any]) -> tuple[int, str]:
        """Bring our services in step with its catalogue."""
        return describe_sync(syncing.sync_provider(provider, force=data["force"]))


def describe_sync(result: SyncResult) -> tuple[int, str]:
    """Say how a sync went, and how good that is."""
    if result.failure:
        return messages.ERROR, f"Nothing was changed. {result.failure}"
    done = (
        f"{result.listed} services listed; {result.repriced} costs and {result.changed} services changed; "
        f"{result.gone} gone, {result.returned} back; {result.taken_off} taken off sale, {result.put_back} put back."
    )
    if not result.suspicious:
        return messages.SUCCESS, done
    named = "; ".join(result.suspicious[:NAMED_MAX])
    rest = len(result.suspicious) - NAMED_MAX
    return messages.WARNING, f"{done} Not believed: {named}{f'; and {rest} more' if rest > 0 else ''}."
