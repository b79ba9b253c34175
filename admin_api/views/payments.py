"""Payments: the money that came in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from rest_framework import serializers, status

from admin_api import acting
from admin_api.acting import WithReason
from admin_api.endpoints import Answer, Call, endpoint
from admin_api.errors import Conflict, Missing
from admin_api.fields import AmountField, ListedIdsField, MomentField, Money, MoneyField, SecondsField
from admin_api.paging import PageQuery, read_page
from admin_api.scopes import Scope
from panel.errors import DomainError
from panel.fields import REASON_MAX_CHARACTERS
from panel.money import format_amount
from staff.operations import registry
from wallet.deposits import key_by_hand
from wallet.models import Deposit, Wallet

ADD_FUNDS = "wallet.add_funds"
REFERENCE_MAX_CHARACTERS = 100  # the column that keeps it
MEMO_MAX_CHARACTERS = 200


class PaymentQuery(PageQuery):
    """What a list of payments is narrowed to."""

    ids = ListedIdsField(required=False)
    user = serializers.CharField(required=False, max_length=150, help_text="The whole user name.")
    method = serializers.CharField(required=False, max_length=30, help_text="The code of a gateway, like `manual`.")
    memo = serializers.CharField(required=False, max_length=100, help_text="The whole reference.")


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A deposit with its money."""

    deposit: Deposit
    status: str = "completed"  # what customers have only begun is not here

    @property
    def amount(self) -> Money:
        """What came in."""
        return Money(self.deposit.amount, self.deposit.wallet.currency)

    @property
    def balance(self) -> Money:
        """What its customer can spend now."""
        return Money(self.deposit.wallet.balance, self.deposit.wallet.currency)


class PaymentUser(serializers.Serializer[Any]):
    """Whose payment it is."""

    id = serializers.IntegerField(source="deposit.wallet.user_id")
    username = serializers.CharField(source="deposit.wallet.user.username")
    balance = MoneyField()


class PaymentAnswer(serializers.Serializer[Any]):
    """Money that came into a wallet."""

    payment_id = serializers.IntegerField(source="deposit.pk")
    user = PaymentUser(source="*")
    amount = MoneyField()
    method = serializers.CharField(source="deposit.gateway", help_text="The code of the gateway.")
    memo = serializers.CharField(source="deposit.external_id", help_text="The gateway's or the bank's reference.")
    status = serializers.CharField()
    created = MomentField(source="deposit.created_at")
    created_timestamp = SecondsField(source="deposit.created_at")


def _rows(deposits: Sequence[Deposit]) -> Sequence[PaymentRow]:
    return [PaymentRow(deposit) for deposit in deposits]


@endpoint(
    method="GET",
    scope=Scope.PAYMENTS_READ,
    permissions=["wallet.view_deposit", "wallet.view_wallet"],
    sends=PaymentQuery,
    answers=PaymentAnswer,
    is_list=True,
    summary="List payments",
)
def payments_list(call: Call) -> Any:
    """List the money that came into wallets, newest first. What customers have only begun to pay is not among it."""
    deposits = Deposit.objects.select_related("wallet__user")
    if ids := call.sent.get("ids"):
        deposits = deposits.filter(pk__in=ids)
    if user := call.sent.get("user"):
        deposits = deposits.filter(wallet__user__username=user)
    if method := call.sent.get("method"):
        deposits = deposits.filter(gateway=method)
    if memo := call.sent.get("memo"):
        deposits = deposits.filter(external_id=memo)
    return read_page(deposits.order_by("-pk"), dict(call.sent), complete=_rows)


class AddPayment(WithReason):
    """Money that arrived outside of the panel."""

    username = serializers.CharField(max_length=150, help_text="Whose it is.")
    amount = AmountField(help_text="In the currency of the customer's wallet.")
    memo = serializers.CharField(required=False, allow_blank=True, max_length=MEMO_MAX_CHARACTERS)
    method = serializers.CharField(required=False, allow_blank=True, max_length=60, help_text="For the staff log.")
    reference = serializers.CharField(
        required=False,
        max_length=REFERENCE_MAX_CHARACTERS,
        help_text="What the bank statement says. The same reference is credited once, so send one and repeat calls "
        "are safe; without it every call asks for another credit.",
    )
    affiliate_commission = serializers.BooleanField(required=False, help_text="Ignored: there is no affiliate system.")


class PaymentAsked(serializers.Serializer[Any]):
    """What became of it."""

    payment_id = serializers.IntegerField(allow_null=True, help_text="Null while it waits.")
    approval_id = serializers.IntegerField(allow_null=True)
    reference = serializers.CharField()
    message = serializers.CharField()
    user = serializers.CharField()
    amount = MoneyField()


@endpoint(
    method="POST",
    scope=Scope.PAYMENTS_WRITE,
    permissions=["wallet.add_deposit"],
    sends=AddPayment,
    answers=PaymentAsked,
    statuses=(status.HTTP_200_OK, status.HTTP_202_ACCEPTED),
    summary="Add a payment",
)
def payments_add(call: Call) -> Any:
    """Credit a customer with money that arrived outside of the panel. It waits for a second person, however little."""
    sent = call.sent
    wallet = Wallet.objects.filter(user__username=sent["username"]).select_related("user").first()
    if wallet is None:
        raise Missing("There is no such customer.")
    reference = sent.get("reference") or f"{sent.get('memo') or 'Admin API'} {uuid4()}"[-REFERENCE_MAX_CHARACTERS:]
    told = [text for text in (sent.get("reason"), sent.get("method"), sent.get("memo")) if text]
    arguments = {"amount": format_amount(sent["amount"]), "reference": reference}
    try:
        outcome = registry.perform(
            ADD_FUNDS,
            subject_id=wallet.pk,
            arguments=arguments,
            reason="; ".join(told)[:REASON_MAX_CHARACTERS] or acting.reason_of(call),
            actor=call.staff,
            origin=acting.origin_of(call),
        )
    except DomainError as error:
        raise Conflict(acting.explain(error, ADD_FUNDS)) from None
    credited = Deposit.objects.filter(entry__key=key_by_hand(reference)).first()
    waits = outcome.approval is not None
    data = {
        "payment_id": credited.pk if credited and not waits else None,
        "approval_id": outcome.approval.pk if outcome.approval else None,
        "reference": reference,
        "message": outcome.text,
        "user": wallet.user.username,
        "amount": Money(sent["amount"], wallet.currency),
    }
    if waits:
        return Answer(data, status=202, code=202, message=outcome.text)
    return data
