"""The admin site: staff only, with a second factor outside DEBUG."""

from collections.abc import Callable

from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import secure_admin_login
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.models import Authenticator
from csp import constants as csp
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.sites import UnfoldAdminSite

# The admin's theme runs Alpine.js, which evaluates expressions, and styles in the page.
THEME_POLICY = {
    "script-src": [csp.SELF, csp.UNSAFE_INLINE, csp.UNSAFE_EVAL],
    "style-src": [csp.SELF, csp.UNSAFE_INLINE],
    "font-src": [csp.SELF],
}


def has_second_factor(user: object) -> bool:
    """Say whether the user has turned on TOTP."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def gave_second_factor(request: HttpRequest) -> bool:
    """Say whether this session has shown a second factor.

    Turning TOTP on shows none: one more code is asked for then, and a session that somebody else began with the
    password alone stays outside.
    """
    return any(record["method"] == "mfa" for record in get_authentication_records(request, request.user))


class PanelAdminSite(UnfoldAdminSite):
    """Django's admin behind the panel's own login, which asks for the second factor."""

    index_title = "Home"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in active staff that are not suspended; outside DEBUG only with TOTP, given in this session."""
        user = request.user
        if not (user.is_authenticated and user.is_working_staff):
            return False
        return settings.DEBUG or (gave_second_factor(request) and has_second_factor(user))

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponseBase]:
        """Let the theme's scripts run on the admin's pages."""
        return csp_replace(THEME_POLICY)(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """Ask staff for their second factor or its set-up, send nobody to the panel's login, refuse customers.

        Django's own form is never shown and never accepted: it knows no second factor.
        """
        if self.has_permission(request):
            return redirect("admin:index")
        if not request.user.is_authenticated:
            return secure_admin_login(super().login)(request, extra_context=extra_context)
        if not request.user.is_working_staff:
            raise PermissionDenied
        if not has_second_factor(request.user):
            return redirect("mfa_activate_totp")
        back = get_next_redirect_url(request) or reverse("admin:index")
        return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({REDIRECT_FIELD_NAME: back})}")
