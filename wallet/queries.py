"""Questions about money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from panel.money import ZERO
from wallet.models import LedgerAudit, LedgerEntry, Wallet

STATEMENT_LINES_MAX = 200  # one page of a statement


@dataclass(frozen=True, slots=True)
class Statement:
    """Opening balance + lines = closing balance, oldest line first."""

    opening_balance: Decimal
    lines: Sequence[LedgerEntry]
    closing_balance: Decimal


def get_wallet(user_id: int) -> Wallet:
    """Return a user's wallet.

    :raises Wallet.DoesNotExist: staff without a wallet.
    """
    return Wallet.objects.get(user_id=user_id)


def get_statement(
    wallet: Wallet, *, since: datetime | None = None, before_seq: int | None = None, limit: int = STATEMENT_LINES_MAX
) -> Statement:
    """Return the newest lines of a wallet, or those before `before_seq` for the next page."""
    entries = LedgerEntry.objects.filter(wallet=wallet).select_related("debit", "credit").order_by("-seq")
    if since is not None:
        entries = entries.filter(created_at__gte=since)
    if before_seq is not None:
        entries = entries.filter(seq__lt=before_seq)
    lines = list(entries[: min(limit, STATEMENT_LINES_MAX)])[::-1]
    if not lines:
        # Nothing since a day: the balance stood still. Nothing before a line: that is where the wallet began.
        balance = wallet.balance if before_seq is None else ZERO
        return Statement(balance, [], balance)
    return Statement(lines[0].balance_before, lines, lines[-1].balance_after)


def get_last_audit() -> LedgerAudit | None:
    """Return what came of the newest audit of the ledger; None before the first."""
    return LedgerAudit.objects.order_by("-pk").first()


def get_first_entry_at() -> datetime | None:
    """Say when money moved for the first time; None where it never did."""
    return LedgerEntry.objects.order_by("pk").values_list("created_at", flat=True).first()
