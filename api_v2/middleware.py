"""Serve the API ahead of everything that pages need."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from api_v2 import views

API_PATH = "/api/v2"


class ServeApiFirst:
    """Answer API calls before sessions, CSRF checks and redirects, which they have no use for.

    So `/api/v2` and `/api/v2/` never redirect, never answer HTML, and pay for nothing but themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer API calls, hand on everything else."""
        path = request.path_info
        if not path.startswith(API_PATH):
            return self.get_response(request)
        if path in (API_PATH, f"{API_PATH}/"):
            return views.api(request)
        if path.startswith(f"{API_PATH}/"):
            return views.unknown_path(request)
        return self.get_response(request)
