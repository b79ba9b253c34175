"""Money for staff to look at; the two actions on a wallet's page are the only way to move it."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from panel.admin_actions import ReasonForm, ShownReasonForm, ask_and_perform, staff_action
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin, link_to, parse_id
from panel.money import DECIMAL_PLACES, MAX_DIGITS, format_amount
from wallet import queries
from wallet.models import Account, Deposit, LedgerEntry, Wallet

NEWEST_ENTRIES = 25  # on a wallet's page; the rest is one click away
REFERENCE_MAX_CHARACTERS = 100  # the column that keeps it


class AmountField(forms.DecimalField):
    """An amount of money; whether it may be posted is for the ledger to say."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, widget=UnfoldAdminDecimalFieldWidget(), **options
        )


class AddFundsForm(ReasonForm):
    """Money that arrived outside of the panel."""

    amount = AmountField()
    reference = forms.CharField(
        max_length=REFERENCE_MAX_CHARACTERS,
        help_text="What the bank statement says. The same reference is credited once.",
        widget=UnfoldAdminTextInputWidget(),
    )


class AdjustBalanceForm(ShownReasonForm):
    """A correction of a balance."""

    change = AmountField(help_text="Below zero takes money out.")
    # One per form shown: a form sent twice is posted once.
    request_id = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput())


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    """A customer's balance and the newest entries that explain it."""

    list_display = ("number", "customer", "currency", "balance", "seq")
    list_filter = ("currency",)
    list_select_related = ("user",)
    ordering = ("-account_id",)
    sortable_by = ("balance", "seq")
    search_fields = ("user__username__startswith", "user__email__iexact")
    search_help_text = "Beginning of the user name, or the whole email address"
    fields = ("customer", "currency", "balance", "seq")
    readonly_fields = ("customer",)
    actions_detail = ("add_funds", "adjust_balance")

    @admin.display(description="account")
    def number(self, wallet: Wallet) -> int:
        """Show the id of the account that its entries name."""
        return wallet.account_id

    @admin.display(description="customer")
    def customer(self, wallet: Wallet) -> SafeString:
        """Link to whose money it is."""
        return link_to(wallet.user)

    def describe(self, obj: Wallet) -> str:
        """Say whose wallet it is and what is in it."""
        return f"{obj.user}, who has {format_amount(obj.balance)} {obj.currency}"

    def list_facts(self, obj: Wallet) -> Iterable[Fact]:
        """Show the last movements, newest first."""
        lines = queries.get_statement(obj, limit=NEWEST_ENTRIES).lines[::-1]
        everything = f"{reverse('admin:wallet_ledgerentry_changelist')}?wallet={obj.pk}"
        yield Fact(
            "Newest entries",
            ("#", "when", "what", "debit", "credit", "amount", "balance after", "reason"),
            [(e.seq, e.created_at, link_to(e), e.debit, e.credit, e.amount, e.balance_after, e.reason) for e in lines],
            more=format_html('<a href="{}" class="text-link">All entries</a>', everything),
        )

    def has_add_funds_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may make deposits."""
        return request.user.has_perm("wallet.add_deposit")

    def has_adjust_balance_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change wallets."""
        return request.user.has_perm("wallet.change_wallet")

    @staff_action(description="Add funds", permission="add_funds")
    def add_funds(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record money that arrived outside of the panel."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="wallet.add_funds",
            explanation="Credits the customer's wallet with money that has arrived. It cannot be undone.",
            form_class=AddFundsForm,
        )

    @staff_action(description="Adjust balance", permission="adjust_balance")
    def adjust_balance(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Correct a balance, for a reason."""
        return ask_and_perform(
            self,
            request,
            object_id,
            operation="wallet.adjust_balance",
            explanation="Puts money into the wallet or takes it out. The customer sees the entry in the statement.",
            form_class=AdjustBalanceForm,
        )


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Every movement there ever was."""

    list_display = ("id", "customer", "seq", "debit", "credit", "amount", "balance_after", "key", "actor", "created_at")
    list_select_related = ("wallet__user", "debit", "credit", "actor")
    sortable_by = ()  # the table is long; `get_ordering` names the orders that have an index
    search_fields = ("key",)  # shows the search box; what is found is below
    search_help_text = "The whole key (charge:order:1001), the id of an entry, or the whole user name"
    fields = (
        "wallet", "seq", "key", "debit", "credit", "amount", "balance_before", "balance_after", "reason", "actor",
        "created_at", "hash_text",
    )  # fmt: skip
    readonly_fields = ("hash_text",)
    long_fields = ("hash_text",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the newest first, of all wallets or of the one in the address."""
        return ("-seq",) if "wallet" in request.GET else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        """Find by what has an index: an entry's id or key, or its customer's name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if ":" in term:
            return queryset.filter(key=term), False
        if (entry_id := parse_id(term)) is not None:
            return queryset.filter(pk=entry_id), False
        return queryset.filter(wallet__in=list(Wallet.objects.filter(user__username=term))), False

    @admin.display(description="customer")
    def customer(self, entry: LedgerEntry) -> SafeString:
        """Link to whose wallet moved."""
        return link_to(entry.wallet.user)

    @admin.display(description="hash")
    def hash_text(self, entry: LedgerEntry) -> str:
        """Show the link of the chain as people write hashes."""
        return bytes(entry.hash).hex()


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """The accounts on both sides of the entries."""

    list_display = ("id", "kind", "gateway", "currency")
    list_filter = ("kind", "currency")
    fields = ("kind", "gateway", "currency")


@admin.register(Deposit)
class DepositAdmin(ReadOnlyAdmin):
    """Money that came in; new ones are made by "Add funds" on a customer's page."""

    list_display = ("id", "customer", "gateway", "external_id", "amount", "currency", "created_by", "created_at")
    list_filter = ("gateway",)
    list_select_related = ("wallet__user", "created_by")
    ordering = ("-id",)
    search_fields = ("external_id__exact", "wallet__user__username__exact")
    search_help_text = "The whole reference or the whole user name"
    fields = ("wallet", "gateway", "external_id", "amount", "currency", "entry", "created_by", "created_at")
    readonly_fields = ("currency",)

    @admin.display(description="customer")
    def customer(self, deposit: Deposit) -> SafeString:
        """Link to whose money it is."""
        return link_to(deposit.wallet.user)

    @admin.display(description="currency")
    def currency(self, deposit: Deposit) -> str:
        """Say in which money the amount is."""
        return deposit.wallet.currency
