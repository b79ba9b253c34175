"""Refusals of the Admin API: what the panel's rules say no to, in the words that a tool's log shows.

Every text a tool may read in `error_message` is here or is Django REST framework's; `error_code` repeats the HTTP
status, and is 0 where all went well.
"""

from rest_framework import status
from rest_framework.exceptions import APIException

from panel.errors import DomainError

INTERNAL_ERROR = "Internal error. It has been recorded; nothing of this call was done."
NO_SUCH_ADDRESS = "There is no such address. See /adminapi/v2/docs."
BAD_ADDRESS = "The address or the headers of this request cannot be read."


class InvalidStaffKey(DomainError):
    """No live key has this text, or its owner may not act."""


class TooManyStaffKeys(DomainError):
    """The member of the staff has as many live keys as one may have."""


class Missing(APIException):
    """What was asked for is not there."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "Not found."


class Conflict(APIException):
    """The panel's rules refuse; nothing has moved."""

    status_code = status.HTTP_409_CONFLICT


class TooWide(APIException):
    """A list that would take the database too long."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "This takes too long to look for. Narrow it by created_from and created_to, by user or by ids."
