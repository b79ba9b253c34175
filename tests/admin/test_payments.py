"""Staff decide about manual transfers: once, by name, for a reason, or not at all; and what PostgreSQL refuses."""

import threading
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from payments import decisions, requesting
from payments.errors import FeeTakesAll, NotForHands, PaymentNotFound, PaymentOver
from payments.models import BonusRule, GatewaySettings, Payment
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import balance_of, nothing_moves
from tests.payments.conftest import request as ask
from wallet import audit, deposits
from wallet.errors import AlreadyPosted, AmountRefused, ReasonMissing
from wallet.models import Deposit, LedgerEntry

pytestmark = pytest.mark.django_db

APPROVAL = {"received": "50", "reference": "Wire 17", "reason": "on the statement"}


@pytest.fixture
def payment(customer, bank):
    payment = ask(customer, bank, "50")
    requesting.submit_reference(user_id=customer.pk, payment_id=payment.pk, reference="Wire 17")
    payment.refresh_from_db()
    return payment


def approve(payment, staff, received="50", reference="Wire 17"):
    return decisions.approve_payment(
        payment_id=payment.pk, received=Decimal(received), reference=reference, actor_id=staff.pk
    )


def test_approval_credits_what_arrived_in_the_name_of_staff(customer, staff, payment):
    approve(payment, staff, "49.5")

    payment.refresh_from_db()
    assert balance_of(customer) == Decimal("49.5")
    assert (payment.state, payment.received, payment.decided_by) == ("credited", Decimal("49.5"), staff)
    assert (payment.deposit.entry.key, payment.deposit.created_by) == ("deposit:hand:wire17", staff)
    assert audit.audit_ledger().is_clean


def test_approval_takes_the_fee_and_gives_the_bonus_agreed(customer, staff, bank):
    GatewaySettings.objects.update(fee_percent=1, fee_fixed=Decimal("0.5"))
    BonusRule.objects.create(currency="USD", from_amount=100, percent=10)
    payment = ask(customer, bank, "100")

    approve(payment, staff, "200")

    assert balance_of(customer) == Decimal("217.5")
    assert list(LedgerEntry.objects.order_by("seq").values_list("key", "amount")) == [
        ("deposit:hand:wire17", Decimal("197.5")),
        (f"bonus:payment:{payment.pk}", Decimal(20)),
    ]
    assert audit.audit_ledger().is_clean


def test_approves_once(staff, payment):
    approve(payment, staff)

    for reference in ("Wire 17", "Wire 18"):
        with nothing_moves(), pytest.raises(PaymentOver):
            approve(payment, staff, reference=reference)
    with nothing_moves(), pytest.raises(PaymentOver):
        decisions.reject_payment(payment_id=payment.pk, reason="x", actor_id=staff.pk)


def test_same_reference_is_not_credited_for_another_payment(other_customer, staff, bank, payment):
    approve(payment, staff)
    second = ask(other_customer, bank, "50")

    with nothing_moves(), pytest.raises(AlreadyPosted):
        approve(second, staff)

    second.refresh_from_db()
    assert (second.state, second.deposit) == ("pending", None)


@pytest.mark.parametrize("reference", ["Wire 17", "WIRE  17"])
def test_reference_added_as_funds_before_is_not_credited_again(other_customer, staff, payment, reference):
    deposits.record_deposit(
        wallet=other_customer.wallet, amount=Decimal(50), gateway=deposits.MANUAL_GATEWAY, external_id=reference
    )

    with nothing_moves(), pytest.raises(AlreadyPosted):
        approve(payment, staff)


@pytest.mark.parametrize(
    ("received", "refusal"),
    [
        ("0", AmountRefused),
        ("-1", AmountRefused),
        ("1.000001", AmountRefused),
        ("NaN", AmountRefused),
        ("1e40", AmountRefused),
        ("0.5", FeeTakesAll),
    ],
)
def test_refuses_amounts_that_are_none(customer, staff, bank, received, refusal):
    GatewaySettings.objects.update(fee_fixed=Decimal("0.5"))
    payment = ask(customer, bank, "50")

    with nothing_moves(), pytest.raises(refusal):
        approve(payment, staff, received)

    payment.refresh_from_db()
    assert payment.state == "pending"


def test_money_found_after_all_is_credited(customer, staff, payment):
    decisions.reject_payment(payment_id=payment.pk, reason="not there", actor_id=staff.pk)

    approve(payment, staff)

    payment.refresh_from_db()
    assert (payment.state, payment.reason, balance_of(customer)) == ("credited", "", 50)


def test_rejection_says_why_and_credits_nothing(staff, payment):
    with nothing_moves():
        with pytest.raises(ReasonMissing):
            decisions.reject_payment(payment_id=payment.pk, reason="  ", actor_id=staff.pk)
        decisions.reject_payment(payment_id=payment.pk, reason="Nothing has arrived.", actor_id=staff.pk)
        with pytest.raises(PaymentOver):
            decisions.reject_payment(payment_id=payment.pk, reason="again", actor_id=staff.pk)

    payment.refresh_from_db()
    assert (payment.state, payment.reason, payment.decided_by) == ("rejected", "Nothing has arrived.", staff)


def test_what_a_gateway_reports_is_not_for_hands(customer, staff, card):
    payment = ask(customer, card)

    with nothing_moves():
        with pytest.raises(NotForHands):
            approve(payment, staff)
        with pytest.raises(NotForHands):
            decisions.reject_payment(payment_id=payment.pk, reason="x", actor_id=staff.pk)
        with pytest.raises(PaymentNotFound):
            decisions.reject_payment(payment_id=0, reason="x", actor_id=staff.pk)


