"""Staff tell customers what is wrong."""

from django.contrib import admin

from panel.admin_pages import PanelAdmin
from status.models import Incident


@admin.register(Incident)
class IncidentAdmin(PanelAdmin):
    """What the status page says beside its figures."""

    list_display = ("title", "component", "severity", "started_at", "ended_at", "is_public")
    list_filter = ("component", "severity", "is_public")
    fields = ("title", "body", "component", "severity", "started_at", "ended_at", "is_public")
