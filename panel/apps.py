"""App configurations of the project itself."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class PanelConfig(AppConfig):
    """The project as an app: it owns management commands."""

    name = "panel"
    default = True

    def ready(self) -> None:
        """Register the checks."""
        from panel import checks  # noqa: F401 (its import is what registers them)


class PanelAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site, which lets nobody in who has no second factor."""

    default = False
    default_site = "panel.admin_site.PanelAdminSite"
