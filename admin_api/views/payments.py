"""Payments: the money that came in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from admin_api.endpoints import Call, endpoint
from admin_api.fields import ListedIdsField, MomentField, Money, MoneyField, SecondsField
from admin_api.paging import PageQuery, read_page
from admin_api.scopes import Scope
from wallet.models import Deposit


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
