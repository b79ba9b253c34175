"""Coupons: who may use one, how often, what it gives, and that it gives it once."""

import threading
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import registration
from payments import coupons, decisions, expiring, requesting
from payments.errors import CouponNeedsMore, CouponUnknown, CouponUsed, CouponUsedUp, PaymentOver
from payments.models import BonusRule, Coupon, Payment
from tests.fixtures import PASSWORD, balance_of, nothing_moves
from tests.payments.conftest import request, wallet_of
from wallet import audit
from wallet.models import LedgerEntry

pytestmark = pytest.mark.django_db


def coupon(code="WELCOME", **changes):
    return Coupon.objects.create(**{"code": code, "currency": "USD", "percent": 10, **changes})


def approve(payment, received=None, actor_id=None, reference=None):
    return decisions.approve_payment(
        payment_id=payment.pk,
        received=Decimal(received or payment.amount),
        reference=reference or f"ref-{payment.pk}",
        actor_id=actor_id or payment.wallet.user_id,
    )


def at_once(*calls):
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


def test_gives_a_percentage_and_a_fixed_amount_on_top_of_the_bonus(customer, bank):
    coupon(fixed=2)
    BonusRule.objects.create(currency="USD", from_amount=0, percent=5)

    payment = request(customer, bank, "50", coupon_code=" welcome ")
    assert (payment.bonus, payment.coupon_bonus, payment.credit) == (Decimal("2.5"), 7, Decimal("59.5"))
    assert balance_of(customer) == 0
    approve(payment)

    assert balance_of(customer) == Decimal("59.5")
    payment.refresh_from_db()
    assert (payment.coupon_bonus, payment.credit) == (7, Decimal("59.5"))
    entry = LedgerEntry.objects.get(key=f"bonus:coupon:{payment.pk}")
    assert (entry.amount, entry.debit.kind) == (7, "bonus")
    assert audit.audit_ledger().is_clean


def test_follows_what_arrives(customer, bank):
    coupon(from_amount=20)
    first = request(customer, bank, "50", coupon_code="WELCOME")
    approve(first, "30")
    assert balance_of(customer) == 33

    Coupon.objects.update(uses_max_each=None)
    second = request(customer, bank, "50", coupon_code="WELCOME")
    approve(second, "19.99")

    second.refresh_from_db()
    assert second.coupon_bonus == 0
    assert balance_of(customer) == Decimal("52.99")


def test_terms_are_those_of_the_request(customer, bank):
    coupon()
    payment = request(customer, bank, "50", coupon_code="WELCOME")
    Coupon.objects.update(percent=100, fixed=50, is_active=False)

    approve(payment)

    assert balance_of(customer) == 55


def test_terms_never_change(customer, bank):
    coupon()
    payment = request(customer, bank, "50", coupon_code="WELCOME")

    for change in ({"coupon_percent": 90}, {"coupon_fixed": 9}, {"coupon_from": 9}):
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
            Payment.objects.filter(pk=payment.pk).update(**change)
    plain = request(customer, bank, "50")
    with pytest.raises(IntegrityError, match="payment_gift_has_coupon"), transaction.atomic():
        Payment.objects.filter(pk=plain.pk).update(coupon_bonus=5)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"is_active": False}, CouponUnknown),
        ({"currency": "EUR"}, CouponUnknown),
        ({"starts_at": timezone.now() + timedelta(hours=1)}, CouponUnknown),
        ({"ends_at": timezone.now() - timedelta(hours=1)}, CouponUnknown),
        ({"code": "OTHER"}, CouponUnknown),
        ({"from_amount": "50.01"}, CouponNeedsMore),
        ({"uses_max": 0}, CouponUsedUp),
        ({"uses_max_each": 0}, CouponUsed),
    ],
)
def test_refuses_what_may_not_be_used(customer, bank, changes, refusal):
    coupon(**changes)

    with nothing_moves(), pytest.raises(refusal):
        request(customer, bank, "50", coupon_code="WELCOME")

    assert Payment.objects.count() == 0


@pytest.mark.parametrize("code", ["", "   "])
def test_no_code_is_no_coupon(customer, bank, code):
    coupon()

    assert request(customer, bank, "50", coupon_code=code).coupon is None


def test_one_use_each(customer, other_customer, bank):
    coupon()
    request(customer, bank, "50", coupon_code="WELCOME")

    with pytest.raises(CouponUsed):
        request(customer, bank, "50", coupon_code="WELCOME")
    assert request(other_customer, bank, "50", coupon_code="WELCOME").coupon_bonus == 5


