"""What workers do for the ledger, by name."""

from celery import shared_task

from panel.alerts import tell_staff
from wallet import audit, days

FOLD_SECONDS = 10.0  # a task gives its thread back after this long


@shared_task(name="wallet.audit_ledger")
def audit_ledger() -> None:
    """Audit the ledger, and tell staff at once when not every cent is explained."""
    result = audit.audit_and_record()
    if not result.is_clean:
        tell_staff(
            f"The ledger does not add up: {result.mismatches} mismatches",
            "\n".join([*result.findings, "", "`manage.py audit_ledger` prints the whole audit."]),
        )


@shared_task(name="wallet.fold_days")
def fold_days() -> None:
    """Add up the days of wallets in which much has moved."""
    days.fold_wallets(seconds=FOLD_SECONDS)
