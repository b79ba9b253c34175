"""The only writer of balances and ledger entries.

A movement is one SQL statement: a conditional update of the wallet and the insert of its entry. Nothing is
read first, so there is nothing that could change in between. Touch the wallet last in a transaction: its
row is the one that all concurrent orders of a customer queue for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import DataError, IntegrityError, connection

from panel.errors import violated_constraint
from panel.money import MAX_AMOUNT, PLACES
from wallet.errors import AlreadyPosted, AmountRefused, InsufficientBalance
from wallet.models import Account, Wallet

MOVEMENT = """
    moved AS (
        UPDATE wallet_wallet w SET
            balance = w.balance + %(change)s::numeric(20,5),
            seq = w.seq + 1,
            head = wallet_entry_hash(
                w.head, ids.entry_id, w.account_id, w.seq + 1,
                CASE WHEN %(change)s::numeric < 0 THEN w.account_id ELSE house.id END,
                CASE WHEN %(change)s::numeric < 0 THEN house.id ELSE w.account_id END,
                abs(%(change)s::numeric(20,5)), w.balance + %(change)s::numeric(20,5),
                ids.key, %(reason)s::text, %(actor)s::bigint, now()
            )
        FROM ids, wallet_account house
        WHERE w.account_id = %(wallet)s::bigint
            AND w.balance + %(change)s::numeric(20,5) >= 0
            AND house.kind = %(kind)s::text AND house.currency = w.currency AND house.gateway = %(gateway)s::text
        RETURNING w.account_id, w.seq, w.balance, w.head, ids.entry_id, ids.key, house.id AS house_id
    ),
    entry AS (
        INSERT INTO wallet_ledgerentry (
            id, wallet_id, seq, previous_seq, debit_id, credit_id, amount, balance_before, balance_after,
            key, reason, actor_id, created_at, hash
        )
        SELECT
            entry_id, account_id, seq, nullif(seq - 1, 0),
            CASE WHEN %(change)s::numeric < 0 THEN account_id ELSE house_id END,
            CASE WHEN %(change)s::numeric < 0 THEN house_id ELSE account_id END,
            abs(%(change)s::numeric(20,5)), balance - %(change)s::numeric(20,5), balance,
            key, %(reason)s::text, %(actor)s::bigint, now(), head
        FROM moved
        RETURNING id, balance_after
    )"""
"""Two CTEs that move money, for a statement that has `ids` (entry_id, key) before them.

Parameters: wallet, change (negative takes money out), kind and gateway of the house account, reason, actor.
`entry` (id, balance_after) has no row when the wallet would go below zero.
"""

_POST = f"""
WITH ids AS MATERIALIZED (SELECT nextval('wallet_ledgerentry_id_seq') AS entry_id, %(key)s::text AS key),
{MOVEMENT}
SELECT id, balance_after FROM entry
"""


@dataclass(frozen=True, slots=True)
class Posted:
    """What a movement left behind."""

    entry_id: int
    balance_after: Decimal


_watched: ContextVar[list[tuple[int, Decimal]] | None] = ContextVar("watched movements", default=None)


@contextmanager
def watch_movements() -> Iterator[list[tuple[int, Decimal]]]:
    """Collect each movement of the block: the wallet, and the amount above zero whichever way it went.

    What is charged for an order is not among them: the order's own statement moves it.
    """
    movements: list[tuple[int, Decimal]] = []
    token = _watched.set(movements)
    try:
        yield movements
    finally:
        _watched.reset(token)


def debit(
    *,
    wallet_id: int,
    amount: Decimal,
    key: str,
    to: str = Account.Kind.SALES,
    reason: str = "",
    actor_id: int | None = None,
) -> Posted:
    """Take `amount` out of a wallet, in the caller's transaction.

    :param key: names the business event; the same key is never posted twice.
    :param to: kind of the house account that receives it.
    :raises InsufficientBalance: the wallet would go below zero.
    :raises AlreadyPosted: the key exists; the caller's transaction is then broken and must end.
    :raises AmountRefused: not positive, more than five decimals, or too large.
    """
    _check_amount(amount)
    posted = _post(wallet_id=wallet_id, change=-amount, key=key, kind=to, gateway="", reason=reason, actor_id=actor_id)
    if posted is None:
        raise InsufficientBalance
    return posted


def credit(
    *,
    wallet_id: int,
    amount: Decimal,
    key: str,
    source: str,
    gateway: str = "",
    reason: str = "",
    actor_id: int | None = None,
) -> Posted:
    """Put `amount` into a wallet, in the caller's transaction.

    :param source: kind of the house account it comes from; `gateway` names which cash account.
    :raises AlreadyPosted: the key exists; the caller's transaction is then broken and must end.
    :raises AmountRefused: not positive, more than five decimals, or too large.
    """
    _check_amount(amount)
    posted = _post(
        wallet_id=wallet_id, change=amount, key=key, kind=source, gateway=gateway, reason=reason, actor_id=actor_id
    )
    if posted is None:
        raise Wallet.DoesNotExist(wallet_id)
    return posted


def _check_amount(amount: Decimal) -> None:
    if not amount.is_finite() or not 0 < amount <= MAX_AMOUNT or amount != amount.quantize(PLACES):
        raise AmountRefused


def _post(
    *, wallet_id: int, change: Decimal, key: str, kind: str, gateway: str, reason: str, actor_id: int | None
) -> Posted | None:
    if not connection.in_atomic_block:
        # Alone, a movement would commit without the thing it pays for.
        raise RuntimeError("ledger movements join the transaction of what they pay for")
    parameters: dict[str, Any] = {
        "wallet": wallet_id,
        "change": change,
        "key": key,
        "kind": str(kind),
        "gateway": gateway,
        "reason": reason,
        "actor": actor_id,
    }
    with connection.cursor() as cursor:
        try:
            cursor.execute(_POST, parameters)
        except IntegrityError as error:
            if violated_constraint(error) == "entry_once_per_key":
                raise AlreadyPosted(key=key) from error
            raise
        except DataError as error:
            raise AmountRefused from error  # the sum does not fit into numeric(20,5)
        row = cursor.fetchone()
    if row is None:
        return None
    if (watched := _watched.get()) is not None:
        watched.append((wallet_id, abs(change)))
    return Posted(*row)
