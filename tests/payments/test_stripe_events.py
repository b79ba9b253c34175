"""Stripe's events, signed as Stripe signs them: credited once, whatever comes twice, late, wrong or at once."""

import json
import threading
import time
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from panel import checkpoints
from payments.models import BonusRule, Payment, PaymentEvent
from tests.fixtures import balance_of, nothing_moves
from tests.payments.conftest import request, start
from tests.payments.fake_stripe import sign
from wallet import audit
from wallet.models import Deposit, LedgerEntry

pytestmark = pytest.mark.django_db

URL = "/payments/stripe/webhook"


@pytest.fixture(autouse=True)
def duty(settings):
    settings.ADMINS = [("duty", "duty@example.com")]


@pytest.fixture
def payment(customer, card):
    """50 USD, begun at Stripe; the fee will be 1.75."""
    payment = request(customer, card, "50")
    start(customer, payment)
    payment.refresh_from_db()
    return payment


def session_of(payment, **changes):
    """What Stripe says of a session that is paid."""
    return {
        "id": payment.gateway_reference,
        "object": "checkout.session",
        "amount_total": 5000,
        "currency": "usd",
        "client_reference_id": str(payment.pk),
        "metadata": {"panel_payment": str(payment.request_id), "panel_customer": str(payment.wallet.user_id)},
        "payment_intent": f"pi_{payment.pk}",
        "payment_status": "paid",
        "status": "complete",
        **changes,
    }


def event(kind, thing, *, event_id=None):
    return {
        "id": event_id or f"evt_{uuid4().hex}",
        "object": "event",
        "type": kind,
        "api_version": "2026-01-01",
        "created": int(time.time()),
        "data": {"object": thing},
        "livemode": False,
    }


