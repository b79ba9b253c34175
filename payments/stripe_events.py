"""What Stripe's events do to payments. Each event counts once; they may come twice, late, and in any order.

Amount and currency are the event's, never our request's. An event that names another customer, currency or session
than its payment credits nothing: staff are told and decide. Refunds and disputes only tell staff; no event ever takes
money out of a wallet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from panel.alerts import tell_staff
from panel.errors import DomainError
from panel.money import format_amount
from payments.crediting import credit_payment, lock_payment
from payments.currencies import UNCERTAIN, from_minor_units
from payments.gateways.stripe import CUSTOMER_KEY, PAYMENT_KEY
from payments.models import GatewaySettings, Payment, PaymentEvent

Outcome = PaymentEvent.Outcome
State = Payment.State
DETAIL_MAX_CHARACTERS = 500  # the column's


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was made of an event; `alerts` says that staff must know."""

    outcome: str
    detail: str = ""
    payment: Payment | None = None
    alerts: bool = False


def handle_event(event: dict[str, Any]) -> PaymentEvent | None:
    """Do what an authentic event says, once; None for kinds of events that mean nothing to us.

    The event's row and all it causes are one transaction: what fails half-way never was, and Stripe sends it again.
    Of the same event at the same moment the second waits for the first.
    """
    handle = _handler_of(event["type"])
    if handle is None:
        return None
    with transaction.atomic(durable=True):
        row, is_new = PaymentEvent.objects.get_or_create(
            kind=GatewaySettings.Kind.STRIPE,
            event_id=event["id"],
            defaults={"type": event["type"], "outcome": Outcome.IGNORED, "body": event},
        )
        if not is_new:
            return row
        verdict = handle(event)
        row.outcome, row.detail, row.payment = verdict.outcome, verdict.detail[:DETAIL_MAX_CHARACTERS], verdict.payment
        row.save(update_fields=["outcome", "detail", "payment"])
    if verdict.alerts:
        # After the commit: a slow mail server must not hold the customer's wallet.
        what = f"payment {verdict.payment.pk}" if verdict.payment else "a payment we do not know"
        tell_staff(f"Stripe: {event['type']} on {what}", f"{verdict.detail}\n\nEvent {event['id']}.")
    return row


def _handler_of(kind: str) -> Callable[[dict[str, Any]], Verdict] | None:
    if kind == "charge.refunded" or kind.startswith("charge.dispute."):
        return _report_money_going_back
    return _SESSION_HANDLERS.get(kind)


def _finish_session(event: dict[str, Any]) -> Verdict:
    """Credit a session that is paid; a bank that still thinks about it leaves the payment waiting."""
    session = _object_of(event)
    payment, verdict = _find_payment(session)
    if payment is None or verdict is not None:
        return verdict or _ignored()
    if payment.state == State.CREDITED:
        return _ignored("credited before", payment)
    status = session.get("payment_status")
    if status == "unpaid":
        _update(payment, from_states=[State.PENDING], state=State.AWAITING, continue_url="", **_names(session))
        return Verdict(Outcome.NOTED, "paid, and waiting for the bank", payment)
    if status != "paid":
        return _refused(f"payment_status is {status!r}", payment)
    return _credit(payment, session)


def _credit(payment: Payment, session: dict[str, Any]) -> Verdict:
    currency, units = str(session.get("currency")).upper(), session.get("amount_total")
    if currency != payment.wallet.currency or currency in UNCERTAIN:
        return _refused(f"the money is {currency}, the wallet {payment.wallet.currency}", payment)
    if type(units) is not int or units <= 0:
        return _refused(f"amount_total is {units!r}", payment)
    received = from_minor_units(units, currency)
    try:
        with transaction.atomic():  # what the ledger refuses must not undo the event's row
            credit_payment(payment, received=received, external_id=session["id"], notes=_names(session))
    except DomainError as error:
        return _refused(f"{format_amount(received)} {currency} arrived; {type(error).__name__}", payment)
    if received != payment.amount:
        detail = f"{format_amount(received)} {currency} arrived and was credited; asked for was"
        return Verdict(Outcome.CREDITED, f"{detail} {format_amount(payment.amount)}", payment, alerts=True)
    return Verdict(Outcome.CREDITED, "", payment)


def _fail_session(event: dict[str, Any]) -> Verdict:
    """The bank said no, after the customer had done their part."""
    return _end(event, state=State.FAILED, from_states=[State.PENDING, State.AWAITING])


