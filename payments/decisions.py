"""What staff decide about manual transfers, each with a name; a gateway that reports by itself is not for hands."""

from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from payments.crediting import credit_payment, lock_payment
from payments.errors import NotForHands, PaymentNotFound, PaymentOver
from payments.gateways import gateway_for
from payments.models import Payment
from wallet.errors import ReasonMissing
from wallet.models import Deposit


def approve_payment(*, payment_id: int, received: Decimal, reference: str, actor_id: int) -> Deposit:
    """Credit what arrived, once; also of a payment that was rejected or has expired: the money is there after all.

    :param received: what the bank statement says, which may differ from what was asked.
    :param reference: what the bank statement says; the same one is never credited twice, whoever asked for it.
    :raises PaymentOver: it was credited before.
    :raises NotForHands: the gateway reports itself.
    :raises FeeTakesAll: nothing is left after the fee.
    :raises AlreadyPosted: this reference was credited before.
    :raises AmountRefused: see `wallet.ledger.credit`.
    """
    with transaction.atomic():
        payment = _lock(payment_id)
        return credit_payment(
            payment, received=received, external_id=reference, actor_id=actor_id, notes={"decided_by_id": actor_id}
        )


def reject_payment(*, payment_id: int, reason: str, actor_id: int) -> None:
    """End a payment whose money did not arrive.

    :raises ReasonMissing: the customer must be told why.
    :raises PaymentOver: it has ended already.
    :raises NotForHands: the gateway reports itself.
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing
    with transaction.atomic():
        payment = _lock(payment_id)
        if not payment.is_open:
            raise PaymentOver
        payment.state = Payment.State.REJECTED
        payment.reason = reason
        payment.decided_by_id = actor_id
        payment.ended_at = timezone.now()
        payment.save(update_fields=["state", "reason", "decided_by", "ended_at"])


def _lock(payment_id: int) -> Payment:
    try:
        payment = lock_payment(pk=payment_id)
    except Payment.DoesNotExist:
        raise PaymentNotFound from None
    if not gateway_for(payment.gateway).asks_for_reference:
        raise NotForHands
    return payment
