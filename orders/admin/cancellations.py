"""Customers' requests to stop orders."""

from django.contrib import admin

from orders.models import Cancellation
from panel.admin_pages import ReadOnlyAdmin


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    """Customers' requests to stop orders, and what the providers said to them."""

    list_display = ("order", "requested_at", "forward_at", "forwarded_at", "answer")
    list_select_related = ("order",)
    ordering = ("-id",)
    sortable_by = ()
    fields = ("order", "requested_at", "forward_at", "forwarded_at", "answer")
