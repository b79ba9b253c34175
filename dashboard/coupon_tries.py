"""Codes of coupons cannot be tried out: after so many wrong ones none is looked up, not even a right one.

Keys are hopeless to guess, so right keys always pass (ADR 5). A code is a word that people remember, and whether there
is one is all that a guesser wants to know: until the window is over nobody is told (ADR 18).
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.cache import caches
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError

from api_v2.throttling import network_of
from dashboard.customer import CustomerRequest
from payments.errors import CouponUnknown, TooManyCouponTries
from payments.models import normalize_coupon_code

# The quote asks again while an amount is typed, and colleagues share an address; nobody errs more often than this.
WINDOW_SECONDS = 3600
LIMITS: tuple[tuple[str, str | Callable[[str, HttpRequest], str], str], ...] = (
    ("dashboard.coupon.customer", "user", "20/h"),
    ("dashboard.coupon.address", network_of, "60/h"),
)

logger = logging.getLogger(__name__)


@contextmanager
def counted(request: CustomerRequest, code: str) -> Iterator[None]:
    """Count a wrong code that comes out in this block, for the customer and for the address.

    :raises TooManyCouponTries: ahead of the block, so that no code is looked up.
    """
    if code.strip() and _has_tried_enough(request):
        raise TooManyCouponTries
    try:
        yield
    except CouponUnknown:
        if _is_new(request, code):
            _read(request, increment=True)
        raise


def _is_new(request: CustomerRequest, code: str) -> bool:
    """Say whether the customer has not tried it within the window: the page asks about one typing error many times."""
    digest = hashlib.sha256(normalize_coupon_code(code).encode()).hexdigest()
    try:
        return caches["limits"].add(f"dashboard.coupon:{request.user.pk}:{digest}", 1, timeout=WINDOW_SECONDS)
    except RedisError:
        return True


def _has_tried_enough(request: CustomerRequest) -> bool:
    return any(count >= limit for count, limit in _read(request, increment=False))


def _read(request: CustomerRequest, *, increment: bool) -> list[tuple[int, int]]:
    """Return how many wrong codes there were and how many there may be, with one more where told."""
    try:
        usages = [
            get_usage(request, group=group, key=key, rate=rate, increment=increment) for group, key, rate in LIMITS
        ]
    except RedisError as error:
        # Losing Redis must not keep customers from paying; what coupons give is limited all the same.
        logger.warning("tries of coupon codes are not counted: %s", error)
        return []
    return [(usage["count"], usage["limit"]) for usage in usages if usage]
