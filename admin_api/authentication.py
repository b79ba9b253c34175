"""Who calls: the header `X-Api-Key` with a staff key, and nothing else."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import User
from admin_api import keys, throttling
from admin_api.errors import InvalidStaffKey
from admin_api.models import StaffKey

HEADER = "X-Api-Key"


class StaffKeyAuthentication(BaseAuthentication):
    """Let in whoever has a live key of an active member of the staff."""

    def authenticate(self, request: Request) -> tuple[User, StaffKey]:
        """Return the key and its owner.

        :raises AuthenticationFailed: also without any key; nothing here is for anybody.
        :raises Throttled: too many wrong keys from there.
        """
        try:
            key = keys.identify(request.headers.get(HEADER, "").strip())
        except InvalidStaffKey:
            throttling.check_guessing(request)
            raise AuthenticationFailed("Invalid API key") from None
        return key.owner, key

    def authenticate_header(self, request: Request) -> Any:
        """Say how to come in; without it the answer would be 403."""
        return HEADER
