"""Turn a payment whose money arrived into entries of the ledger."""

from collections.abc import Mapping
from decimal import Decimal

from django.db import connection
from django.db.models.functions import Now

from panel import checkpoints
from panel.money import MAX_AMOUNT
from payments import coupons
from payments.errors import CouponUsed, CouponUsedUp, FeeTakesAll, PaymentOver
from payments.models import GatewaySettings, Payment
from payments.terms import Terms, work_out
from wallet import deposits, ledger
from wallet.errors import AmountRefused
from wallet.models import Account, Deposit


def credit_payment(
    payment: Payment,
    *,
    received: Decimal,
    external_id: str,
    actor_id: int | None = None,
    notes: Mapping[str, object] | None = None,
) -> Deposit:
    """Credit what arrived less the fee, and the bonus, by the terms the payment was made on; joins a transaction.

    The caller holds the payment's lock. Three things keep it from being credited twice: its state, its one deposit,
    and the ledger's key of the gateway's reference.

    :param notes: more columns of the payment to write.
    :raises PaymentOver: it was credited before.
    :raises FeeTakesAll: there is nothing left after the fee.
    :raises AlreadyPosted: the reference was credited before; the caller's transaction is then broken and must end.
    :raises AmountRefused: see `wallet.ledger.credit`.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a payment is credited in the transaction that locked it")
    if payment.state == Payment.State.CREDITED:
        raise PaymentOver
    if not received.is_finite() or not 0 < received <= MAX_AMOUNT:
        raise AmountRefused
    quote = work_out(received, terms_of(payment, with_coupon=_may_use_coupon(payment)))
    if quote.deposited <= 0:
        raise FeeTakesAll
    deposit = deposits.post_deposit(
        wallet=payment.wallet,
        amount=quote.deposited,
        gateway=payment.gateway.code,
        external_id=external_id,
        actor_id=actor_id,
        is_by_hand=payment.gateway.kind == GatewaySettings.Kind.MANUAL,
    )
    if quote.bonus > 0:
        ledger.credit(
            wallet_id=payment.wallet_id,
            amount=quote.bonus,
            key=f"bonus:payment:{payment.pk}",
            source=Account.Kind.BONUS,
            reason=f"Bonus on payment {payment.pk}",
            actor_id=actor_id,
        )
    if quote.coupon > 0:
        ledger.credit(
            wallet_id=payment.wallet_id,
            amount=quote.coupon,
            key=f"bonus:coupon:{payment.pk}",
            source=Account.Kind.BONUS,
            reason=f"Coupon {payment.coupon} on payment {payment.pk}",
            actor_id=actor_id,
        )
    Payment.objects.filter(pk=payment.pk).update(
        state=Payment.State.CREDITED,
        received=received,
        fee=quote.fee,
        bonus=quote.bonus,
        coupon_bonus=quote.coupon,
        deposit=deposit,
        ended_at=Now(),
        continue_url="",
        reason="",
        **(notes or {}),
    )
    payment.refresh_from_db()
    checkpoints.reached("after_credit")
    return deposit


def _may_use_coupon(payment: Payment) -> bool:
    """Say whether the coupon's gift is still there: a payment that had ended gave its use back."""
    if payment.coupon is None:
        return False
    if payment.is_open:
        return True
    coupons.lock(payment.coupon.code)
    try:
        coupons.check_limits(payment.coupon, wallet_id=payment.wallet_id, apart_from=payment.pk)
    except (CouponUsed, CouponUsedUp):
        return False
    return True


def terms_of(payment: Payment, *, with_coupon: bool) -> Terms:
    """Return the terms the customer agreed to."""
    coupon = {"coupon_percent": payment.coupon_percent, "coupon_fixed": payment.coupon_fixed}
    return Terms(
        fee_percent=payment.fee_percent,
        fee_fixed=payment.fee_fixed,
        bonus_percent=payment.bonus_percent,
        bonus_from=payment.bonus_from,
        coupon_from=payment.coupon_from,
        **(coupon if with_coupon else {}),
    )


def lock_payment(**which: object) -> Payment:
    """Read a payment for change, with its wallet and gateway.

    :raises Payment.DoesNotExist: there is none.
    """
    return Payment.objects.select_for_update(of=("self",)).select_related("wallet__user", "gateway").get(**which)
