"""What must be kept and read again, encrypted at rest: our keys at providers, the secrets of second factors.

What only has to be recognized, such as customers' API keys, is a digest instead.
"""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotOpen(Exception):
    """Nothing opens it: it was sealed under a secret that is gone, or never sealed."""


def seal(text: str) -> str:
    """Encrypt a text under the first of `PROVIDER_KEYS_SECRET`."""
    return _box(settings.PROVIDER_KEYS_SECRET).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed, under any of `PROVIDER_KEYS_SECRET`.

    :raises CannotOpen:
    """
    try:
        return _box(settings.PROVIDER_KEYS_SECRET).decrypt(sealed).decode()
    except (InvalidToken, ValueError):
        raise CannotOpen("it was sealed under another PROVIDER_KEYS_SECRET; add that secret again") from None


@lru_cache(maxsize=4)
def _box(secrets: str) -> MultiFernet:
    """Make keys of secrets with commas between; any text will do, as operators have their own generators."""
    texts = [text.strip() for text in secrets.split(",") if text.strip()]
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
