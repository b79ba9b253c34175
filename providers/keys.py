"""Our API keys at the panels we buy from: encrypted at rest, opened only for a call.

Unlike our customers' keys they must be sent, so a digest would not do.
"""

from django.db import transaction

from panel import sealing
from panel.sealing import CannotOpen
from providers.errors import NotSent
from providers.models import Provider


def seal(api_key: str) -> str:
    """Encrypt a key for `Provider.sealed_key`."""
    return sealing.seal(api_key)


def unseal(provider: Provider) -> str:
    """Return our key at a provider.

    :raises NotSent: there is none, or no secret opens it; so nothing can be sent.
    """
    if not provider.sealed_key:
        raise NotSent("this provider has no API key yet")
    try:
        return sealing.unseal(provider.sealed_key)
    except CannotOpen as error:
        raise NotSent(f"the API key of this provider cannot be opened: {error}, or enter the key again") from None


def reseal_all() -> int:
    """Encrypt every key anew under the first secret, all or none, so that the others may go; return how many.

    :raises NotSent: one of them cannot be opened
    """
    with transaction.atomic():
        providers = list(Provider.objects.select_for_update(no_key=True).exclude(sealed_key="").order_by("pk"))
        for provider in providers:
            try:
                provider.sealed_key = seal(unseal(provider))
            except NotSent as error:
                raise NotSent(f"{provider}: {error.evidence}") from None
        Provider.objects.bulk_update(providers, ["sealed_key"])
    return len(providers)
