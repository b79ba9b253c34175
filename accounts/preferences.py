"""Every page in its reader's language and time zone."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation


class UsePreferences:
    """Show pages as whoever is logged in chose; visitors get what their browser asks for, and UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the reader's language and time zone."""
        # Without a session there is nobody to look up: public pages and files cost no query.
        user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        if user is None or not user.is_authenticated:
            return self.get_response(request)
        language = user.language or translation.get_language()
        with translation.override(language), timezone.override(ZoneInfo(user.time_zone)):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
            response.headers["Content-Language"] = translation.get_language()
        return response
