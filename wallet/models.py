"""Money: accounts, the customers' wallets, and the entries that explain every balance.

The rules that PostgreSQL itself keeps (immutability, the chain, no move without its entry) are in
`migrations/0002_ledger_rules.py`.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from panel.fields import MoneyField

KEY_MAX_CHARACTERS = 200


class Account(models.Model):
    """One side of a movement. House accounts keep no balance: it is the sum of their entries.

    A stored revenue row that every order updates would make all customers queue for one lock.
    """

    class Kind(models.TextChoices):
        WALLET = "wallet"
        SALES = "sales"
        CASH = "cash"
        ADJUSTMENT = "adjustment"
        BONUS = "bonus"
        LOSS = "loss"

    kind = models.CharField(max_length=12, choices=Kind)
    currency = models.CharField(max_length=3)
    gateway = models.CharField(max_length=30, blank=True, help_text="For cash accounts: where the money came in.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "kind", "currency", "gateway", condition=~Q(kind="wallet"), name="account_one_per_house_kind"
            ),
            models.CheckConstraint(
                condition=Q(kind="cash", gateway__gt="") | (~Q(kind="cash") & Q(gateway="")),
                name="account_gateway_is_for_cash",
            ),
        ]

    def __str__(self) -> str:
        return ":".join(part for part in (self.kind, self.gateway, self.currency) if part)


class Wallet(models.Model):
    """A customer's money in one currency, with the head of its chain of entries.

    `balance`, `seq` and `head` repeat the newest entry so that one row answers "how much?" and one
    conditional update moves money; deferred triggers refuse a commit in which they differ.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="wallet")
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="wallet")
    currency = models.CharField(max_length=3)
    balance = MoneyField(default=0)
    seq = models.PositiveIntegerField(default=0, help_text="Number of entries so far.")
    head = models.BinaryField(default=bytes, help_text="Hash of the newest entry; empty before the first.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=0), name="wallet_balance_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.currency})"


class LedgerEntry(models.Model):
    """One immutable balanced movement between a wallet and a house account.

    Debits equal credits because one row is both. `wallet.ledger` is the only writer.
    """

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="entries", db_index=False)
    seq = models.PositiveIntegerField()
    previous_seq = models.PositiveIntegerField(null=True)
    debit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    credit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = MoneyField()
    balance_before = MoneyField()
    balance_after = MoneyField()
    key = models.CharField(max_length=KEY_MAX_CHARACTERS, help_text="Names the business event; one event, one entry.")
    reason = models.CharField(max_length=300, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())
    hash = models.BinaryField()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="entry_amount_positive"),
            models.CheckConstraint(
                condition=Q(debit=F("wallet"), balance_after=F("balance_before") - F("amount"))
                | Q(credit=F("wallet"), balance_after=F("balance_before") + F("amount")),
                name="entry_balances_add_up",
            ),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="entry_has_two_accounts"),
            models.CheckConstraint(
                condition=Q(seq=1, previous_seq__isnull=True, balance_before=0)
                # A check that comes out as NULL passes, so say that it is not.
                | Q(seq__gt=1, previous_seq__isnull=False, previous_seq=F("seq") - 1),
                name="entry_follows_previous",
            ),
            models.UniqueConstraint("key", name="entry_once_per_key"),
            models.UniqueConstraint("wallet", "seq", name="entry_one_per_seq"),
            # Target of the composite foreign key (wallet, previous_seq, balance_before) in 0002_ledger_rules.
            models.UniqueConstraint("wallet", "seq", "balance_after", name="entry_chain_target"),
        ]
        # What a statement is narrowed to. Charges, which are most entries by far and what every order waits for, are
        # in neither: `wallet.queries` reads them from the whole.
        indexes = [
            models.Index("wallet", "seq", condition=Q(key__startswith="refund:"), name="entry_refunds"),
            models.Index(
                "wallet",
                "seq",
                condition=~Q(key__startswith="refund:") & ~Q(key__startswith="charge:"),
                name="entry_rare_kinds",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Deposit(models.Model):
    """Money coming in through a gateway; the entry it caused is its proof."""

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="deposits")
    gateway = models.CharField(max_length=30)
    external_id = models.CharField(max_length=100, help_text="The gateway's own reference.")
    amount = MoneyField()
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="deposit")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="deposit_amount_positive"),
            models.UniqueConstraint("gateway", "external_id", name="deposit_once_per_reference"),
        ]
        indexes = [models.Index("wallet", "created_at", name="deposit_by_customer")]

    def __str__(self) -> str:
        return f"{self.gateway}:{self.external_id}"


class LedgerAudit(models.Model):
    """That the ledger was audited, and what came of it: an audit that nobody runs finds nothing."""

    at = models.DateTimeField(db_default=Now())
    entries = models.BigIntegerField()
    mismatches = models.BigIntegerField()
    seconds = models.FloatField(help_text="How long it took.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(entries__gte=0, mismatches__gte=0), name="audit_counts_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.at}: {self.mismatches}"


class WalletDay(models.Model):
    """What moved in a wallet on one day in UTC: sums of its entries up to the wallet's `DayFold`.

    A year of a busy customer is a million entries; a page that shows thirty days reads thirty of these.
    `wallet.days` is the only writer.
    """

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="days", db_index=False)
    day = models.DateField()
    charged = MoneyField(help_text="Paid for orders.")
    refunded = MoneyField(help_text="Given back for orders.")
    deposited = MoneyField(help_text="Came in through gateways, less what went back.")
    other = MoneyField(help_text="Bonuses and adjustments; below zero where they took money out.")
    charge_count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint("wallet", "day", name="walletday_once_per_day"),
            models.CheckConstraint(condition=Q(charged__gte=0, refunded__gte=0), name="walletday_sums_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.wallet_id} {self.day}"


class DayFold(models.Model):
    """How many of a wallet's entries its days contain: all up to this `seq`, and none after it."""

    wallet = models.OneToOneField(Wallet, on_delete=models.PROTECT, primary_key=True, related_name="day_fold")
    seq = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.wallet_id}: {self.seq}"
