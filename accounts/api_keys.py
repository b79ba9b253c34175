"""Issue, rotate and revoke API keys. The text of a key exists only in the answer that shows it."""

import hashlib
import hmac
import re
import secrets

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.errors import InvalidApiKey, TooManyApiKeys
from accounts.models import KEY_HINT_CHARACTERS, ApiKey, User

KEY_BYTES = 16  # 128 random bits, 32 hexadecimal characters: some clients refuse any other length
KEYS_MAX = 20  # more live keys than one customer's programs need
_KEY_SHAPE = re.compile(r"[0-9a-f]{32}")


def digest_key(text: str) -> bytes | None:
    """Return what is stored for a key, or None when the text has not the shape of one.

    Keyed with a pepper that is not in the database: a stolen dump does not even let one check a guess.
    """
    if not _KEY_SHAPE.fullmatch(text):
        return None
    return hmac.digest(settings.API_KEY_PEPPER.encode(), text.encode(), hashlib.sha256)


def list_api_keys(user: User) -> QuerySet[ApiKey]:
    """List a customer's keys, live and revoked, newest first."""
    return ApiKey.objects.filter(user=user).order_by("-id")


def issue_api_key(*, user: User, name: str) -> str:
    """Make a new key and return its text, which cannot be had again.

    :raises TooManyApiKeys: revoke one first.
    """
    with transaction.atomic(durable=True):
        # One issue at a time per customer, or two could both find room for the last key.
        User.objects.select_for_update().get(pk=user.pk)
        if ApiKey.objects.filter(user=user, revoked_at=None).count() >= KEYS_MAX:
            raise TooManyApiKeys
        return _create(user_id=user.pk, name=name)


def rotate_api_key(*, user: User, key_id: int) -> str:
    """Replace a live key by a new one of the same name and return its text; the old one is dead at once.

    :raises InvalidApiKey: the customer has no such live key.
    """
    with transaction.atomic(durable=True):
        # The old key dies first: a customer who rotates is often reacting to a leak.
        old = _revoke(user_id=user.pk, key_id=key_id)
        return _create(user_id=user.pk, name=old.name)


def revoke_api_key(*, user: User, key_id: int) -> None:
    """Make a key dead for every request that starts from now on, and for orders not committed yet.

    Placing an order holds a share lock on its key until it commits, so this waits for orders in flight.

    :raises InvalidApiKey: the customer has no such live key.
    """
    with transaction.atomic():
        _revoke(user_id=user.pk, key_id=key_id)


def _create(*, user_id: int, name: str) -> str:
    text = secrets.token_hex(KEY_BYTES)
    ApiKey.objects.create(user_id=user_id, name=name, digest=digest_key(text), hint=text[:KEY_HINT_CHARACTERS])
    return text


def _revoke(*, user_id: int, key_id: int) -> ApiKey:
    try:
        key = ApiKey.objects.select_for_update().get(pk=key_id, user_id=user_id, revoked_at=None)
    except ApiKey.DoesNotExist:
        raise InvalidApiKey from None
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    return key
