"""The headings of the catalogue, and their order."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from catalog.models import Category
from panel.admin_pages import PanelAdmin


@admin.register(Category)
class CategoryAdmin(PanelAdmin):
    """The headings of the catalogue."""

    list_display = ("name", "position", "service_count")
    list_editable = ("position",)
    ordering = ("position", "id")
    list_per_page = 200  # all of them on one page, to put them in order
    search_fields = ("name__icontains",)
    fields = ("name", "position")

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
