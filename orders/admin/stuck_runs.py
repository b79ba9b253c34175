"""Runs that do not get on: sent late, delivered late, or not known to their provider."""

from django.contrib import admin
from django.utils.safestring import SafeString

from orders.models import StuckRun
from panel.admin_pages import ReadOnlyAdmin, link_to


@admin.register(StuckRun)
class StuckRunAdmin(ReadOnlyAdmin):
    """Runs with an alarm, which goes by itself when they get on; what else can be done is on their order's page."""

    list_display = (
        "run", "order_link", "alarm", "alarm_at", "state", "provider", "provider_order", "due_at", "expected_at",
    )  # fmt: skip
    list_filter = ("alarm", "provider")
    list_select_related = ("order", "provider")
    ordering = ("alarm_at",)
    sortable_by = ()
    fields = (
        "order_link", "number", "quantity", "alarm", "alarm_at", "state", "provider", "provider_order", "route",
        "due_at", "submitted_at", "expected_at", "poll_at", "unknown_count", "remains",
    )  # fmt: skip
    readonly_fields = ("order_link",)

    @admin.display(description="run")
    def run(self, stuck: StuckRun) -> str:
        """Name the run by its order and number."""
        return str(stuck)

    @admin.display(description="order")
    def order_link(self, stuck: StuckRun) -> SafeString:
        """Link to the order."""
        return link_to(stuck.order)
