"""The headings of the catalogue, and their order."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse

from catalog.admin import ordering
from catalog.models import Category
from panel.admin_actions import staff_action
from panel.admin_pages import PanelAdmin, get_visible


@admin.register(Category)
class CategoryAdmin(PanelAdmin):
    """The headings of the catalogue."""

    list_display = ("name", "position", "service_count")
    list_editable = ("position",)
    ordering_field = "position"  # dragged, or typed
    ordering = ("position", "id")
    list_per_page = 200  # all of them on one page, to put them in order
    search_fields = ("name__icontains",)
    fields = ("name", "position")
    actions_detail = ("order",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """Count the services in the same query."""
        return super().get_queryset(request).annotate(counted=Count("services"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only empty headings go."""
        return super().has_delete_permission(request, obj) and obj is not None and not obj.services.exists()

    @admin.display(description="services")
    def service_count(self, category: Any) -> int:
        """Say how many services it has, on sale or not."""
        return category.counted

    def has_order_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change services."""
        return request.user.has_perm("catalog.change_service")

    @staff_action(description="Put its services in order", permission="order")
    def order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show its services, or write the order that comes back."""
        return ordering.show_page(self, request, get_visible(self, request, object_id))
