"""Who may use a coupon, and how often: decided under the coupon's lock when a payment is asked for."""

from decimal import Decimal

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from payments.errors import CouponNeedsMore, CouponUnknown, CouponUsed, CouponUsedUp
from payments.models import Coupon, Payment, normalize_coupon_code
from wallet.models import Wallet

# A payment that is open or credited holds one use; one that ended without money does not.
HOLDING = (*Payment.OPEN, Payment.State.CREDITED)


def find_coupon(code: str, *, wallet: Wallet, amount: Decimal) -> Coupon:
    """Return the coupon that a customer may use now for a payment of this amount.

    Inside a transaction that writes the payment call `lock` first, or two of them may take the last use.

    :raises CouponUnknown: there is none that could be used, whoever asks.
    :raises CouponNeedsMore: the amount is too small.
    :raises CouponUsed, CouponUsedUp: the limits are reached.
    """
    now = timezone.now()
    coupon = Coupon.objects.filter(
        Q(starts_at=None) | Q(starts_at__lte=now),
        Q(ends_at=None) | Q(ends_at__gt=now),
        code=normalize_coupon_code(code),
        currency=wallet.currency,
        is_active=True,
    ).first()
    if coupon is None:
        raise CouponUnknown
    if amount < coupon.from_amount:
        raise CouponNeedsMore(minimum=coupon.from_amount, currency=coupon.currency)
    check_limits(coupon, wallet_id=wallet.pk)
    return coupon


def lock(code: str) -> None:
    """Let nobody else take a use of this coupon until the transaction ends."""
    if not connection.in_atomic_block:
        raise RuntimeError("a coupon is locked in the transaction that uses it")
    list(Coupon.objects.filter(code=normalize_coupon_code(code)).select_for_update(no_key=True).values_list("pk"))


def check_limits(coupon: Coupon, *, wallet_id: int, apart_from: int | None = None) -> None:
    """Refuse one more use where there is none left.

    :param apart_from: a payment that does not count: the one that asks.
    :raises CouponUsed, CouponUsedUp: the limits are reached.
    """
    uses = list_uses(coupon)
    if apart_from is not None:
        uses = uses.exclude(pk=apart_from)
    if coupon.uses_max_each is not None and uses.filter(wallet=wallet_id).count() >= coupon.uses_max_each:
        raise CouponUsed
    if coupon.uses_max is not None and uses.count() >= coupon.uses_max:
        raise CouponUsedUp


def list_uses(coupon: Coupon) -> QuerySet[Payment]:
    """Return the payments that hold a use of a coupon."""
    return Payment.objects.filter(coupon=coupon, state__in=HOLDING)