def test_the_same_form_again_is_the_same_use(customer, bank):
    coupon()
    number = uuid4()

    made = request(customer, bank, "50", coupon_code="WELCOME", request_id=number)

    assert request(customer, bank, "50", coupon_code="WELCOME", request_id=number).pk == made.pk
    assert coupons.list_uses(made.coupon).count() == 1


def test_a_payment_without_money_gives_its_use_back(customer, other_customer, bank):
    coupon(uses_max=1)
    payment = request(customer, bank, "50", coupon_code="WELCOME")
    with pytest.raises(CouponUsedUp):
        request(other_customer, bank, "50", coupon_code="WELCOME")

    Payment.objects.update(expires_at=timezone.now() - timedelta(days=1))
    expiring.expire_stale()
    other = request(other_customer, bank, "50", coupon_code="WELCOME")

    # The money comes after all, but the use is somebody else's now.
    approve(payment)
    approve(other)
    assert (balance_of(customer), balance_of(other_customer)) == (50, 55)


def test_late_money_gets_the_gift_while_there_is_one(customer, bank, staff):
    coupon(uses_max=1)
    payment = request(customer, bank, "50", coupon_code="WELCOME")
    decisions.reject_payment(payment_id=payment.pk, reason="Not here yet", actor_id=staff.pk)

    approve(payment)

    assert balance_of(customer) == 55


def test_credits_once(customer, bank):
    coupon()
    payment = request(customer, bank, "50", coupon_code="WELCOME")
    approve(payment)

    with nothing_moves(), pytest.raises(PaymentOver):
        approve(payment, reference="another")

    assert balance_of(customer) == 55


@pytest.fixture
def crowd(usd):
    return [
        registration.register_customer(username=f"buyer-{number}", email="", password=PASSWORD) for number in range(6)
    ]


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_more_get_it_than_may(crowd, bank, monkeypatch):
    coupon(uses_max=1)
    monkeypatch.setattr(coupons, "lock", lambda code: None)
    together = threading.Barrier(len(crowd))
    check = coupons.check_limits

    def slow_check(*args, **options):
        check(*args, **options)
        together.wait(timeout=20)

    monkeypatch.setattr(coupons, "check_limits", slow_check)

    at_once(*[lambda user=user: request(user, bank, "50", coupon_code="WELCOME") for user in crowd])

    assert Payment.objects.exclude(coupon=None).count() > 1


@pytest.mark.django_db(transaction=True)
def test_the_last_use_goes_to_one(crowd, bank):
    coupon(uses_max=2)

    results = at_once(*[lambda user=user: request(user, bank, "50", coupon_code="WELCOME") for user in crowd])

    assert sum(isinstance(result, Payment) for result in results) == 2
    assert sum(isinstance(result, CouponUsedUp) for result in results) == 4
    assert Payment.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_forms_at_the_same_moment_are_one_use(customer, bank):
    coupon()

    results = at_once(*[lambda: request(customer, bank, "50", coupon_code="WELCOME")] * 5)

    assert sum(isinstance(result, CouponUsed) for result in results) == 4
    assert Payment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_approved_at_the_same_moment_credits_once(customer, bank):
    coupon()
    payment = request(customer, bank, "50", coupon_code="WELCOME")

    results = at_once(*[lambda: approve(payment)] * 5)

    assert sum(isinstance(result, PaymentOver) for result in results) == 4
    assert balance_of(customer) == 55
    assert audit.audit_ledger().is_clean


@pytest.mark.django_db(transaction=True)
def test_late_approvals_at_the_same_moment_share_what_is_left(crowd, bank):
    coupon(uses_max=None)
    payments = [request(user, bank, "50", coupon_code="WELCOME") for user in crowd]
    Payment.objects.update(expires_at=timezone.now() - timedelta(days=1))
    expiring.expire_stale()
    Coupon.objects.update(uses_max=2)

    at_once(*[lambda payment=payment: approve(payment) for payment in payments])

    assert sorted(balance_of(user) for user in crowd) == [50, 50, 50, 50, 55, 55]
    assert audit.audit_ledger().is_clean


def test_quote_says_what_it_gives(customer, bank):
    coupon()

    offer = requesting.quote_payment(
        wallet=wallet_of(customer), gateway_id=bank.pk, amount=Decimal(50), coupon_code="welcome"
    )

    assert (offer.quote.coupon, offer.quote.credit, offer.coupon.code) == (5, 55, "WELCOME")
    assert Payment.objects.count() == 0
