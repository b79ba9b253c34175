"""Coupons and bonus rules give money away as long as they are on; what they give is changed only while they are off."""

from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Max

from payments.errors import GiftChanged, GiftSwitchedAlready
from payments.models import BonusRule, Coupon, GatewaySettings
from payments.terms import HUNDRED

Gift = BonusRule | Coupon


def switch_on(model: type[Gift], gift_id: int, *, terms: str) -> Gift:
    """Let payments that are asked for from now on have it.

    :param terms: what it gives, as whoever decided read it.
    :raises GiftChanged: it gives something else by now.
    :raises GiftSwitchedAlready:
    """
    with transaction.atomic():
        gift = lock_gift(model, gift_id)
        if gift.is_active:
            raise GiftSwitchedAlready
        if gift.terms != terms:
            raise GiftChanged
        return _switch(gift, is_active=True)


def switch_off(model: type[Gift], gift_id: int) -> Gift:
    """Let no payment have it that is asked for from now on.

    :raises GiftSwitchedAlready:
    """
    with transaction.atomic():
        gift = lock_gift(model, gift_id)
        if not gift.is_active:
            raise GiftSwitchedAlready
        return _switch(gift, is_active=False)


def lock_gift(model: type[Gift], gift_id: int) -> Gift:
    """Read a coupon or a rule and let nobody else switch or change it until the caller's transaction ends."""
    if not connection.in_atomic_block:
        raise RuntimeError("a gift is locked in the transaction that changes it")
    gift: Gift = model._default_manager.select_for_update(no_key=True).get(pk=gift_id)  # noqa: SLF001 - Django's name
    return gift


def weigh_gift(gift: Gift) -> Decimal:
    """Return what one payment gets at most, in the gift's currency: of the largest that a gateway takes."""
    gateways = GatewaySettings.objects.filter(currency=gift.currency, is_active=True)
    largest: Decimal = gateways.aggregate(largest=Max("maximum"))["largest"] or gift.from_amount
    fixed = gift.fixed if isinstance(gift, Coupon) else Decimal(0)
    return largest * gift.percent / HUNDRED + fixed


def _switch(gift: Gift, *, is_active: bool) -> Gift:
    gift.is_active = is_active
    gift.save(update_fields=["is_active"])
    return gift
