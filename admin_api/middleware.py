"""Answer everything below the Admin API's address in its envelope, also what never reaches a view."""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from rest_framework.status import is_client_error, is_server_error

from admin_api.answers import envelope
from admin_api.errors import BAD_ADDRESS, INTERNAL_ERROR, NO_SUCH_ADDRESS

API_PATH = "/adminapi/v2"
NOT_FOUND = 404
BAD_REQUEST = 400


class AnswerInEnvelope:
    """Turn pages about errors into JSON for tools, and take an address with a slash at its end for the one without."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or hand on what is not of the Admin API."""
        if not (request.path_info == API_PATH or request.path_info.startswith(f"{API_PATH}/")):
            return self.get_response(request)
        request.path_info = request.path_info.rstrip("/")
        response = self.get_response(request)
        is_error = is_client_error(response.status_code) or is_server_error(response.status_code)
        if is_error and not response.headers.get("Content-Type", "").startswith("application/json"):
            response = _error(response.status_code)
        # What is read here is never for a cache, nor for whoever else shares the machine.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _error(status: int) -> HttpResponse:
    message = INTERNAL_ERROR
    if status == NOT_FOUND:
        message = NO_SUCH_ADDRESS
    elif is_client_error(status):
        message = BAD_ADDRESS
    body = json.dumps(envelope({}, message=message, code=status))
    return HttpResponse(body, status=status, content_type="application/json")
