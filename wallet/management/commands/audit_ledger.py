"""`manage.py audit_ledger`: is every cent explained?"""

from typing import Any

from django.core.management.base import BaseCommand

from wallet import audit


class Command(BaseCommand):
    """Print the audit; exit code 1 when anything does not add up."""

    help = "Recompute every ledger hash and balance. Exit code 0: clean, 1: mismatches."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the audit and print it."""
        result = audit.audit_and_record()
        self.stdout.write(f"{result.entries:,} entries in {result.wallets:,} wallets read in {result.seconds:.1f} s")
        for line in result.trial_balance:
            name = f"{line.kind}:{line.gateway}" if line.gateway else line.kind
            self.stdout.write(f"  {line.currency}  {name:<20} {line.balance:>20,}")
        for finding in result.findings:
            self.stdout.write(self.style.ERROR(f"  {finding}"))
        if not result.is_clean:
            self.stdout.write(self.style.ERROR(f"{result.mismatches} mismatches"))
            raise SystemExit(1)
        self.stdout.write(self.style.SUCCESS("0 mismatches: every cent is explained"))
