"""How services went: every change of a price, a cost, a limit or a sale, as the database noted it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime

from catalog.models import Service, ServiceUpdate
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin

SHOWN_ON_SERVICE_MAX = 20  # the list has the rest


@admin.register(ServiceUpdate)
class ServiceUpdateAdmin(ReadOnlyAdmin):
    """What changed in the catalogue; nobody writes here, triggers do."""

    list_display = ("at", "service", "field", "old", "new", "route", "writer", "provider")
    list_filter = ("field", "route__provider", "at")
    list_select_related = ("service", "route__provider", "provider")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("service__id__exact", "service__name__icontains", "route__provider_service__exact")
    search_help_text = "The service's id, a part of its name, or the provider's id"
    fields = ("at", "service", "route", "field", "old", "new", "writer", "provider", "reason")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let a service's page link to its updates."""
        return lookup == "service" or super().lookup_allowed(lookup, value, request)


def list_history(service: Service) -> Fact:
    """Tell the latest of a service, its routes' costs included."""
    updates: Any = service.updates.select_related("route__provider").order_by("-id")[:SHOWN_ON_SERVICE_MAX]
    return Fact(
        "Prices, costs and limits",
        ("When", "What", "Before", "After", "Route"),
        [
            (localize(localtime(update.at)), update.get_field_display(), update.old, update.new, update.route)
            for update in updates
        ],
        format_html(
            '<a href="{}" class="text-link">Everything that changed this service, and who did</a> · '
            '<a href="{}?service={}" class="text-link">All changes of these kinds</a>',
            reverse("admin:catalog_service_history", args=[service.pk]),
            reverse("admin:catalog_serviceupdate_changelist"),
            service.pk,
        ),
    )
