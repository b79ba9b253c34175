"""The admin site: staff only, with a second factor outside DEBUG."""

from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.sites import UnfoldAdminSite


def has_second_factor(user: object) -> bool:
    """Say whether the user has turned on TOTP."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


class PanelAdminSite(UnfoldAdminSite):
    """Django's admin behind the panel's own login, which asks for the second factor."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in active staff; outside DEBUG only with TOTP."""
        return super().has_permission(request) and (settings.DEBUG or has_second_factor(request.user))

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """Send staff without TOTP to its set-up, nobody to the panel's login, and refuse customers.

        Django's own form is never shown and never accepted: it knows no second factor.
        """
        if super().has_permission(request):
            return redirect("admin:index" if self.has_permission(request) else "mfa_activate_totp")
        return secure_admin_login(super().login)(request, extra_context=extra_context)
