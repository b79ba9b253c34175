"""Asking to add funds: terms, limits, refusals. No money moves."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core import mail
from django.utils import timezone

from payments import expiring, queries, requesting
from payments.errors import (
    AmountTooHigh,
    AmountTooLow,
    FeeTakesAll,
    GatewayNotOffered,
    GatewayRefused,
    GatewayUnreachable,
    PaymentNotFound,
    PaymentOver,
    TooFineAmount,
    TooManyOpenPayments,
)
from payments.models import BonusRule, GatewaySettings, Payment
from tests.fixtures import nothing_moves
from tests.payments.conftest import request, start, wallet_of
from tests.payments.fake_stripe import CHECKOUT

pytestmark = pytest.mark.django_db


def rule(percent, *, from_amount=100, **changes):
    return BonusRule.objects.create(currency="USD", from_amount=from_amount, percent=percent, **changes)


def test_writes_down_the_terms_of_the_moment(customer, card):
    rule(5)
    with nothing_moves():
        payment = request(customer, card, "100")
    GatewaySettings.objects.update(fee_percent=50)
    BonusRule.objects.update(percent=90)

    payment.refresh_from_db()
    assert (payment.state, payment.amount, payment.received) == ("pending", 100, None)
    assert (payment.fee, payment.bonus, payment.credit) == (Decimal("3.2"), 5, Decimal("101.8"))
    assert (payment.fee_percent, payment.bonus_percent, payment.bonus_from) == (Decimal("2.9"), 5, 100)


def test_highest_bonus_that_fits_counts(customer, bank):
    now = timezone.now()
    rule(3, from_amount=10)
    rule(5)
    rule(50, is_active=False)
    rule(51, starts_at=now + timedelta(hours=1))
    rule(52, ends_at=now - timedelta(hours=1))
    rule(53, from_amount="100.01")
    BonusRule.objects.create(currency="EUR", from_amount=0, percent=54)

    assert request(customer, bank, "100").bonus == 5
    assert request(customer, bank, "99.99").bonus == Decimal("2.9997")
    assert request(customer, bank, "9").bonus == 0


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [("4.99", AmountTooLow), ("1000.01", AmountTooHigh), ("10.001", TooFineAmount), ("-5", AmountTooLow)],
)
def test_refuses_amounts_the_gateway_does_not_take(customer, bank, amount, refusal):
    with nothing_moves(), pytest.raises(refusal):
        request(customer, bank, amount)

    assert Payment.objects.count() == 0


def test_refuses_what_the_fee_would_take_whole(customer, bank):
    GatewaySettings.objects.update(fee_fixed=5)

    with pytest.raises(FeeTakesAll):
        request(customer, bank, "5")

    assert Payment.objects.count() == 0


@pytest.mark.parametrize("change", [{"is_active": False}, {"currency": "EUR"}])
def test_refuses_gateways_that_are_not_offered(customer, bank, change):
    GatewaySettings.objects.update(**change)

    with pytest.raises(GatewayNotOffered):
        request(customer, bank)

    assert queries.list_gateways("USD") == []
    assert Payment.objects.count() == 0


@pytest.mark.parametrize("missing", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
def test_stripe_needs_both_secrets(customer, card, settings, missing):
    assert [gateway.settings for gateway in queries.list_gateways("USD")] == [card]
    setattr(settings, missing, "")

    assert queries.list_gateways("USD") == []
    with pytest.raises(GatewayNotOffered):
        request(customer, card)


def test_stripe_is_not_offered_in_a_currency_of_uncertain_units(card):
    GatewaySettings.objects.update(currency="UGX")

    assert queries.list_gateways("UGX") == []


def test_form_sent_twice_makes_one_payment(customer, other_customer, bank):
    form = uuid4()

    assert request(customer, bank, request_id=form) == request(customer, bank, request_id=form)
    assert Payment.objects.count() == 1
    with pytest.raises(PaymentNotFound):
        request(other_customer, bank, request_id=form)


def test_refuses_more_open_payments_than_anybody_follows(customer, other_customer, bank, monkeypatch):
    monkeypatch.setattr(requesting, "OPEN_PAYMENTS_MAX", 2)
    first = request(customer, bank)
    request(customer, bank)

    with pytest.raises(TooManyOpenPayments):
        request(customer, bank)

    request(other_customer, bank)
    Payment.objects.filter(pk=first.pk).update(state="expired", ended_at=timezone.now())
    request(customer, bank)


def test_reference_puts_it_before_staff_once(customer, bank, settings):
    settings.ADMINS = [("duty", "duty@example.com")]
    payment = request(customer, bank)

    for reference in ("Wire 17", "Wire 18"):
        requesting.submit_reference(user_id=customer.pk, payment_id=payment.pk, reference=reference)

    payment.refresh_from_db()
    assert (payment.state, payment.customer_reference) == ("awaiting", "Wire 18")
    assert [f"Payment {payment.pk} awaits approval" in letter.subject for letter in mail.outbox] == [True]


def test_reference_for_somebody_elses_payment_is_refused(customer, other_customer, bank):
    payment = request(customer, bank)

    with pytest.raises(PaymentNotFound):
        requesting.submit_reference(user_id=other_customer.pk, payment_id=payment.pk, reference="mine")

    payment.refresh_from_db()
    assert (payment.state, payment.customer_reference) == ("pending", "")


def test_reference_is_refused_when_over_or_not_asked_for(customer, bank, card):
    over, by_card = request(customer, bank), request(customer, card)
    Payment.objects.filter(pk=over.pk).update(state="rejected", ended_at=timezone.now())

    for payment in (over, by_card):
        with pytest.raises(PaymentOver):
            requesting.submit_reference(user_id=customer.pk, payment_id=payment.pk, reference="x")


def test_stripe_is_asked_for_exactly_this_payment(customer, card, stripe_api):
    payment = request(customer, card, "49.90")

    assert start(customer, payment) == f"{CHECKOUT}cs_test_0001"

    payment.refresh_from_db()
    assert (payment.state, payment.gateway_reference) == ("pending", "cs_test_0001")
    [asked] = stripe_api.received
    assert asked["mode"] == "payment"
    assert asked["client_reference_id"] == str(payment.pk)
    assert asked["line_items[0][price_data][unit_amount]"] == "4990"
    assert asked["line_items[0][price_data][currency]"] == "usd"
    for place in ("metadata", "payment_intent_data[metadata]"):
        assert asked[f"{place}[panel_payment]"] == str(payment.request_id)
        assert asked[f"{place}[panel_customer]"] == str(customer.pk)
    assert stripe_api.keys == [f"panel-payment-{payment.request_id}"]


def test_stripe_is_not_asked_again_once_it_answered(customer, card, stripe_api):
    payment = request(customer, card)

    assert start(customer, payment) == start(customer, payment)
    assert len(stripe_api.received) == 1


def test_answer_that_was_lost_is_asked_for_again_without_a_second_session(customer, card, stripe_api):
    payment = request(customer, card)
    stripe_api.failures = [(500, {"error": {"message": "boom"}})] * 2

    with pytest.raises(GatewayUnreachable):
        start(customer, payment)

    payment.refresh_from_db()
    assert (payment.state, payment.gateway_reference) == ("pending", None)
    assert start(customer, payment)
    assert len(set(stripe_api.keys)) == 1
    assert len(stripe_api.sessions) == 1


def test_stripe_that_is_away_is_unreachable(customer, card, stripe_api, settings):
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    payment = request(customer, card)

    with pytest.raises(GatewayUnreachable):
        start(customer, payment)

    payment.refresh_from_db()
    assert payment.state == "pending"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_payment_that_stripe_refuses_has_failed_and_staff_know(customer, card, stripe_api, settings, status):
    settings.ADMINS = [("duty", "duty@example.com")]
    payment = request(customer, card)
    stripe_api.failures = [(status, {"error": {"message": "Invalid currency: xyz", "type": "invalid_request_error"}})]

    with nothing_moves(), pytest.raises(GatewayRefused):
        start(customer, payment)

    payment.refresh_from_db()
    assert payment.state == "failed"
    assert "Invalid currency" in mail.outbox[0].body
    with pytest.raises(PaymentOver):
        start(customer, payment)


def test_only_the_customer_may_go_and_pay(customer, other_customer, card, stripe_api):
    payment = request(customer, card)

    with pytest.raises(PaymentNotFound):
        start(other_customer, payment)

    assert stripe_api.received == []


def test_old_payment_is_not_begun_anew(customer, card, stripe_api):
    payment = request(customer, card)
    Payment.objects.filter(pk=payment.pk).update(created_at=timezone.now() - timedelta(hours=24))

    with pytest.raises(PaymentOver):
        start(customer, payment)

    assert stripe_api.received == []


def test_payments_expire_unless_the_customer_says_to_have_paid(customer, bank):
    fresh, forgotten, paid = (request(customer, bank) for _ in range(3))
    requesting.submit_reference(user_id=customer.pk, payment_id=paid.pk, reference="x")
    Payment.objects.filter(pk__in=[forgotten.pk, paid.pk]).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert expiring.expire_stale() == 1

    states = dict(Payment.objects.values_list("pk", "state"))
    assert states == {fresh.pk: "pending", forgotten.pk: "expired", paid.pk: "awaiting"}


@pytest.mark.django_db(transaction=True)
def test_stripe_is_called_outside_of_any_transaction(customer, card, stripe_api):
    from django.db import connection, connections

    seen = []

    def look(asked):
        # Another connection sees the payment: what was written is committed before Stripe hears of it.
        seen.append(Payment.objects.filter(pk=asked["client_reference_id"]).exists())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%'"
            )
            seen.append(cursor.fetchone()[0])
        connections.close_all()

    stripe_api.on_call = look
    start(customer, request(customer, card))

    assert seen == [True, 0]


def test_incoming_lists_payments_and_deposits_without_one(customer, other_customer, bank):
    from tests.fixtures import funded

    funded(customer, "10")
    request(customer, bank, "20")
    request(other_customer, bank, "30")
    request(customer, bank, "40")

    page = queries.list_incoming(wallet_of(customer), limit=2)
    older = queries.list_incoming(wallet_of(customer), limit=2, before=page.next_before)

    assert [item.paid for item in (*page.items, *older.items)] == [40, 20, 10]
    assert older.next_before is None
