"""`manage.py reseal`: after a new secret was put in front of `PROVIDER_KEYS_SECRET`, so that the old one may go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import second_factors
from panel.sealing import CannotOpen
from providers import keys
from providers.errors import NotSent


class Command(BaseCommand):
    """Encrypt anew all that is kept encrypted, all or none."""

    help = "Encrypt our keys at providers and the secrets of second factors anew under the first PROVIDER_KEYS_SECRET."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many."""
        try:
            with transaction.atomic():
                key_count, factor_count = keys.reseal_all(), second_factors.reseal_all()
        except NotSent as error:
            raise CommandError(f"Nothing was changed. {error.evidence}") from None
        except CannotOpen as error:
            raise CommandError(f"Nothing was changed. {error}") from None
        self.stdout.write(
            f"{key_count} keys and {factor_count} second factors are now encrypted under the first secret; the others "
            "may go."
        )
