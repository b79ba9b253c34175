"""What every page is spared."""

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class RefuseNul:
    """Refuse addresses with a NUL: PostgreSQL takes none, so whatever page looked for one would fail."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 400 to an address that holds a NUL, raw or as %00."""
        if "\0" in request.path_info or b"\0" in unquote_to_bytes(request.META.get("QUERY_STRING", "")):
            return HttpResponseBadRequest("The address holds a NUL character.", content_type="text/plain")
        return self.get_response(request)


class CompressPages(GZipMiddleware):
    """Compress text for browsers that take it, except pages that hold a secret.

    BREACH reads a secret from the lengths of compressed pages that repeat what the attacker sent. Django pads every
    compressed answer with up to a hundred random bytes and masks its CSRF token anew each time. What is left are the
    pages with something worth the trouble: those that must not be stored either, like keys, and second factors.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress an answer, or leave it as it is."""
        is_text = response.headers.get("Content-Type", "").startswith("text/")
        if not is_text or "no-store" in response.headers.get("Cache-Control", "") or _is_second_factor(request):
            return response
        return super().process_response(request, response)


def _is_second_factor(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.url_name or "").startswith("mfa_")
