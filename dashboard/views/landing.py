"""The first page a visitor sees."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from dashboard.views.services import find_services


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Show visitors what the panel offers; customers go straight to their overview."""
    if request.user.is_authenticated:
        return redirect("dashboard:overview")
    base_url = settings.BASE_URL or request.build_absolute_uri("/").rstrip("/")
    found = find_services(request)
    return render(request, "dashboard/landing.html", {"base_url": base_url, **found})
