"""How fast a key may ask, and how often an address may guess.

The published rule: short spikes are fine; more than 60 requests a second on one key, sustained for more than
a minute, is refused. A leaky bucket holds it: it drains at the key's rate, and is refused when it has not been
empty for a minute and is more than half a second behind, or when the backlog passes a hard cap.
"""

import hashlib
import ipaddress
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis
import redis
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited
from redis.exceptions import NoScriptError

from api_v2.errors import RateLimitExceeded

SUSTAINED_SECONDS = 60  # "for more than a minute"
BEHIND_SECONDS = 0.5  # a handful: what network jitter makes of an even 60/s
BACKLOG_SECONDS = 100  # at 60/s the published hard cap of 6,000 requests
GUESSES = "60/m"  # wrong keys from one address; a key has 128 random bits, this tells its script to slow down
TIMEOUT_SECONDS = 0.1  # a slow Redis costs one request this much, then none for BREAKER_SECONDS
BREAKER_SECONDS = 5.0
IPV6 = 6

# KEYS: the bucket. ARGV: rate, sustained, behind, backlog, the time in seconds or '' for the server's clock.
# The bucket is "level at busy_since"; a refused request adds nothing, or a client that goes on would never
# be let in again.
_SCRIPT = """
local rate, now = tonumber(ARGV[1]), tonumber(ARGV[5])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local level, busy_since = 0, now
local bucket = redis.call('GET', KEYS[1])
if bucket then
    local old, at, since = bucket:match('(%S+) (%S+) (%S+)')
    level = tonumber(old) - (now - tonumber(at)) * rate
    if level > 0.000001 then busy_since = tonumber(since) else level = 0 end
end
level = level + 1
local sustained = now - busy_since >= tonumber(ARGV[2])
if (sustained and level > tonumber(ARGV[3]) * rate) or level > tonumber(ARGV[4]) * rate then
    return 0
end
redis.call('SET', KEYS[1], string.format('%.6f %.6f %.6f', level, now, busy_since), 'EX', math.ceil(level / rate) + 1)
return 1
"""

_SCRIPT_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

logger = logging.getLogger(__name__)

_tripped_until = 0.0
unchecked = 0
"""Requests of this process that passed because Redis did not answer."""


class _Bucket(threading.local):
    """This thread's connection for the one call that every request makes.

    The client's own command path (pool, retries, instrumentation) costs more than the call; the connection under it
    is the same library's.
    """

    def __init__(self) -> None:
        self._connection: Any = redis.ConnectionPool.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ).make_connection()

    def take(self, *arguments: str) -> bool:
        """Run the script on a bucket.

        :raises redis.RedisError: no answer; the connection is made anew next time.
        """
        try:
            return bool(self._call("EVALSHA", _SCRIPT_SHA, "1", *arguments))
        except NoScriptError:  # a server that was restarted or flushed
            return bool(self._call("EVAL", _SCRIPT, "1", *arguments))

    def read(self, keys: Sequence[str]) -> tuple[float, list[bytes | None]]:
        """Return the server's time in seconds and what the buckets hold.

        :raises redis.RedisError: no answer.
        """
        seconds, microseconds = self._call("TIME")
        return int(seconds) + int(microseconds) / 1_000_000, self._call("MGET", *keys)

    def _call(self, *command: str) -> Any:
        packed = [hiredis.pack_command(command)]  # type: ignore[arg-type]  # its stub knows tuples of one only
        try:
            return self._send(packed)
        except redis.ConnectionError:  # the server went away since the last call; it may be back
            return self._send(packed)

    def _send(self, packed: list[bytes]) -> Any:
        try:
            self._connection.send_packed_command(packed)
            return self._connection.read_response()
        except (redis.ConnectionError, redis.TimeoutError):
            # Or the next call would read this one's answer.
            self._connection.disconnect()
            raise


_bucket = _Bucket()


