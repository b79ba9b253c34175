"""App configurations of the project itself."""

from django.contrib.admin.apps import AdminConfig


class PanelAdminConfig(AdminConfig):
    """Django's admin with our site, which lets nobody in who has no second factor."""

    default_site = "panel.admin_site.PanelAdminSite"
