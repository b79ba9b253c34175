"""The envelope that every answer comes in: `{"data": …, "error_message": "", "error_code": 0}`."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from psycopg.errors import QueryCanceled
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from admin_api.errors import BAD_ADDRESS, INTERNAL_ERROR, TooWide

OK = 200
ERROR_MESSAGE_MAX_CHARACTERS = 1000

logger = logging.getLogger(__name__)


def envelope(data: Any, *, message: str = "", code: int = 0, **more: Any) -> dict[str, Any]:
    """Wrap what is answered."""
    return {"data": data, **more, "error_message": message[:ERROR_MESSAGE_MAX_CHARACTERS], "error_code": code}


def handle_exception(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer whatever a view raised in the envelope; what nobody expected is logged and told to nobody."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, SuspiciousOperation):
        error = exceptions.ParseError(BAD_ADDRESS)
    elif isinstance(error, OperationalError) and isinstance(error.__cause__, QueryCanceled):
        error = TooWide()
    set_rollback()
    if not isinstance(error, exceptions.APIException):
        logger.error("a call of the Admin API crashed", exc_info=error)
        return Response(envelope({}, message=INTERNAL_ERROR, code=500), status=500)
    headers = {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    body = envelope({}, message=_first_sentence(error.detail), code=error.status_code)
    return Response(body, status=error.status_code, headers=headers)


def _first_sentence(detail: Any) -> str:
    """Return the first complaint of however many, with the name of the field it is about."""
    if isinstance(detail, Mapping):
        name, value = next(iter(detail.items()))
        sentence = _first_sentence(value)
        return sentence if name == "non_field_errors" else f"{name}: {sentence}"
    if isinstance(detail, list):
        # Of a list, the complaints about entries that are right are empty.
        return next((_first_sentence(one) for one in detail if one), "")
    return str(detail)