@pytest.mark.django_db(transaction=True)
def test_approvals_at_the_same_moment_credit_once(customer, staff, payment):
    barrier, results = threading.Barrier(4), []

    def run():
        barrier.wait()
        try:
            approve(payment, staff)
            results.append("credited")
        except PaymentOver:
            results.append("over")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["credited", "over", "over", "over"]
    assert (balance_of(customer), Deposit.objects.count()) == (50, 1)


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("payment_credited_is_final", "UPDATE payments_payment SET state = 'rejected'"),
        ("payment_credited_is_final", "UPDATE payments_payment SET reason = 'x'"),
        ("payment_stays", "DELETE FROM payments_payment"),
    ],
)
def test_credited_payment_never_changes(staff, payment, rule, sql):
    approve(payment, staff)

    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert refused.value.__cause__.diag.constraint_name == rule


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("payment_terms_are_fixed", "amount = amount + 1"),
        ("payment_terms_are_fixed", "bonus_percent = 99"),
        ("payment_state_is_known", "state = 'paid', ended_at = now()"),
        ("payment_ended_has_time", "ended_at = now()"),
        ("payment_ended_has_time", "state = 'expired'"),
        ("payment_terms_not_negative", "fee = -1"),
        ("payment_credited_has_deposit", "received = 50"),
        ("payment_deposit_is_its_own", "state = 'credited', ended_at = now(), received = 50"),
        ("payment_stays", None),
    ],
)
def test_database_refuses_what_no_payment_is(payment, rule, change):
    sql = f"UPDATE payments_payment SET {change}" if change else "DELETE FROM payments_payment"

    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert refused.value.__cause__.diag.constraint_name == rule


def test_payment_is_not_credited_with_somebody_elses_deposit(other_customer, payment):
    deposit = deposits.record_deposit(
        wallet=other_customer.wallet, amount=Decimal(50), gateway="bank", external_id="theirs"
    )

    with pytest.raises(DatabaseError, match="is not what arrived"), transaction.atomic():
        Payment.objects.update(state="credited", received=50, deposit=deposit, ended_at=timezone.now())


def test_staff_approve_in_the_admin(boss, staff, customer, payment):
    form = boss.get(page_of_action(payment, "approve")).context["form"]
    assert (form["received"].value(), form["reference"].value()) == (Decimal(50), "Wire 17")

    response = run_action(boss, payment, "approve", **APPROVAL)

    assert response.url == page_of(payment)
    assert told(response) == "Credited 50.00000 USD, reference Wire 17."
    assert balance_of(customer) == 50
    assert page_of_action(payment, "approve") not in boss.get(page_of(payment)).text


def test_staff_reject_in_the_admin(boss, payment):
    with nothing_moves():
        run_action(boss, payment, "reject", reason="Nothing has arrived.")

    payment.refresh_from_db()
    assert payment.state == "rejected"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("approve", APPROVAL | {"confirmed": ""}),
        ("approve", APPROVAL | {"received": "0"}),
        ("approve", APPROVAL | {"received": "x"}),
        ("approve", APPROVAL | {"reference": " "}),
        ("approve", APPROVAL | {"reason": " "}),
        ("reject", {"reason": " "}),
        ("reject", {"reason": "x", "confirmed": ""}),
    ],
)
def test_admin_refuses_what_is_not_complete(boss, payment, action, data):
    with nothing_moves():
        complaints(run_action(boss, payment, action, **data))

    payment.refresh_from_db()
    assert payment.state == "awaiting"


@pytest.mark.parametrize(("action", "data"), [("approve", APPROVAL), ("reject", {"reason": "x"})])
def test_admin_refuses_who_may_not_decide_and_does_nothing_by_get(make_clerk, boss, customer, payment, action, data):
    clerk = make_clerk("payments.view_payment", "wallet.add_deposit", "payments.change_bonusrule")

    with nothing_moves():
        assert run_action(clerk, payment, action, **data).status_code == 403
        assert boss.get(page_of_action(payment, action), data | {"confirmed": "on"}).status_code == 200

    payment.refresh_from_db()
    assert payment.state == "awaiting"


def test_staff_set_up_a_gateway_whose_name_then_stays(boss, db):
    fields = {
        "kind": "manual", "code": "bank", "currency": "USD", "label": "Bank", "minimum": "5", "maximum": "10",
        "fee_percent": "0", "fee_fixed": "0", "position": "1", "is_active": "on",
    }  # fmt: skip
    assert boss.post("/admin/payments/gatewaysettings/add/", fields).status_code == 302
    row = GatewaySettings.objects.get()

    boss.post(page_of(row), fields | {"code": "other", "currency": "EUR", "label": "Wire"})
    wrong = boss.post(page_of(row), fields | {"maximum": "4"})

    row.refresh_from_db()
    assert (row.code, row.currency, row.label, row.maximum) == ("bank", "USD", "Wire", 10)
    assert wrong.status_code == 200


def test_staff_cannot_edit_payments_and_events(boss, payment):
    for kind in ("payment", "paymentevent"):
        assert boss.get(f"/admin/payments/{kind}/").status_code == 200
        assert boss.get(f"/admin/payments/{kind}/add/").status_code == 403
    assert boss.post(page_of(payment), {"state": "credited"}).status_code == 403
    assert boss.get("/admin/payments/payment/", {"q": "Wire 17"}).text.count(page_of(payment))
