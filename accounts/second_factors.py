"""The secrets of second factors, encrypted at rest: whoever has a copy of the database makes no codes of it."""

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction

from panel import sealing
from panel.sealing import CannotOpen

MARK = "sealed:"  # those of before they were encrypted have none
SECRETS = ("secret", "seed")  # of a TOTP, and of recovery codes


class SealingMFAAdapter(DefaultMFAAdapter):
    """What allauth asks about second factors."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret that is about to be kept."""
        return MARK + sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return a secret that was kept.

        :raises CannotOpen: no secret opens it: better no login than one with another factor.
        """
        if not encrypted_text.startswith(MARK):
            return encrypted_text
        return sealing.unseal(encrypted_text.removeprefix(MARK))


def reseal_all() -> int:
    """Encrypt every secret anew under the first secret, all or none, and those that never were; return how many.

    :raises CannotOpen: one of them cannot be opened
    """
    adapter = SealingMFAAdapter()
    with transaction.atomic():
        factors = list(Authenticator.objects.select_for_update().select_related("user").order_by("pk"))
        for factor in factors:
            for name in SECRETS:
                if name not in factor.data:
                    continue
                try:
                    factor.data[name] = adapter.encrypt(adapter.decrypt(factor.data[name]))
                except CannotOpen as error:
                    raise CannotOpen(f"the second factor of {factor.user} cannot be opened: {error}") from None
        Authenticator.objects.bulk_update(factors, ["data"])
    return len(factors)
