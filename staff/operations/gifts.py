"""What staff do to coupons and bonus rules: while they are on they give money away, so switching on is a credit."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from payments import gifts
from payments.gifts import Gift
from payments.models import BonusRule, Coupon
from payments.refusals import REFUSALS
from staff.operations.amounts import in_base
from staff.operations.registry import Operation, register


def _register(model: type[Gift], name: str) -> tuple[Operation, Operation]:
    def describe(gift_id: int) -> dict[str, Any]:
        gift = model._default_manager.get(pk=gift_id)  # noqa: SLF001 - Django's public name for it
        return {"name": str(gift), "gives": gift.terms, "is_active": gift.is_active}

    def weigh(gift_ids: Sequence[int], **_arguments: Any) -> Decimal:
        found = model._default_manager.filter(pk__in=gift_ids)  # noqa: SLF001 - as above
        return in_base((gifts.weigh_gift(gift), gift.currency) for gift in found)

    def switch_on(gift_id: int, *, reason: str, actor_id: int | None, terms: str) -> str:
        gift = gifts.switch_on(model, gift_id, terms=terms)
        return f"{gift} is on: {gift.terms}."

    def switch_off(gift_id: int, *, reason: str, actor_id: int | None) -> str:
        return f"{gifts.switch_off(model, gift_id)} is off. Payments asked for before keep what they were promised."

    def one(verb: str, title: str, run: Callable[..., str], **more: Any) -> Operation:
        return register(
            Operation(
                name=f"{name}.{verb}",
                title=title,
                permission=f"payments.change_{model._meta.model_name}",  # noqa: SLF001 - as above
                model=model,
                run=run,
                describe=describe,
                refusals=REFUSALS,
                **more,
            )
        )

    on = one("switch_on", "Switch on", switch_on, weigh=weigh, is_manual_credit=lambda _ids, _arguments: True)
    return on, one("switch_off", "Switch off", switch_off)


COUPON_ON, COUPON_OFF = _register(Coupon, "coupons")
BONUS_ON, BONUS_OFF = _register(BonusRule, "bonuses")
