"""How fast a key may ask, and how often an address may guess. Without Redis everything passes."""

import ipaddress
import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

GUESSES = "60/m"  # wrong keys from one address, each looked up first; with 256 random bits none is ever guessed
IPV6 = 6

logger = logging.getLogger(__name__)


def check_rate(request: Request, *, key_id: int) -> None:
    """Count a request of a key.

    :raises Throttled: more than `ADMIN_API_RATE`.
    """
    _count(request, group="admin_api.rate", key=str(key_id), rate=settings.ADMIN_API_RATE)


def check_guessing(request: Request) -> None:
    """Count a wrong key of an address; right ones from there go on working.

    :raises Throttled:
    """
    _count(request, group="admin_api.guessing", key=_network_of(address_of(request)), rate=GUESSES)


def address_of(request: HttpRequest | Request) -> str:
    """Return where a request came from, as our proxy says, else the socket."""
    meta = request.META
    return str(meta.get(settings.RATELIMIT_IP_META_KEY) or meta.get("REMOTE_ADDR") or "unknown").strip()


def _network_of(address: str) -> str:
    """Return whom guesses are counted against: whoever has an IPv6 address usually has a whole /64."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return address
    return str(ipaddress.ip_network((address, 64 if version == IPV6 else 32), strict=False))


def _count(request: Request, *, group: str, key: str, rate: str) -> None:
    def same(_group: str, _request: HttpRequest) -> str:
        return key

    try:
        # The limiter wants Django's request, of which it reads nothing here.
        usage: Any = get_usage(request._request, group=group, key=same, rate=rate, increment=True)  # noqa: SLF001
    except RedisError as error:
        logger.warning("a limit of the Admin API was not checked: %s", error)
        return
    if usage and usage["should_limit"]:
        raise Throttled(wait=usage["time_left"])
