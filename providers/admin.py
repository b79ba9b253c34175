"""The panels we buy from, for staff."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from panel.admin_actions import StaffActionForm, ask_and_run, staff_action
from panel.admin_pages import UndeletableAdmin
from providers.models import Provider


@admin.register(Provider)
class ProviderAdmin(UndeletableAdmin):
    """Providers are paused, not deleted: runs point at them."""

    list_display = ("name", "kind", "is_active", "paused_until", "created_at")
    list_filter = ("is_active", "kind")
    search_fields = ("name__icontains",)
    fields = ("name", "kind", "is_active", "paused_until", "created_at")
    readonly_fields = ("is_active", "paused_until", "created_at")
    actions_detail = ("pause", "resume")

    def offers(self, action: str, obj: Any) -> bool:
        """Offer the way out of the state it is in."""
        is_running = obj.is_active and obj.paused_until is None
        return {"pause": obj.is_active, "resume": not is_running}[action]

    @staff_action(description="Pause", permission="change")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send it nothing until it is resumed."""

        def run(provider: Provider, data: dict[str, Any]) -> str:
            Provider.objects.filter(pk=provider.pk).update(is_active=False)
            return f"{provider} is paused."

        return ask_and_run(
            self,
            request,
            object_id,
            title="Pause",
            explanation="New runs wait in the queue until the provider is resumed. Orders it has go on being tracked.",
            form_class=StaffActionForm,
            run=run,
        )

    @staff_action(description="Resume", permission="change")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send it what is queued, also when it was left alone for a while after a refusal."""

        def run(provider: Provider, data: dict[str, Any]) -> str:
            Provider.objects.filter(pk=provider.pk).update(is_active=True, paused_until=None)
            return f"{provider} is running."

        return ask_and_run(
            self,
            request,
            object_id,
            title="Resume",
            explanation="What waits in the queue is sent at once.",
            form_class=StaffActionForm,
            run=run,
        )
