"""Who calls: one indexed query answers for the key, its customer, wallet, limits and the catalogue version.

Nothing of it is cached: a key that was rotated is dead on the next request, in every process.
"""

from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection

from accounts import api_keys
from accounts.errors import InvalidApiKey
from orders.placement import Buyer


@dataclass(frozen=True, slots=True)
class Caller(Buyer):
    """A customer whose program is calling."""

    requests_per_second: int = 0


_IDENTIFY = """
SELECT u.id, w.account_id, w.currency, w.balance, u.is_suspended OR NOT u.is_active, v.version, k.id,
    u.requests_per_second, coalesce(k.last_used_at < now() - interval '1 minute', true)
FROM accounts_apikey k
JOIN accounts_user u ON u.id = k.user_id
JOIN wallet_wallet w ON w.user_id = u.id
JOIN catalog_catalogversion v ON v.id = 1
WHERE k.digest = %(digest)s AND k.revoked_at IS NULL
"""

# The page of keys shows when each was last used, to the minute; more often would turn every read into a write.
_TOUCH = "UPDATE accounts_apikey SET last_used_at = now() WHERE id = %(key)s AND revoked_at IS NULL"


def identify(key: str) -> Caller:
    """Return the customer a key belongs to.

    :raises InvalidApiKey: no live key has this text.
    """
    digest = api_keys.digest_key(key)
    if digest is None:
        raise InvalidApiKey
    try:
        row = _read(digest)
    except OperationalError:
        # The database was restarted since this thread's last request. Nothing was done yet, so ask once more.
        if connection.in_atomic_block:
            raise
        connection.close()
        row = _read(digest)
    if row is None:
        raise InvalidApiKey
    *facts, is_stale = row
    caller = Caller(*facts)
    if is_stale:
        with connection.cursor() as cursor:
            cursor.execute(_TOUCH, {"key": caller.api_key_id})
    return caller


def _read(digest: bytes) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(_IDENTIFY, {"digest": digest})
        return cursor.fetchone()
