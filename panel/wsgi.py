"""The WSGI application that granian serves."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hand a request to Django, without parameters of its content type that Django cannot read.

    Django reads them before any middleware runs, and crashes on those that are encoded (`charset*=...`) or hold a NUL.
    No boundary and no charset that clients send has such characters.
    """
    content_type = environ.get("CONTENT_TYPE", "")
    if "*" in content_type or "%" in content_type or "\x00" in content_type:
        environ["CONTENT_TYPE"] = content_type.partition(";")[0]
    return _django(environ, start_response)
