"""What a customer does: ask to add funds, go and pay, say that the money is on its way."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from panel.alerts import tell_staff
from panel.errors import violated_constraint
from panel.money import ZERO, format_amount
from payments import coupons, crediting, queries
from payments.errors import (
    FeeTakesAll,
    GatewayNotOffered,
    GatewayRefused,
    PaymentNotFound,
    PaymentOver,
    TooManyOpenPayments,
)
from payments.gateways import gateway_for
from payments.gateways.base import Addresses, Gateway, Redirect
from payments.models import BonusRule, Coupon, GatewaySettings, Payment
from payments.terms import Quote, Terms, work_out
from wallet.models import Wallet

OPEN_PAYMENTS_MAX = 20  # per wallet; two sent at the same moment may make one more, which hurts nobody


@dataclass(frozen=True, slots=True)
class Offer:
    """What a payment of an amount would come to now."""

    gateway: Gateway
    terms: Terms
    quote: Quote
    coupon: Coupon | None = None


def quote_payment(*, wallet: Wallet, gateway_id: int, amount: Decimal, coupon_code: str = "") -> Offer:
    """Work out fee, bonus, coupon and credit by the rules of this moment.

    :raises GatewayNotOffered: not for this currency, switched off, or not configured.
    :raises AmountTooLow: and `AmountTooHigh`, `TooFineAmount`: see `payments.gateways.base`.
    :raises FeeTakesAll: there would be nothing to credit.
    :raises CouponUnknown: and what else `coupons.find_coupon` refuses.
    """
    row = GatewaySettings.objects.filter(pk=gateway_id, currency=wallet.currency, is_active=True).first()
    if row is None:
        raise GatewayNotOffered
    gateway = gateway_for(row)
    if not gateway.is_ready:
        raise GatewayNotOffered
    gateway.check_amount(amount)
    rule = _best_rule(currency=wallet.currency, amount=amount)
    coupon = coupons.find_coupon(coupon_code, wallet=wallet, amount=amount) if coupon_code.strip() else None
    agreed = Terms(
        fee_percent=row.fee_percent,
        fee_fixed=row.fee_fixed,
        bonus_percent=rule.percent if rule else ZERO,
        bonus_from=rule.from_amount if rule else ZERO,
        coupon_percent=coupon.percent if coupon else ZERO,
        coupon_fixed=coupon.fixed if coupon else ZERO,
        coupon_from=coupon.from_amount if coupon else ZERO,
    )
    quote = work_out(amount, agreed)
    if quote.deposited <= 0:
        raise FeeTakesAll
    return Offer(gateway, agreed, quote, coupon)


def request_payment(
    *, wallet: Wallet, gateway_id: int, amount: Decimal, request_id: UUID, coupon_code: str = ""
) -> Payment:
    """Write down that a customer wants to pay, and on which terms; no money moves.

    :param request_id: one per form shown; the same one again returns the payment it made.
    :raises TooManyOpenPayments: there are enough to follow already.
    :raises GatewayNotOffered: and what else `quote_payment` refuses.
    """
    if (made := _made_before(wallet, request_id)) is not None:
        return made
    try:
        with transaction.atomic(durable=True):
            if coupon_code:
                coupons.lock(coupon_code)
            offer = quote_payment(wallet=wallet, gateway_id=gateway_id, amount=amount, coupon_code=coupon_code)
            if queries.count_open(wallet) >= OPEN_PAYMENTS_MAX:
                raise TooManyOpenPayments
            return Payment.objects.create(
                wallet=wallet,
                gateway=offer.gateway.settings,
                amount=amount,
                fee=offer.quote.fee,
                bonus=offer.quote.bonus,
                fee_percent=offer.terms.fee_percent,
                fee_fixed=offer.terms.fee_fixed,
                bonus_percent=offer.terms.bonus_percent,
                bonus_from=offer.terms.bonus_from,
                coupon=offer.coupon,
                coupon_bonus=offer.quote.coupon,
                coupon_percent=offer.terms.coupon_percent,
                coupon_fixed=offer.terms.coupon_fixed,
                coupon_from=offer.terms.coupon_from,
                request_id=request_id,
                expires_at=timezone.now() + offer.gateway.expires_after,
            )
    except IntegrityError as error:
        if violated_constraint(error) != "payment_once_per_form":
            raise
    # The same form, sent twice at the same moment.
    if (made := _made_before(wallet, request_id)) is None:
        raise PaymentNotFound
    return made


def start_payment(*, user_id: int, payment_id: int, addresses: Addresses) -> str:
    """Return the address at which the customer pays; empty where instructions say what to do.

    The gateway is called outside of any transaction, and knows a payment it is asked about twice.

    :raises PaymentNotFound: no such payment of this customer.
    :raises PaymentOver: it is not pending any more, or too old to begin.
    :raises GatewayUnreachable: the customer may try again.
    :raises GatewayRefused: the payment has failed.
    """
    payment = queries.get_payment(user_id, payment_id)
    gateway = gateway_for(payment.gateway)
    if payment.state != Payment.State.PENDING:
        raise PaymentOver
    if payment.continue_url:
        return payment.continue_url
    if not gateway.is_ready or timezone.now() > payment.created_at + gateway.starts_within:
        raise PaymentOver
    pending = Payment.objects.filter(pk=payment.pk, state=Payment.State.PENDING)
    try:
        step = gateway.start(payment, addresses=addresses)
    except GatewayRefused:
        pending.update(state=Payment.State.FAILED, ended_at=timezone.now())
        raise
    if not isinstance(step, Redirect):
        return ""
    # Its event may have been faster than this answer: then there is nothing left to write.
    pending.update(gateway_reference=step.reference, continue_url=step.url)
    return step.url


def submit_reference(*, user_id: int, payment_id: int, reference: str, note: str = "") -> None:
    """Take the customer's word that the money was sent, and tell staff to look.

    :raises PaymentNotFound: no such payment of this customer.
    :raises PaymentOver: it ended, or it is not one whose reference is asked for.
    """
    with transaction.atomic(durable=True):
        try:
            payment = crediting.lock_payment(pk=payment_id, wallet__user_id=user_id)
        except Payment.DoesNotExist:
            raise PaymentNotFound from None
        if not payment.is_open or not gateway_for(payment.gateway).asks_for_reference:
            raise PaymentOver
        is_first = payment.state == Payment.State.PENDING
        payment.state = Payment.State.AWAITING
        payment.customer_reference = reference
        payment.customer_note = note
        payment.save(update_fields=["state", "customer_reference", "customer_note"])
    if is_first:
        tell_staff(
            f"Payment {payment.pk} awaits approval",
            f"{payment.wallet.user} says to have sent {format_amount(payment.amount)} {payment.wallet.currency}"
            f" by {payment.gateway.label}, reference {reference}.",
        )


def _made_before(wallet: Wallet, request_id: UUID) -> Payment | None:
    return Payment.objects.filter(wallet=wallet, request_id=request_id).first()


def _best_rule(*, currency: str, amount: Decimal) -> BonusRule | None:
    now = timezone.now()
    return (
        BonusRule.objects.filter(
            Q(starts_at=None) | Q(starts_at__lte=now),
            Q(ends_at=None) | Q(ends_at__gt=now),
            currency=currency,
            is_active=True,
            from_amount__lte=amount,
        )
        .order_by("-percent", "-from_amount", "pk")
        .first()
    )
