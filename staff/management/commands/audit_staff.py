"""Check that the staff log is as it was written."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from staff import audit
from staff.models import AuditEntry


class Command(BaseCommand):
    """Recompute the chain of hashes."""

    help = "Check that the staff log is as it was written"

    def handle(self, *args: Any, **options: Any) -> None:
        """Print how many entries are sound, or fail naming the first that is not."""
        broken = audit.find_break()
        if broken is not None:
            raise CommandError(f"entry {broken} of the staff log is not as it was written")
        self.stdout.write(f"{AuditEntry.objects.count()} entries, all as they were written")
