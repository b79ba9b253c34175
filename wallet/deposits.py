"""Money coming in."""

import unicodedata
from decimal import Decimal

from django.db import IntegrityError, transaction

from panel.errors import violated_constraint
from wallet import ledger, wallets
from wallet.errors import AlreadyPosted
from wallet.models import KEY_MAX_CHARACTERS, Account, Deposit, Wallet

MANUAL_GATEWAY = "manual"  # bank transfers and the like, entered by staff


def key_by_hand(reference: str) -> str:
    """Return the ledger's key of money that staff say has arrived, by what the bank statement says.

    One for all ways to pay that staff look after, whatever the capitals, blanks and what cannot be seen: a transfer is
    credited once, be it as a customer's payment or as funds added.
    """
    wide = unicodedata.normalize("NFKC", reference).casefold()
    visible = "".join(char for char in wide if not char.isspace() and unicodedata.category(char) != "Cf")
    return f"deposit:hand:{visible}"[:KEY_MAX_CHARACTERS]


def record_deposit(
    *, wallet: Wallet, amount: Decimal, gateway: str, external_id: str, actor_id: int | None = None
) -> Deposit:
    """Credit a wallet with money that arrived, once per gateway and reference.

    :param external_id: the gateway's reference; for manual deposits what the bank statement says.
    :raises AlreadyPosted: this reference was credited before.
    :raises AmountRefused: see `wallet.ledger.credit`.
    """
    with transaction.atomic():
        return post_deposit(
            wallet=wallet,
            amount=amount,
            gateway=gateway,
            external_id=external_id,
            actor_id=actor_id,
            is_by_hand=gateway == MANUAL_GATEWAY,
        )


def post_deposit(
    *,
    wallet: Wallet,
    amount: Decimal,
    gateway: str,
    external_id: str,
    actor_id: int | None = None,
    is_by_hand: bool = False,
) -> Deposit:
    """Do what `record_deposit` does in the caller's transaction: whoever asked for the money is marked in the same one.

    :param is_by_hand: staff say that it has arrived, and not the gateway itself.
    :raises AlreadyPosted: this reference was credited before; the caller's transaction is then broken and must end.
    :raises AmountRefused: see `wallet.ledger.credit`.
    """
    key = key_by_hand(external_id) if is_by_hand else f"deposit:{gateway}:{external_id}"
    wallets.ensure_cash_account(currency=wallet.currency, gateway=gateway)
    posted = ledger.credit(
        wallet_id=wallet.pk,
        amount=amount,
        key=key,
        source=Account.Kind.CASH,
        gateway=gateway,
        reason=f"Deposit {external_id}",
        actor_id=actor_id,
    )
    try:
        return Deposit.objects.create(
            wallet=wallet,
            gateway=gateway,
            external_id=external_id,
            amount=amount,
            entry_id=posted.entry_id,
            created_by_id=actor_id,
        )
    except IntegrityError as error:
        # The ledger's key of it may be an older one; see `key_by_hand`.
        if violated_constraint(error) == "deposit_once_per_reference":
            raise AlreadyPosted(key=key) from error
        raise
