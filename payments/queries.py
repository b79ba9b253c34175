"""Questions about payments; each answer is of one customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from payments.errors import PaymentNotFound
from payments.gateways import gateway_for
from payments.gateways.base import Gateway
from payments.models import GatewaySettings, Payment
from wallet.models import Deposit, Wallet

PAYMENTS_A_PAGE = 25


@dataclass(frozen=True, slots=True)
class Incoming:
    """Money that came in or is expected: a payment, or a deposit that staff recorded without one."""

    at: datetime
    label: str
    reference: str
    paid: Decimal
    fee: Decimal
    bonus: Decimal
    credit: Decimal
    state: str
    payment_id: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of it, newest first; `next_before` begins the next page."""

    items: Sequence[Incoming]
    next_before: datetime | None


def list_gateways(currency: str) -> Sequence[Gateway]:
    """Return the ways to pay into a wallet of a currency, in the order staff gave them."""
    rows = GatewaySettings.objects.filter(currency=currency, is_active=True).order_by("position", "pk")
    return [gateway for gateway in map(gateway_for, rows) if gateway.is_ready]


def get_payment(user_id: int, payment_id: int) -> Payment:
    """Return one of a customer's payments.

    :raises PaymentNotFound: no such payment, or somebody else's.
    """
    payments = Payment.objects.select_related("gateway", "wallet", "deposit", "coupon")
    try:
        return payments.get(pk=payment_id, wallet__user_id=user_id)
    except Payment.DoesNotExist:
        raise PaymentNotFound from None


def count_open(wallet: Wallet) -> int:
    """Count the payments a customer has begun and not ended."""
    return Payment.objects.filter(wallet=wallet, state__in=Payment.OPEN).count()


def list_incoming(wallet: Wallet, *, before: datetime | None = None, limit: int = PAYMENTS_A_PAGE) -> Page:
    """List payments, and deposits that staff recorded without one, newest first.

    Read by time, of two tables; two that began in the same microsecond are on the same page or the second is skipped,
    which does not happen to one customer.
    """
    payments = Payment.objects.filter(wallet=wallet).select_related("gateway").order_by("-created_at", "-pk")
    recorded = Deposit.objects.filter(wallet=wallet, payment=None).order_by("-created_at", "-pk")
    if before is not None:
        payments, recorded = payments.filter(created_at__lt=before), recorded.filter(created_at__lt=before)
    found = [*map(_of_payment, payments[: limit + 1]), *map(_of_deposit, recorded[: limit + 1])]
    found.sort(key=lambda item: item.at, reverse=True)
    items = found[:limit]
    return Page(items, items[-1].at if len(found) > limit else None)


def _of_payment(payment: Payment) -> Incoming:
    return Incoming(
        at=payment.created_at,
        label=payment.gateway.label,
        reference=payment.customer_reference,
        paid=payment.paid,
        fee=payment.fee,
        bonus=payment.bonus + payment.coupon_bonus,
        credit=payment.credit,
        state=payment.state,
        payment_id=payment.pk,
    )


def _of_deposit(deposit: Deposit) -> Incoming:
    return Incoming(
        at=deposit.created_at,
        label="",
        reference=deposit.external_id,
        paid=deposit.amount,
        fee=Decimal(0),
        bonus=Decimal(0),
        credit=deposit.amount,
        state=Payment.State.CREDITED,
        payment_id=None,
    )
