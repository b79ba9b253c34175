"""The first page a visitor sees."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

API_PATH = "/api/v2"


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Show visitors what the panel offers; customers go straight to their overview."""
    if request.user.is_authenticated:
        return redirect("dashboard:overview")
    base_url = settings.BASE_URL or request.build_absolute_uri("/").rstrip("/")
    example = f'curl -X POST "{base_url}{API_PATH}" \\\n  -d "key=YOUR_API_KEY" \\\n  -d "action=balance"'
    return render(request, "dashboard/landing.html", {"example": example})