def check_rate(*, key_id: int, requests_per_second: int, now: float | None = None) -> None:
    """Count a request of a key.

    Without Redis the request passes: a limit that is not checked for a while hurts nobody, an outage does.

    :param now: seconds, for simulations; the server's clock when left out.
    :raises RateLimitExceeded: it is not counted then.
    """
    if _is_tripped():
        return
    try:
        allowed = _bucket.take(
            f"throttle:{key_id}",
            str(requests_per_second),
            str(SUSTAINED_SECONDS),
            str(BEHIND_SECONDS),
            str(BACKLOG_SECONDS),
            "" if now is None else repr(now),
        )
    except redis.RedisError as error:
        _trip(error)
        return
    if not allowed:
        raise RateLimitExceeded


@dataclass(frozen=True, slots=True)
class Headroom:
    """How many calls of a key would pass if they came at once."""

    left: int
    most: int
    is_sustained: bool  # busy for so long that it may not run ahead any more


def read_headroom(*, key_ids: Sequence[int], requests_per_second: int) -> dict[int, Headroom] | None:
    """Say how much is left to each key, counting nothing; None when Redis does not answer."""
    if not key_ids or time.monotonic() < _tripped_until:
        return None if key_ids else {}
    try:
        now, buckets = _bucket.read([f"throttle:{key_id}" for key_id in key_ids])
    except redis.RedisError:
        return None
    return {
        key_id: _headroom(bucket, now=now, rate=requests_per_second)
        for key_id, bucket in zip(key_ids, buckets, strict=True)
    }


def _headroom(bucket: bytes | None, *, now: float, rate: int) -> Headroom:
    """Read a bucket as the script does."""
    level, is_sustained = 0.0, False
    if bucket is not None:
        old, at, since = map(float, bucket.split())
        level = max(0.0, old - (now - at) * rate)
        is_sustained = level > 0 and now - since >= SUSTAINED_SECONDS
    most = BACKLOG_SECONDS * rate
    cap = BEHIND_SECONDS * rate if is_sustained else most
    return Headroom(left=max(0, int(cap - level)), most=most, is_sustained=is_sustained)


def check_guessing(request: HttpRequest) -> None:
    """Count a wrong key of an address.

    Only wrong keys are refused: a customer who shares an address with a guesser goes on working. So the database was
    asked before; see ADR 5.

    :raises RateLimitExceeded: too many wrong keys from there within a minute.
    """
    if _is_tripped():
        return
    try:
        limited = is_ratelimited(request, group="api_v2.guessing", key=network_of, rate=GUESSES, increment=True)
    except redis.RedisError as error:
        _trip(error)
        return
    if limited:
        raise RateLimitExceeded


def address_candidates(meta: Mapping[str, str]) -> list[str]:
    """Return what may be the caller's address: what our proxy says, if there is one, then the socket's."""
    return [meta.get(settings.RATELIMIT_IP_META_KEY, ""), meta.get("REMOTE_ADDR", "")]


def first_address(candidates: Sequence[str]) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the first that is an address."""
    for candidate in candidates:
        try:
            return ipaddress.ip_address(candidate.strip())
        except ValueError:
            continue
    return None


def network_of(group: str, request: HttpRequest) -> str:
    """Return whom guesses are counted against: a customer is usually given a whole /64 of IPv6."""
    address = first_address(address_candidates(request.META))
    if address is None:
        return "unknown"
    return str(ipaddress.ip_network((address, 64 if address.version == IPV6 else 32), strict=False))


def _is_tripped() -> bool:
    """Say whether Redis is being left alone, and count the request that passes for it."""
    global unchecked
    if time.monotonic() >= _tripped_until:
        return False
    unchecked += 1
    return True


def _trip(error: Exception) -> None:
    global _tripped_until, unchecked
    _tripped_until = time.monotonic() + BREAKER_SECONDS
    unchecked += 1
    logger.warning("rate limits are not checked for %.0f s, Redis does not answer: %s", BREAKER_SECONDS, error)
