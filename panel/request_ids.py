"""A name for each request and each task, in the answer and in every line that is logged meanwhile."""

import random
import re
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-Id"
SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")  # what proxies send; anything else could be meant to confuse who reads logs

_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """Return the name of what this thread works on; empty between requests."""
    return _current.get()


def begin(name: str) -> None:
    """Say what this thread works on from now; empty when it has ended."""
    _current.set(name)


class NameRequests:
    """Take a request's name from the proxy in front, or make one, and answer with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the request while it is answered."""
        name = request.META.get("HTTP_X_REQUEST_ID", "")
        if not name or not SANE.fullmatch(name):
            name = f"{random.getrandbits(64):016x}"  # a name, not a secret
        _current.set(name)
        try:
            response = self.get_response(request)
        finally:
            _current.set("")
        response.headers[HEADER] = name
        return response
