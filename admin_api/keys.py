"""Issue and revoke staff keys, and find out who calls. The text of a key exists only in the answer that shows it."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from admin_api.errors import InvalidStaffKey, TooManyStaffKeys
from admin_api.models import KEY_HINT_CHARACTERS, StaffKey
from admin_api.scopes import Scope

KEY_BYTES = 32  # 64 hexadecimal characters, as long as the keys of other panels' Admin APIs
KEYS_MAX = 20  # more live keys than one person's tools need
TOUCH_AFTER = timedelta(minutes=1)  # more often would turn every read into a write
_KEY_SHAPE = re.compile(r"[0-9a-f]{64}")
# A digest of a staff key is never one of a customer's, though both are peppered with the same secret.
_DIGEST_PURPOSE = b"staff key:"


def digest_key(text: str) -> bytes | None:
    """Return what is stored for a key, or None when the text has not the shape of one.

    Keyed with a pepper that is not in the database: a stolen dump does not even let one check a guess.
    """
    if not _KEY_SHAPE.fullmatch(text):
        return None
    return hmac.digest(settings.API_KEY_PEPPER.encode(), _DIGEST_PURPOSE + text.encode(), hashlib.sha256)


def issue_staff_key(
    *, owner: User, name: str, scopes: Collection[Scope], expires_at: datetime | None = None
) -> tuple[StaffKey, str]:
    """Make a new key and return it with its text, which cannot be had again.

    Nobody but its owner may come to see the text: whoever has it acts under the owner's name, and could be the second
    person for what they asked for with it.

    :raises TooManyStaffKeys: revoke one first.
    """
    text = secrets.token_hex(KEY_BYTES)
    with transaction.atomic():
        # One issue at a time per owner, or two could both find room for the last key.
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if StaffKey.objects.filter(_is_live(), owner=owner).count() >= KEYS_MAX:
            raise TooManyStaffKeys
        key = StaffKey.objects.create(
            owner=owner,
            name=name,
            scopes=sorted(Scope(scope).value for scope in scopes),
            digest=digest_key(text),
            hint=text[:KEY_HINT_CHARACTERS],
            expires_at=expires_at,
        )
    return key, text


def revoke_staff_key(*, key_id: int) -> None:
    """Make a key dead for every request that starts from now on.

    :raises InvalidStaffKey: there is no such live key.
    """
    if not StaffKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=Now()):
        raise InvalidStaffKey


def identify(text: str) -> StaffKey:
    """Return the live key with this text, with its owner, who is active staff and not suspended.

    :raises InvalidStaffKey: nothing says whether it never was, is revoked or expired, or its owner may not act.
    """
    digest = digest_key(text)
    if digest is None:
        raise InvalidStaffKey
    key = (
        StaffKey.objects.select_related("owner")
        .filter(_is_live(), digest=digest, owner__is_active=True, owner__is_staff=True, owner__is_suspended=False)
        .first()
    )
    if key is None:
        raise InvalidStaffKey
    if key.last_used_at is None or key.last_used_at < timezone.now() - TOUCH_AFTER:
        StaffKey.objects.filter(pk=key.pk).update(last_used_at=Now())
    return key


def _is_live() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
