"""Every page, and every mail, in its reader's language and time zone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation

from accounts.models import User


class UsePreferences:
    """Show pages as whoever is logged in chose; visitors get what their browser asks for, and UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the reader's language and time zone."""
        # Without a session there is nobody to look up: public pages and files cost no query.
        user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        if user is None or not user.is_authenticated:
            return self.get_response(request)
        language = user.language or translation.get_language() or settings.LANGUAGE_CODE
        with preferences_of(user, language=language):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
            response.headers["Content-Language"] = translation.get_language()
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            response.streaming_content = _prefer(user, language, iter(response))
        return response


@contextmanager
def preferences_of(user: User, *, language: str = "") -> Iterator[None]:
    """Speak a user's language and read clocks where they are.

    :param language: for a page whose reader has chosen none; a mail then speaks the site's.
    """
    with translation.override(language or user.language or settings.LANGUAGE_CODE), timezone.override(zone_of(user)):
        yield


def zone_of(user: User) -> ZoneInfo:
    """Return a user's time zone; UTC where this machine does not know it (any more)."""
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _prefer(user: User, language: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    # What is streamed is made after the middleware has returned. Each piece on its own: a client that goes away must
    # not leave its language to the thread's next visitor.
    iterator = iter(chunks)
    while True:
        with preferences_of(user, language=language):
            chunk = next(iterator, None)
        if chunk is None:
            return
        yield chunk
