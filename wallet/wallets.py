"""Open wallets."""

from django.db import transaction

from wallet.models import Account, Wallet

HOUSE_KINDS = (Account.Kind.SALES, Account.Kind.ADJUSTMENT, Account.Kind.BONUS, Account.Kind.LOSS)


def open_wallet(*, user_id: int, currency: str) -> Wallet:
    """Give a user an empty wallet, and the house the accounts that movements in this currency need."""
    with transaction.atomic():
        ensure_house_accounts(currency)
        account = Account.objects.create(kind=Account.Kind.WALLET, currency=currency)
        return Wallet.objects.create(account=account, user_id=user_id, currency=currency)


def ensure_house_accounts(currency: str) -> None:
    """Create the house accounts of a currency that are not there yet."""
    Account.objects.bulk_create([Account(kind=kind, currency=currency) for kind in HOUSE_KINDS], ignore_conflicts=True)


def ensure_cash_account(*, currency: str, gateway: str) -> None:
    """Create the account in which a gateway's money arrives, unless it is there."""
    Account.objects.bulk_create(
        [Account(kind=Account.Kind.CASH, currency=currency, gateway=gateway)], ignore_conflicts=True
    )
