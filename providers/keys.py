"""Our API keys at the panels we buy from: encrypted at rest, opened only for a call.

Unlike our customers' keys they must be sent, so a digest would not do.
"""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction

from providers.errors import NotSent
from providers.models import Provider


def seal(api_key: str) -> str:
    """Encrypt a key for `Provider.sealed_key`, under the first secret."""
    return _box(settings.PROVIDER_KEYS_SECRET).encrypt(api_key.encode()).decode()


def unseal(provider: Provider) -> str:
    """Return our key at a provider.

    :raises NotSent: there is none, or no secret opens it; so nothing can be sent.
    """
    if not provider.sealed_key:
        raise NotSent("this provider has no API key yet")
    try:
        return _box(settings.PROVIDER_KEYS_SECRET).decrypt(provider.sealed_key).decode()
    except (InvalidToken, ValueError):
        raise NotSent(
            "the API key of this provider cannot be opened: it was sealed under another PROVIDER_KEYS_SECRET; "
            "add that secret again, or enter the key again"
        ) from None


def reseal_all() -> int:
    """Encrypt every key anew under the first secret, all or none, so that the others may go; return how many.

    :raises NotSent: one of them cannot be opened
    """
    with transaction.atomic(durable=True):
        providers = list(Provider.objects.select_for_update(no_key=True).exclude(sealed_key="").order_by("pk"))
        for provider in providers:
            try:
                provider.sealed_key = seal(unseal(provider))
            except NotSent as error:
                raise NotSent(f"{provider}: {error.evidence}") from None
        Provider.objects.bulk_update(providers, ["sealed_key"])
    return len(providers)


@lru_cache(maxsize=4)
def _box(secrets: str) -> MultiFernet:
    """Make keys of secrets with commas between; any text will do, as operators have their own generators."""
    texts = [text.strip() for text in secrets.split(",") if text.strip()]
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
