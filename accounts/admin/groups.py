"""The roles of the staff."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from panel.admin_pages import PanelAdmin

admin.site.unregister(Group)  # staff could widen their own role there


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, PanelAdmin):
    """What members of the staff may do, by role; for superusers, or staff could widen their own role."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to superusers."""
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let superusers only."""
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers only."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers only."""
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers only."""
        return request.user.is_superuser
