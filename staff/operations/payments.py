"""What staff decide about customers' payments."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction

from panel.money import format_amount
from payments import decisions
from payments.crediting import terms_of
from payments.models import Payment
from payments.refusals import REFUSALS
from payments.terms import work_out
from staff.operations.amounts import in_base
from staff.operations.registry import Operation, register


def _describe(payment_id: int) -> dict[str, Any]:
    payment = Payment.objects.select_related("wallet__user").get(pk=payment_id)
    return {
        "customer": payment.wallet.user.username,
        "state": payment.state,
        "amount": format_amount(payment.amount),
        "currency": payment.wallet.currency,
        "balance": format_amount(payment.wallet.balance),
    }


def _approve(payment_id: int, *, reason: str, actor_id: int, received: str, reference: str) -> str:
    deposit = decisions.approve_payment(
        payment_id=payment_id, received=Decimal(received), reference=reference, actor_id=actor_id
    )
    return f"Credited {format_amount(deposit.amount)} {deposit.wallet.currency}, reference {deposit.external_id}."


def _reject(payment_id: int, *, reason: str, actor_id: int) -> str:
    decisions.reject_payment(payment_id=payment_id, reason=reason, actor_id=actor_id)
    return "Rejected. Nothing was credited."


def _weigh_approval(payment_ids: Sequence[int], *, received: str, **_rest: Any) -> Decimal:
    """Return what would be credited at most: what arrived less the fee, with all that is given on top."""
    payments = Payment.objects.filter(pk__in=payment_ids).select_related("wallet")
    return in_base(
        (work_out(Decimal(received), terms_of(payment, with_coupon=True)).credit, payment.wallet.currency)
        for payment in payments
    )


def _credits_what_nobody_asked_for(payment_ids: Sequence[int], arguments: Mapping[str, Any]) -> bool:
    """Say whether only the staff say that so much arrived: more than a customer said, or for one who was told no."""
    with transaction.atomic():  # locked until whoever asks has credited it, so that it is not rejected in between
        payments = list(Payment.objects.select_for_update().filter(pk__in=payment_ids).order_by("pk"))
    received = Decimal(arguments["received"])
    return not all(payment.is_open and received <= payment.amount for payment in payments)


APPROVE = register(
    Operation(
        name="payments.approve",
        title="Approve",
        permission="payments.change_payment",
        model=Payment,
        run=_approve,
        describe=_describe,
        weigh=_weigh_approval,
        is_manual_credit=_credits_what_nobody_asked_for,
        refusals=REFUSALS,
    )
)
REJECT = register(
    Operation(
        name="payments.reject",
        title="Reject",
        permission="payments.change_payment",
        model=Payment,
        run=_reject,
        describe=_describe,
        refusals=REFUSALS,
    )
)
