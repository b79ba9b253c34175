"""When staff looked at the panel as a customer, and why."""

from django.contrib import admin

from accounts.models import Impersonation
from panel.admin_pages import ReadOnlyAdmin


@admin.register(Impersonation)
class ImpersonationAdmin(ReadOnlyAdmin):
    """Every sign-in as a customer; begun on the customer's page."""

    list_display = ("id", "staff", "customer", "reason", "address", "started_at", "expires_at", "ended_at")
    list_select_related = ("staff", "customer")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("staff__username__exact", "customer__username__exact")
    search_help_text = "The whole user name of the member of the staff, or of the customer"
    fields = ("staff", "customer", "reason", "address", "started_at", "expires_at", "ended_at")
