"""What tools may send: JSON or a form, both of a size."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class BoundedJSONParser(BaseParser):
    """JSON; an empty body sends nothing."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Read a JSON text.

        :raises ParseError: it is none, or larger than anything that is sent here.
        """
        body = _read(stream)
        try:
            return json.loads(body, parse_constant=_refuse_constant) if body.strip() else {}
        except (ValueError, RecursionError):  # the second: nested thousands deep
            raise ParseError("The body is no JSON.") from None


class BoundedFormParser(BaseParser):
    """What HTML forms and most PHP clients send."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Read a form.

        :raises ParseError: it is none, or larger than anything that is sent here.
        """
        try:
            return QueryDict(_read(stream), encoding="utf-8")
        except (ValueError, SuspiciousOperation):
            raise ParseError("The body is no form.") from None


def _read(stream: IO[Any]) -> bytes:
    body: bytes = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise ParseError("The body is too large.")
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON, and no amounts