def deliver(body, *, signature=None, client=None):
    """Have Stripe post an event, and return the answer's status."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = (client or Client(enforce_csrf_checks=True)).post(
        URL,
        raw,
        content_type="application/json",
        headers={"Stripe-Signature": sign(raw) if signature is None else signature},
    )
    return response.status_code


def completed(payment, *, event_id=None, **changes):
    return event("checkout.session.completed", session_of(payment, **changes), event_id=event_id)


def state_of(payment):
    return Payment.objects.get(pk=payment.pk).state


def test_credits_what_arrived_less_the_fee_once(customer, payment):
    assert deliver(completed(payment)) == 200

    payment.refresh_from_db()
    assert balance_of(customer) == Decimal("48.25")
    assert (payment.state, payment.received, payment.fee, payment.bonus) == ("credited", 50, Decimal("1.75"), 0)
    assert payment.deposit.amount == Decimal("48.25")
    assert payment.deposit.entry.key == f"deposit:stripe:{payment.gateway_reference}"
    assert payment.deposit.entry.debit.gateway == "stripe"
    assert payment.gateway_payment == f"pi_{payment.pk}"
    kept = PaymentEvent.objects.get()
    assert (kept.outcome, kept.payment, kept.body["type"]) == ("credited", payment, "checkout.session.completed")
    assert mail.outbox == []
    assert audit.audit_ledger().is_clean


def test_bonus_is_an_entry_of_its_own(customer, card):
    BonusRule.objects.create(currency="USD", from_amount=50, percent=10)
    payment = request(customer, card, "50")
    start(customer, payment)
    payment.refresh_from_db()

    deliver(completed(payment))

    assert balance_of(customer) == Decimal("53.25")
    bonus = LedgerEntry.objects.get(key=f"bonus:payment:{payment.pk}")
    assert (bonus.amount, bonus.debit.kind, bonus.seq) == (5, "bonus", 2)
    assert audit.audit_ledger().is_clean


def test_terms_are_those_the_customer_saw(customer, payment, card):
    card.fee_percent, card.is_active = 90, False
    card.save()

    deliver(completed(payment))

    assert balance_of(customer) == Decimal("48.25")


def test_same_event_again_changes_nothing(customer, payment):
    body = completed(payment)
    deliver(body)

    with nothing_moves():
        assert [deliver(body) for _ in range(3)] == [200, 200, 200]

    assert PaymentEvent.objects.count() == 1
    assert Deposit.objects.count() == 1


def test_another_event_about_the_same_session_changes_nothing(customer, payment):
    deliver(completed(payment))

    with nothing_moves():
        assert deliver(completed(payment)) == 200
        assert deliver(event("checkout.session.async_payment_succeeded", session_of(payment))) == 200

    assert sorted(PaymentEvent.objects.values_list("outcome", flat=True)) == ["credited", "ignored", "ignored"]
    assert mail.outbox == []


def test_bank_debit_waits_and_is_credited_when_the_money_is_there(customer, payment):
    with nothing_moves():
        deliver(completed(payment, payment_status="unpaid"))
    assert state_of(payment) == "awaiting"

    deliver(event("checkout.session.async_payment_succeeded", session_of(payment)))

    assert (state_of(payment), balance_of(customer)) == ("credited", Decimal("48.25"))


def test_bank_debit_that_fails_is_not_credited(customer, payment):
    with nothing_moves():
        deliver(completed(payment, payment_status="unpaid"))
        deliver(event("checkout.session.async_payment_failed", session_of(payment, payment_status="unpaid")))

    assert state_of(payment) == "failed"


@pytest.mark.parametrize(
    ("late", "status"),
    [
        ("checkout.session.completed", "unpaid"),
        ("checkout.session.expired", "unpaid"),
        ("checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_what_comes_after_the_credit_takes_nothing_back(payment, late, status):
    deliver(event("checkout.session.async_payment_succeeded", session_of(payment)))

    with nothing_moves():
        assert deliver(event(late, session_of(payment, payment_status=status))) == 200

    assert state_of(payment) == "credited"


@pytest.mark.parametrize("early", ["checkout.session.expired", "checkout.session.async_payment_failed"])
def test_money_that_arrives_after_all_is_credited(customer, payment, early):
    with nothing_moves():
        deliver(event(early, session_of(payment, payment_status="unpaid")))
    assert state_of(payment) in {"expired", "failed"}

    deliver(completed(payment))

    assert (state_of(payment), balance_of(customer)) == ("credited", Decimal("48.25"))


def test_session_that_was_completed_does_not_expire(payment):
    deliver(completed(payment, payment_status="unpaid"))
    deliver(event("checkout.session.expired", session_of(payment, payment_status="unpaid")))

    assert state_of(payment) == "awaiting"


def test_event_that_is_faster_than_stripes_answer_is_credited(customer, card):
    payment = request(customer, card, "50")

    deliver(completed(payment, id="cs_test_fast"))

    payment.refresh_from_db()
    assert (payment.state, payment.gateway_reference) == ("credited", "cs_test_fast")
    assert balance_of(customer) == Decimal("48.25")


def test_amount_is_stripes_and_staff_hear_when_it_is_another(customer, payment):
    deliver(completed(payment, amount_total=4000))

    payment.refresh_from_db()
    assert (payment.amount, payment.received, payment.fee) == (50, 40, Decimal("1.46"))
    assert balance_of(customer) == Decimal("38.54")
    assert "40.00000 USD arrived" in mail.outbox[0].body


def test_bonus_is_lost_when_too_little_arrives(customer, card):
    BonusRule.objects.create(currency="USD", from_amount=50, percent=10)
    payment = request(customer, card, "50")
    start(customer, payment)
    payment.refresh_from_db()

    deliver(completed(payment, amount_total=4999))

    assert not LedgerEntry.objects.filter(key__startswith="bonus:").exists()


def foreign(payment, **names):
    return {"panel_payment": str(payment.request_id), "panel_customer": str(payment.wallet.user_id)} | names


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "eur"},
        {"currency": None},
        {"currency": "ugx"},
        {"client_reference_id": "999999"},
        {"client_reference_id": None},
        {"id": "cs_test_other"},
        {"amount_total": 0},
        {"amount_total": -5000},
        {"amount_total": None},
        {"amount_total": "5000"},
        {"amount_total": 5000.0},
        {"amount_total": True},
        {"amount_total": 10**25},
        {"amount_total": 30},  # the fee takes all
        {"payment_status": "no_payment_required"},
        {"payment_status": None},
    ],
)
def test_what_does_not_fit_is_not_credited_and_staff_know(payment, wrong):
    with nothing_moves():
        assert deliver(completed(payment, **wrong)) == 200

    assert state_of(payment) == "pending"
    assert PaymentEvent.objects.get().outcome == "refused"
    assert Deposit.objects.count() == 0
    assert len(mail.outbox) == 1
    assert "Not credited" in mail.outbox[0].body


@pytest.mark.parametrize(
    "names",
    [{"panel_customer": "0"}, {"panel_customer": None}, {"panel_payment": str(uuid4())}, {"panel_payment": "x"}],
)
def test_names_that_are_not_the_payments_credit_nobody(payment, names):
    with nothing_moves():
        assert deliver(completed(payment, metadata=foreign(payment, **names))) == 200

    assert state_of(payment) == "pending"
    assert len(mail.outbox) == 1


def test_customer_of_another_payment_is_not_credited(other_customer, payment, card):
    theirs = request(other_customer, card, "50")
    mixed = foreign(payment, panel_customer=str(other_customer.pk))

    with nothing_moves():
        deliver(completed(payment, metadata=mixed))
        deliver(completed(payment, metadata=mixed, client_reference_id=str(theirs.pk)))

    assert {state_of(payment), state_of(theirs)} == {"pending"}


@pytest.mark.parametrize("metadata", [{}, None, {"shop_order": "1"}])
def test_sessions_of_other_programs_on_the_account_are_ignored(payment, metadata):
    with nothing_moves():
        assert deliver(completed(payment, metadata=metadata)) == 200

    assert PaymentEvent.objects.get().outcome == "ignored"
    assert mail.outbox == []


def test_manual_payment_is_never_credited_by_stripe(customer, bank, card):
    payment = request(customer, bank)

    with nothing_moves():
        deliver(completed(payment, id="cs_test_1"))

    assert state_of(payment) == "pending"


def test_reference_that_is_in_the_ledger_already_is_not_credited_again(customer, payment):
    from wallet import deposits

    deposits.record_deposit(
        wallet=payment.wallet, amount=Decimal(1), gateway="stripe", external_id=payment.gateway_reference
    )

    with nothing_moves():
        assert deliver(completed(payment)) == 200

    assert PaymentEvent.objects.get().outcome == "refused"
    assert state_of(payment) == "pending"


def test_refund_only_tells_staff(customer, payment):
    deliver(completed(payment))
    charge = {
        "id": "ch_1", "object": "charge", "amount": 5000, "amount_refunded": 2000, "currency": "usd",
        "payment_intent": f"pi_{payment.pk}", "status": "succeeded",
    }  # fmt: skip

    with nothing_moves():
        assert deliver(event("charge.refunded", charge)) == 200

    assert balance_of(customer) == Decimal("48.25")
    [letter] = mail.outbox
    assert f"payment {payment.pk}" in letter.subject
    assert "20.00000 USD of customer" in letter.body
    assert "Nothing was taken" in letter.body


@pytest.mark.parametrize("kind", ["charge.dispute.created", "charge.dispute.closed"])
def test_dispute_only_tells_staff_also_of_what_is_not_known(payment, kind):
    dispute = {"id": "dp_1", "object": "dispute", "amount": 5000, "currency": "usd", "payment_intent": "pi_nobody"}

    with nothing_moves():
        assert deliver(event(kind, dispute)) == 200

    assert "a payment we do not know" in mail.outbox[0].subject


def test_events_that_mean_nothing_here_are_not_kept(payment):
    assert deliver(event("customer.created", {"id": "cus_1"})) == 200
    assert PaymentEvent.objects.count() == 0


@pytest.mark.parametrize("thing", [{}, None, [], "x", {"metadata": []}])
def test_strange_objects_change_nothing(payment, thing):
    with nothing_moves():
        assert deliver(event("checkout.session.completed", thing)) == 200
        assert deliver(event("checkout.session.expired", thing)) == 200

    assert state_of(payment) == "pending"


def test_nul_in_what_a_customer_typed_does_not_keep_the_money_out(customer, payment):
    assert deliver(completed(payment, customer_details={"name": "A\0B"})) == 200

    assert state_of(payment) == "credited"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=1,v1=00",
        "nonsense",
        "t=abc,v1=",
        "v1=00",
        "wrong secret",
        "old",
        "future scheme",
        "other body",
    ],
)
def test_refuses_what_stripe_did_not_sign(payment, signature):
    raw = json.dumps(completed(payment)).encode()
    signed = {
        "wrong secret": sign(raw, secret="whsec_guess"),
        "old": sign(raw, at=time.time() - 301),
        "future scheme": sign(raw).replace("v1=", "v0="),
        "other body": sign(raw + b" "),
    }.get(signature, signature)

    with nothing_moves():
        assert deliver(raw, signature=signed) == 400

    assert PaymentEvent.objects.count() == 0
    assert state_of(payment) == "pending"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'"x"', b"\xff\xfe", b"{", b'{"id":1,"type":"x"}', b"null"])
def test_refuses_what_is_no_event_though_signed(payment, raw):
    assert deliver(raw) == 400
    assert PaymentEvent.objects.count() == 0


def test_is_not_there_without_both_secrets(payment, settings):
    settings.STRIPE_WEBHOOK_SECRET = ""
    raw = json.dumps(completed(payment)).encode()

    with nothing_moves():
        assert deliver(raw, signature=sign(raw, secret="")) == 404


def test_takes_posts_only(payment):
    assert Client().get(URL).status_code == 405


def _at_once(*calls):
    """Run calls in threads that begin together; return what each returned or raised."""
    barrier, results = threading.Barrier(len(calls)), []

    def run(call):
        barrier.wait()
        try:
            results.append(call())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_the_same_event_at_the_same_moment_credits_once(customer, payment):
    body = completed(payment)

    assert _at_once(*[lambda: deliver(body)] * 6) == [200] * 6

    assert balance_of(customer) == Decimal("48.25")
    assert (PaymentEvent.objects.count(), Deposit.objects.count()) == (1, 1)
    assert audit.audit_ledger().is_clean


@pytest.mark.django_db(transaction=True)
def test_different_events_at_the_same_moment_credit_once(customer, payment):
    bodies = [
        completed(payment),
        event("checkout.session.async_payment_succeeded", session_of(payment)),
        completed(payment),
        completed(payment, payment_status="unpaid"),
        event("checkout.session.expired", session_of(payment, payment_status="unpaid")),
        event("checkout.session.async_payment_failed", session_of(payment, payment_status="unpaid")),
    ]

    assert _at_once(*[lambda body=body: deliver(body) for body in bodies]) == [200] * 6

    assert (state_of(payment), balance_of(customer)) == ("credited", Decimal("48.25"))
    assert PaymentEvent.objects.filter(outcome="credited").count() == 1
    assert audit.audit_ledger().is_clean


@pytest.mark.django_db(transaction=True)
def test_what_breaks_half_way_never_was_and_comes_again(customer, payment, monkeypatch):
    BonusRule.objects.create(currency="USD", from_amount=0, percent=10)
    body = completed(payment)

    def die(point):
        raise ConnectionError(point)

    with monkeypatch.context() as broken:
        broken.setattr(checkpoints, "listener", die)
        with nothing_moves(), pytest.raises(ConnectionError):
            deliver(body)
    assert PaymentEvent.objects.count() == 0

    assert deliver(body) == 200
    assert balance_of(customer) == Decimal("48.25")