def _expire_session(event: dict[str, Any]) -> Verdict:
    """Nobody paid in time. A session that the customer completed does not expire, whatever comes late."""
    return _end(event, state=State.EXPIRED, from_states=[State.PENDING])


def _end(event: dict[str, Any], *, state: str, from_states: list[str]) -> Verdict:
    session = _object_of(event)
    payment, verdict = _find_payment(session)
    if payment is None or verdict is not None:
        return verdict or _ignored()
    if _update(payment, from_states=from_states, state=state, ended_at=timezone.now(), continue_url=""):
        return Verdict(Outcome.NOTED, "", payment)
    return _ignored(f"it is {payment.state} already", payment)


def _report_money_going_back(event: dict[str, Any]) -> Verdict:
    """Tell staff of a refund or a dispute. Its amount and fate are for people: nothing is taken from the wallet."""
    thing = _object_of(event)
    intent = thing.get("payment_intent")
    payment = Payment.objects.filter(gateway_payment=intent).first() if isinstance(intent, str) and intent else None
    if payment is None:
        payment = _named_payment(thing)
    if payment is None and intent is None:
        return _ignored("no payment of ours")
    units = thing.get("amount_refunded", thing.get("amount"))
    currency = str(thing.get("currency")).upper()
    sum_said = f"{units!r} {currency}"
    if isinstance(units, int) and currency not in UNCERTAIN:
        sum_said = f"{format_amount(from_minor_units(units, currency))} {currency}"
    whose = f" of {payment.wallet.user}" if payment else ""
    detail = (
        f"{sum_said}{whose}, {thing.get('object')} {thing.get('id')}, status {thing.get('status')}."
        " Nothing was taken from the wallet: adjust its balance if the money is gone."
    )
    return Verdict(Outcome.NOTED, detail, payment, alerts=True)


def _find_payment(session: dict[str, Any]) -> tuple[Payment | None, Verdict | None]:
    """Lock the payment a session is for, or say why there is none."""
    said = session.get("metadata")
    if not isinstance(said, dict) or PAYMENT_KEY not in said:
        return None, _ignored("not made by this panel")
    payment = _named_payment(session, lock=True)
    if payment is None:
        return None, _refused(f"there is no payment {said[PAYMENT_KEY]}, session {session.get('id')}")
    if said.get(CUSTOMER_KEY) != str(payment.wallet.user_id) or session.get("client_reference_id") != str(payment.pk):
        return None, _refused(f"it names customer {said.get(CUSTOMER_KEY)!r}, not {payment.wallet.user_id}", payment)
    # None: Stripe's event was faster than its answer to us, or we died between the two.
    if payment.gateway_reference not in (None, session.get("id")):
        return None, _refused(f"its session is {payment.gateway_reference}, not {session.get('id')}", payment)
    return payment, None


def _named_payment(thing: dict[str, Any], *, lock: bool = False) -> Payment | None:
    said = thing.get("metadata")
    try:
        request_id = UUID(str(said[PAYMENT_KEY])) if isinstance(said, dict) else None
    except (KeyError, ValueError):
        return None
    which: dict[str, object] = {"request_id": request_id, "gateway__kind": GatewaySettings.Kind.STRIPE}
    if lock:
        try:
            return lock_payment(**which)
        except Payment.DoesNotExist:
            return None
    return Payment.objects.select_related("wallet__user").filter(**which).first()


def _names(session: dict[str, Any]) -> dict[str, str]:
    """Return what to remember of a session: its own name, and that of the payment which refunds will name."""
    intent = session.get("payment_intent")
    return {"gateway_reference": str(session["id"]), "gateway_payment": intent if isinstance(intent, str) else ""}


def _update(payment: Payment, *, from_states: list[str], **changes: object) -> bool:
    changed = Payment.objects.filter(pk=payment.pk, state__in=from_states).update(**changes)
    return bool(changed)


def _object_of(event: dict[str, Any]) -> dict[str, Any]:
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    return thing if isinstance(thing, dict) else {}


def _ignored(detail: str = "", payment: Payment | None = None) -> Verdict:
    return Verdict(Outcome.IGNORED, detail, payment)


def _refused(detail: str, payment: Payment | None = None) -> Verdict:
    return Verdict(Outcome.REFUSED, f"Not credited: {detail}.", payment, alerts=True)


_SESSION_HANDLERS: dict[str, Callable[[dict[str, Any]], Verdict]] = {
    "checkout.session.completed": _finish_session,
    "checkout.session.async_payment_succeeded": _finish_session,
    "checkout.session.async_payment_failed": _fail_session,
    "checkout.session.expired": _expire_session,
}
