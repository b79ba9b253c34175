"""Two persons for what moves much, and for every credit by hand."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from catalog.models import Currency, Service
from orders import submission
from orders.models import Order, ReviewItem, Run
from staff import approvals, bulk
from staff.errors import ApprovalOver, AskerMayNot, Outgrown, OwnApproval, OwnMoney
from staff.models import Approval, AuditEntry
from staff.operations import registry
from tests.fixtures import PASSWORD, balance_of, funded, nothing_moves, place
from tests.staff.conftest import ORIGIN, member
from wallet import audit, wallets
from wallet.errors import InsufficientBalance
from wallet.models import LedgerEntry


def waiting(outcome: Any) -> int:
    """Return the number of the approval that an outcome waits for."""
    assert outcome.approval is not None
    return outcome.approval.pk


def test_credit_by_hand_waits_however_small(adjust: Callable[..., Any], customer: User, second: User) -> None:
    with nothing_moves():
        outcome = adjust("0.00001")
    assert "waits for a second person" in outcome.text

    text = approvals.approve(approval_id=waiting(outcome), actor=second, origin=ORIGIN)

    assert text == "Adjusted by 0.00001 USD; the balance is now 0.00001."
    assert balance_of(customer) == Decimal("0.00001")
    approval = Approval.objects.get()
    assert (approval.state, approval.decided_by, approval.outcome) == ("done", second, text)


def test_log_names_both(adjust: Callable[..., Any], asker: User, second: User) -> None:
    approvals.approve(approval_id=waiting(adjust("5")), actor=second, origin=ORIGIN)

    done = AuditEntry.objects.get(operation="wallet.adjust_balance")
    assert (done.actor, done.approver) == (asker, second)
    assert LedgerEntry.objects.get().actor == asker
    assert list(AuditEntry.objects.order_by("seq").values_list("operation", flat=True)) == [
        "approval.ask",
        "wallet.adjust_balance",
        "approval.approve",
    ]
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize(("change", "waits"), [("-100", False), ("-100.00001", True)])
def test_debit_waits_above_the_threshold(adjust: Callable[..., Any], customer: User, change: str, waits: bool) -> None:
    funded(customer, "500")

    outcome = adjust(change)

    assert (outcome.approval is not None) is waits
    assert balance_of(customer) == (Decimal(500) if waits else Decimal(400))


def test_amounts_count_in_the_base_currency(db: None) -> None:
    Currency.objects.create(code="EUR", rate=Decimal("0.9"))
    user = User.objects.create_user(username="pierre", password=PASSWORD)
    wallet = wallets.open_wallet(user_id=user.pk, currency="EUR")

    assert registry.get_operation("wallet.adjust_balance").weigh([wallet.pk], change="-90") == Decimal(100)


def test_one_person_is_enough_where_the_owner_says_so(
    adjust: Callable[..., Any], customer: User, settings: Any
) -> None:
    settings.FOUR_EYES = False

    assert adjust("1000").approval is None
    assert balance_of(customer) == Decimal(1000)


def test_nobody_approves_their_own(adjust: Callable[..., Any], asker: User) -> None:
    approval_id = waiting(adjust("5"))

    with nothing_moves(), pytest.raises(OwnApproval):
        approvals.approve(approval_id=approval_id, actor=asker, origin=ORIGIN)

    assert Approval.objects.get().state == "waiting"


def test_database_refuses_ones_own(adjust: Callable[..., Any], asker: User) -> None:
    adjust("5")

    with pytest.raises(IntegrityError, match="approval_by_another_person"), transaction.atomic():
        Approval.objects.update(state="done", decided_by=asker, decided_at=timezone.now())


def test_second_person_needs_the_permission(adjust: Callable[..., Any], customer: User) -> None:
    approval_id = waiting(adjust("5"))
    clerk = User.objects.create_user(username="clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="change_wallet"))

    for actor in (clerk, member("support", "Support"), customer):
        with nothing_moves(), pytest.raises(PermissionDenied):
            approvals.approve(approval_id=approval_id, actor=actor, origin=ORIGIN)


def test_who_is_suspended_decides_and_asks_nothing(adjust: Callable[..., Any], asker: User, second: User) -> None:
    approval_id = waiting(adjust("5"))
    User.objects.filter(pk=second.pk).update(is_suspended=True)
    second.refresh_from_db()
    with nothing_moves(), pytest.raises(PermissionDenied):
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)

    User.objects.update(is_suspended=True)
    asker.refresh_from_db()
    with nothing_moves(), pytest.raises(PermissionDenied):
        adjust("5")


def test_sending_again_what_was_to_be_stopped_is_a_refund(
    customer: User, followers: Any, asker: User, settings: Any
) -> None:
    """It is canceled instead of queued; see `settlement.requeue_run`."""
    settings.FOUR_EYES_ABOVE = Decimal("0.5")
    place(funded(customer, "10"), followers)
    claim = submission.claim_next()
    assert claim is not None
    submission.record_unknown(claim.attempt.pk, evidence="timed out")
    facts: dict[str, Any] = {"reason": "not there", "actor": asker, "origin": ORIGIN}
    stopped = registry.perform("orders.request_cancel", subject_id=claim.run.order_id, **facts)
    assert stopped.approval is None

    with nothing_moves():
        outcome = registry.perform("reviews.resend", subject_id=ReviewItem.objects.get().pk, **facts)

    assert Approval.objects.get(pk=waiting(outcome)).amount == Decimal("0.85")


@pytest.mark.parametrize("is_job", [False, True])
def test_runs_that_share_a_charge_unevenly_are_refunded_to_the_last(
    customer: User, followers: Any, asker: User, is_job: bool
) -> None:
    """0.28405 for three runs: 0.09468, 0.09468 and 0.09469."""
    Service.objects.update(rate=Decimal("0.853"))
    place(funded(customer, "10"), followers, quantity=333, runs=3, interval=1)
    for _ in range(3):
        Run.objects.filter(state="queued").update(due_at=timezone.now())
        claim = submission.claim_next()
        assert claim is not None
        submission.record_unknown(claim.attempt.pk, evidence="timed out")
    facts: dict[str, Any] = {"reason": "not there", "actor": asker, "origin": ORIGIN}
    items = list(ReviewItem.objects.order_by("pk").values_list("pk", flat=True))
    assert len(items) == 3

    if is_job:
        job = bulk.create_job("reviews.refund", subject_ids=items, token=uuid4(), **facts)
        bulk.work(seconds=10)
        job.refresh_from_db()
        assert (job.amount, job.moved, bulk.measure_progress(job).done) == (Decimal("0.28405"), Decimal("0.28405"), 3)
    else:
        for item in items:
            registry.perform("reviews.refund", subject_id=item, **facts)

    assert balance_of(customer) == 10
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize("who", ["asker", "second"])
def test_nobody_decides_about_money_of_their_own(
    adjust: Callable[..., Any], asker: User, second: User, who: str
) -> None:
    owner = {"asker": asker, "second": second}[who]
    wallet = wallets.open_wallet(user_id=owner.pk, currency="USD")
    approval_id = waiting(adjust("5", subject_id=wallet.pk))

    with nothing_moves(), pytest.raises(OwnMoney):
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)

    assert balance_of(owner) == 0
    assert Approval.objects.get().state == "waiting"


def test_who_asked_must_still_be_allowed_to(adjust: Callable[..., Any], asker: User, second: User) -> None:
    approval_id = waiting(adjust("5"))
    asker.groups.clear()

    with nothing_moves(), pytest.raises(AskerMayNot):
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)


def test_approved_twice_is_done_once(adjust: Callable[..., Any], second: User) -> None:
    approval_id = waiting(adjust("5"))
    approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)

    with nothing_moves(), pytest.raises(ApprovalOver):
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)


def test_approved_by_two_at_once_is_done_once(
    transactional_db: None, adjust: Callable[..., Any], customer: User
) -> None:
    approval_id = waiting(adjust("5"))
    others = [member(f"second-{number}", "Finance") for number in range(4)]

    def approve(actor: User) -> bool:
        try:
            approvals.approve(approval_id=approval_id, actor=actor, origin=ORIGIN)
        except ApprovalOver:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(approve, others))

    assert sorted(done) == [False, False, False, True]
    assert balance_of(customer) == Decimal(5)


def test_rejected_does_nothing(adjust: Callable[..., Any], second: User) -> None:
    approval_id = waiting(adjust("5"))

    with nothing_moves():
        approvals.reject(approval_id=approval_id, reason="why?", actor=second, origin=ORIGIN)
        with pytest.raises(ApprovalOver):
            approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)

    assert (Approval.objects.get().state, Approval.objects.get().outcome) == ("rejected", "why?")


def test_who_asked_may_take_it_back(adjust: Callable[..., Any], asker: User) -> None:
    approvals.reject(approval_id=waiting(adjust("5")), reason="mistaken", actor=asker, origin=ORIGIN)

    assert Approval.objects.get().state == "rejected"


def test_refused_by_the_domain_stays_waiting(adjust: Callable[..., Any], customer: User, second: User) -> None:
    funded(customer, "500")
    approval_id = waiting(adjust("-400"))
    adjust("-50")
    adjust("-80")

    with nothing_moves(), pytest.raises(InsufficientBalance):
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)

    assert Approval.objects.get().state == "waiting"


def test_refuses_what_has_outgrown_what_was_asked(
    asker: User, second: User, customer: User, followers: Any, settings: Any
) -> None:
    settings.FOUR_EYES_ABOVE = Decimal("0.5")
    order = Order.objects.get(pk=place(funded(customer, "10"), followers))
    outcome = registry.perform(
        "orders.cancel_and_refund", subject_id=order.pk, reason="asked for", actor=asker, origin=ORIGIN
    )
    approval = Approval.objects.get(pk=waiting(outcome))
    approval.amount -= Decimal("0.1")
    approval.save(update_fields=["amount"])

    with nothing_moves(), pytest.raises(Outgrown):
        approvals.approve(approval_id=approval.pk, actor=second, origin=ORIGIN)


@pytest.mark.parametrize(("rate", "is_outgrown"), [("0.989", False), ("0.9", True)])
def test_rates_may_move_a_little_meanwhile(
    adjust: Callable[..., Any], second: User, rate: str, is_outgrown: bool
) -> None:
    Currency.objects.create(code="EUR", rate=1)
    user = User.objects.create_user(username="pierre", password=PASSWORD)
    wallet = wallets.open_wallet(user_id=user.pk, currency="EUR")
    approval_id = waiting(adjust("7", subject_id=wallet.pk))
    Currency.objects.filter(code="EUR").update(rate=Decimal(rate))

    if is_outgrown:
        with nothing_moves(), pytest.raises(Outgrown):
            approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)
    else:
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)

    assert balance_of(user) == (0 if is_outgrown else 7)


def weigh_as(monkeypatch: pytest.MonkeyPatch, name: str, amount: str) -> None:
    """Have an operation weigh what it is not: as when what it is about changes before it is locked."""
    weighed = replace(registry.get_operation(name), weigh=lambda _ids, **_arguments: Decimal(amount))
    monkeypatch.setitem(registry._operations, name, weighed)


def test_what_moves_more_than_was_weighed_is_undone(
    adjust: Callable[..., Any], customer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    funded(customer, "50")
    weigh_as(monkeypatch, "wallet.adjust_balance", "19.99999")

    with nothing_moves(), pytest.raises(Outgrown):
        adjust("-20")

    assert not AuditEntry.objects.exists()
    assert balance_of(customer) == 50


def test_the_log_says_what_really_moved(
    adjust: Callable[..., Any], customer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    funded(customer, "50")
    weigh_as(monkeypatch, "wallet.adjust_balance", "30")

    adjust("-20")

    assert AuditEntry.objects.get().amount == 20


def test_expires_after_a_week(adjust: Callable[..., Any], second: User) -> None:
    approval_id = waiting(adjust("5"))
    Approval.objects.update(requested_at=timezone.now() - timedelta(days=8))

    # Whether or not somebody has looked for old ones since.
    with nothing_moves(), pytest.raises(ApprovalOver):
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)
    assert approvals.expire_approvals() == 1
    with nothing_moves(), pytest.raises(ApprovalOver):
        approvals.approve(approval_id=approval_id, actor=second, origin=ORIGIN)


def test_needs_the_operations_permission_to_ask(adjust: Callable[..., Any], second: User) -> None:
    with nothing_moves(), pytest.raises(PermissionDenied):
        registry.perform("orders.cancel_and_refund", subject_id=1, reason="x", actor=second, origin=ORIGIN)
    with nothing_moves(), pytest.raises(PermissionDenied):
        adjust("-1", actor=member("helper", "Support"))

    assert not Approval.objects.exists()
