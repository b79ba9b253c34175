"""The headings of the catalogue, and their order."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from catalog import ordering
from catalog.errors import NotOfCategory
from catalog.models import Category
from panel.admin_actions import get_visible, staff_action
from panel.admin_pages import PanelAdmin, parse_id


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
        """Show the services to be dragged, or write the order that comes back."""
        category: Category = get_visible(self, request, object_id)
        if request.method == "POST":
            ids = [parse_id(word) for word in request.POST.get("ids", "").split(",")]
            try:
                with transaction.atomic():
                    moved = ordering.order_services(category_id=category.pk, service_ids=[pk for pk in ids if pk])
                    self.log_many(
                        request,
                        list(moved),
                        f"Put the services of {category} in order; {len(moved)} moved.",
                        before={str(service.pk): {"position": old} for service, (old, _) in moved.items()},
                        after={str(service.pk): {"position": new} for service, (_, new) in moved.items()},
                    )
            except NotOfCategory:
                self.message_user(request, "These are not the services of this category. Try again.", messages.ERROR)
            else:
                self.message_user(request, f"{len(moved)} services moved.", messages.SUCCESS)
            return redirect("admin:catalog_category_order", category.pk)
        return TemplateResponse(
            request,
            "admin/order_services.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Put services in order",
                "category": category,
                "services": category.services.order_by("position", "pk"),
            },
        )
