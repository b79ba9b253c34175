"""What staff do to wallets: both give or take by hand, so a credit always needs a second person."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from panel.money import format_amount
from staff.operations.amounts import in_base
from staff.operations.registry import Operation, register
from wallet import adjustments, deposits
from wallet.models import Wallet
from wallet.refusals import REFUSALS


def _describe(wallet_id: int) -> dict[str, Any]:
    wallet = Wallet.objects.select_related("user").get(pk=wallet_id)
    return {"customer": wallet.user.username, "balance": format_amount(wallet.balance), "currency": wallet.currency}


def _add_funds(wallet_id: int, *, reason: str, actor_id: int, amount: str, reference: str) -> str:
    wallet = Wallet.objects.get(pk=wallet_id)
    deposit = deposits.record_deposit(
        wallet=wallet,
        amount=Decimal(amount),
        gateway=deposits.MANUAL_GATEWAY,
        external_id=reference,
        actor_id=actor_id,
    )
    return f"Added {format_amount(deposit.amount)} {wallet.currency}, reference {deposit.external_id}."


def _adjust(wallet_id: int, *, reason: str, actor_id: int, change: str, request_id: str) -> str:
    wallet = Wallet.objects.get(pk=wallet_id)
    posted = adjustments.adjust_balance(
        wallet=wallet, change=Decimal(change), reason=reason, actor_id=actor_id, request_id=UUID(request_id)
    )
    balance = format_amount(posted.balance_after)
    return f"Adjusted by {format_amount(Decimal(change))} {wallet.currency}; the balance is now {balance}."


def _weigh(wallet_ids: Sequence[int], *, amount: str = "0", change: str = "0", **_rest: Any) -> Decimal:
    moved = abs(Decimal(amount)) + abs(Decimal(change))
    currencies = Wallet.objects.filter(pk__in=wallet_ids).values_list("currency", flat=True)
    return in_base((moved, currency) for currency in currencies)


def _puts_money_in(_wallet_ids: Sequence[int], arguments: Mapping[str, Any]) -> bool:
    return Decimal(arguments["change"]) > 0


ADD_FUNDS = register(
    Operation(
        name="wallet.add_funds",
        title="Add funds",
        permission="wallet.add_deposit",
        model=Wallet,
        run=_add_funds,
        describe=_describe,
        weigh=_weigh,
        is_manual_credit=lambda _wallet_ids, _arguments: True,
        refusals=REFUSALS,
    )
)
ADJUST_BALANCE = register(
    Operation(
        name="wallet.adjust_balance",
        title="Adjust balance",
        permission="wallet.change_wallet",
        model=Wallet,
        run=_adjust,
        describe=_describe,
        weigh=_weigh,
        is_manual_credit=_puts_money_in,
        refusals=REFUSALS,
    )
)
