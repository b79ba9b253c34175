"""Corrections by staff, each with a reason and a name."""

from decimal import Decimal
from uuid import UUID

from django.db import transaction

from wallet import ledger
from wallet.errors import AmountRefused, ReasonMissing
from wallet.models import Account, Wallet


def adjust_balance(*, wallet: Wallet, change: Decimal, reason: str, actor_id: int, request_id: UUID) -> ledger.Posted:
    """Put money into a wallet or take it out, for a reason.

    :param change: negative takes money out.
    :param request_id: one per form shown, so that a form sent twice is posted once.
    :raises ReasonMissing: staff must say why.
    :raises InsufficientBalance: the wallet would go below zero.
    :raises AlreadyPosted: this form was sent before.
    :raises AmountRefused: see `wallet.ledger.credit`.
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing
    if change == 0:
        raise AmountRefused
    key = f"adjustment:{request_id}"
    kind = Account.Kind.ADJUSTMENT
    with transaction.atomic():
        if change < 0:
            return ledger.debit(wallet_id=wallet.pk, amount=-change, key=key, to=kind, reason=reason, actor_id=actor_id)
        return ledger.credit(wallet_id=wallet.pk, amount=change, key=key, source=kind, reason=reason, actor_id=actor_id)
