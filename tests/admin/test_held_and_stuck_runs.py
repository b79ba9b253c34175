"""Runs that are held and runs with an alarm: seen at a glance, decided with a reason."""

import html
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from accounts.models import User
from catalog.models import Service
from orders import submission
from orders.models import HeldRun, Order, OrderEvent, Run, StuckRun
from staff import bulk
from staff.models import Approval, AuditEntry, BulkJob
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.admin.test_lists import count_queries
from tests.fixtures import balance_of, funded, nothing_moves, place, report
from wallet import audit

HELD = "/admin/orders/heldrun/"
STUCK = "/admin/orders/stuckrun/"
WHY = "the provider doubled its price"


@pytest.fixture
def held(customer: User, followers: Service) -> HeldRun:
    """A run of 1,000 at 0.85 that would cost 2."""
    followers.routes.update(cost=2)
    place(funded(customer, "10"), followers)
    assert submission.claim_next() is None
    return HeldRun.objects.get()


@pytest.fixture
def stuck(customer: User, followers: Service) -> StuckRun:
    """A run that its provider does not know."""
    report(place(funded(customer, "10"), followers), "In progress", remains=900)
    Run.objects.update(alarm=Run.Alarm.NOT_KNOWN, alarm_at=Now())
    return StuckRun.objects.get()


def choose(client: Client, action: str, *runs: HeldRun, **data: Any) -> Any:
    """Run the list's action on a selection."""
    return client.post(HELD, {"action": action, "_selected_action": [run.pk for run in runs], **data})


def answer(client: Client, action: str, *runs: HeldRun, **changes: Any) -> Any:
    """Answer the question that the list's action asks."""
    complete = {"answered": "yes", "token": str(uuid4()), "confirmed": "on", "reason": WHY}
    return choose(client, action, *runs, **complete | changes)


def test_lists_what_is_held_and_why(boss: Client, customer: User, followers: Service, held: HeldRun) -> None:
    followers.routes.update(cost=0)
    other = Order.objects.get(pk=place(customer, followers))

    page = boss.get(HELD).content.decode()

    assert page_of(held) in page
    assert "costs 2.00000, brings 0.85000" in page
    assert page_of(Order.objects.get(pk=held.order_id)) in page
    assert page_of(other) not in page
    assert "costs 2.00000" in boss.get(page_of(held)).content.decode()


def test_sends_anyway(boss: Client, staff: User, held: HeldRun) -> None:
    response = run_action(boss, held, "send_anyway", reason=WHY)

    assert response.url == page_of(Order.objects.get())
    assert told(response) == f"Run {held} is sent at any cost."
    assert boss.get(response.url).status_code == 200
    run = Run.objects.get()
    assert (run.held_at, run.loss_accepted) == (None, True)
    event = OrderEvent.objects.get(kind=OrderEvent.Kind.RELEASED)
    assert (event.actor, event.data["reason"]) == (staff, WHY)
    claim = submission.claim_next()
    assert claim is not None
    assert claim.run == run


def test_cancels_and_refunds(boss: Client, staff: User, customer: User, held: HeldRun) -> None:
    response = run_action(boss, held, "cancel", reason=WHY)

    assert response.url == page_of(Order.objects.get())
    assert told(response) == f"{held.order_id}: Canceled, 0.85000 of 0.85000 refunded."
    assert Order.objects.get().status == "Canceled"
    assert balance_of(customer) == 10
    assert OrderEvent.objects.get(kind=OrderEvent.Kind.STAFF).actor == staff
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize("action", ["send_anyway", "cancel"])
def test_every_decision_needs_its_reason(boss: Client, held: HeldRun, action: str) -> None:
    with nothing_moves():
        complaints(run_action(boss, held, action))
        complaints(run_action(boss, held, action, reason=" "))
        complaints(run_action(boss, held, action, reason=WHY, confirmed=""))
        boss.get(page_of_action(held, action), {"reason": WHY, "confirmed": "on"})

    assert HeldRun.objects.get() == held


@pytest.mark.parametrize("action", ["send_anyway", "cancel"])
def test_what_was_let_go_is_decided_no_more(boss: Client, held: HeldRun, action: str) -> None:
    run_action(boss, held, "send_anyway", reason=WHY)

    with nothing_moves():
        assert run_action(boss, held, action, reason=WHY).status_code == 404


def hold_second_and_claim_first(followers: Service, *, cost: str) -> None:
    """Bring a drip-feed to where its second run is held and its first is on its way: while one is, none is claimed."""
    followers.routes.update(cost=2)
    Run.objects.filter(number=1, state="queued").update(due_at=Now() + timedelta(days=1))
    Run.objects.filter(number=2).update(due_at=Now())
    assert submission.claim_next() is None
    followers.routes.update(cost=cost)
    Run.objects.filter(number=1, state="queued", held_at=None).update(due_at=Now())
    assert submission.claim_next() is not None


def test_cancel_waits_for_the_fate_of_the_other_runs(boss: Client, customer: User, followers: Service) -> None:
    place(funded(customer, "10"), followers, runs=2, interval=1)
    hold_second_and_claim_first(followers, cost="0")

    with nothing_moves():
        response = run_action(boss, HeldRun.objects.get(), "cancel", reason=WHY)

    assert "being sent right now" in complaints(response)


def test_each_decision_needs_its_permission(make_clerk: Callable[..., Client], held: HeldRun) -> None:
    with nothing_moves():
        reader = make_clerk("orders.view_heldrun")
        assert run_action(reader, held, "send_anyway", reason=WHY).status_code == 403
        assert run_action(reader, held, "cancel", reason=WHY).status_code == 403
        sender = make_clerk("orders.view_heldrun", "orders.change_heldrun")
        assert run_action(sender, held, "cancel", reason=WHY).status_code == 403
        for action in ("send_selected", "cancel_selected"):
            answer(reader, action, held)
        canceler = make_clerk("orders.view_heldrun", "orders.change_order", "orders.view_order")
        assert run_action(canceler, held, "send_anyway", reason=WHY).status_code == 403

    assert run_action(canceler, held, "cancel", reason=WHY).status_code == 302


def test_sends_a_selection(boss: Client, customer: User, followers: Service, held: HeldRun) -> None:
    place(customer, followers)
    assert submission.claim_next() is None
    both = list(HeldRun.objects.order_by("pk"))
    assert len(both) == 2
    with nothing_moves():
        page = choose(boss, "send_selected", *both).content.decode()
        assert all(page_of(run) in page for run in both)
        complaints(answer(boss, "send_selected", *both, reason=""))

    response = answer(boss, "send_selected", *both)
    bulk.work(seconds=10)

    job = BulkJob.objects.get()
    assert response.url == page_of(job)
    assert list(job.items.order_by("subject_id").values_list("outcome", flat=True)) == [
        f"Run {run} is sent at any cost." for run in both
    ]
    assert not HeldRun.objects.exists()
    assert AuditEntry.objects.filter(operation="runs.release", reason=WHY, channel="bulk").count() == 2


def test_cancels_a_selection_each_for_itself(boss: Client, customer: User, followers: Service, held: HeldRun) -> None:
    place(customer, followers, runs=2, interval=1, quantity=2000)
    hold_second_and_claim_first(followers, cost="0")
    both = HeldRun.objects.order_by("pk")
    assert len(both) == 2

    answer(boss, "cancel_selected", *both)
    bulk.work(seconds=10)

    outcomes = dict(BulkJob.objects.get().items.values_list("subject_id", "outcome"))
    assert outcomes.pop(held.order_id) == f"{held.order_id}: Canceled, 0.85000 of 0.85000 refunded."
    assert "being sent right now" in outcomes.popitem()[1]
    assert balance_of(customer) == Decimal("8.3")
    assert HeldRun.objects.count() == 1


def test_the_job_shows_what_was_refused(boss: Client, held: HeldRun) -> None:
    response = answer(boss, "send_selected", held)
    run_action(boss, held, "send_anyway", reason=WHY)
    bulk.work(seconds=10)

    page = boss.get(response.url)

    assert page.status_code == 200
    assert BulkJob.objects.get().items.get().outcome in html.unescape(page.content.decode())


def test_a_selection_together_needs_a_second_person(
    boss: Client, customer: User, followers: Service, held: HeldRun, settings: Any
) -> None:
    settings.FOUR_EYES, settings.FOUR_EYES_ABOVE = True, Decimal(1)
    place(customer, followers)
    assert submission.claim_next() is None

    with nothing_moves():
        answer(boss, "cancel_selected", *HeldRun.objects.all())
        bulk.work(seconds=10)

    assert (BulkJob.objects.get().state, Approval.objects.get().amount) == ("asked", Decimal("1.7"))
    assert HeldRun.objects.count() == 2


def test_lists_alarms_by_kind(boss: Client, customer: User, followers: Service, stuck: StuckRun) -> None:
    healthy = place(customer, followers)
    order = Order.objects.get(pk=stuck.order_id)

    page = boss.get(STUCK).content.decode()

    assert page_of(stuck) in page
    assert page_of(order) in page
    assert stuck.provider_order in page
    assert f"/order/{healthy}/change/" not in page
    assert page_of(stuck) in boss.get(STUCK, {"alarm__exact": "not_known"}).content.decode()
    assert page_of(stuck) not in boss.get(STUCK, {"alarm__exact": "late"}).content.decode()
    assert page_of(order) in boss.get(page_of(stuck)).content.decode()


def test_nobody_writes_runs_by_hand(boss: Client, stuck: StuckRun, followers: Service, customer: User) -> None:
    followers.routes.update(cost=2)
    place(customer, followers)
    assert submission.claim_next() is None

    with nothing_moves():
        for row in (stuck, HeldRun.objects.get()):
            assert boss.post(page_of(row), {"quantity": "1", "state": "completed"}).status_code == 403
            assert boss.post(page_of(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
            assert boss.get(reverse(f"admin:orders_{row._meta.model_name}_add")).status_code == 403


def test_lists_ask_no_more_for_more_rows(
    boss: Client, customer: User, followers: Service, held: HeldRun, make_service: Callable[..., Service]
) -> None:
    Run.objects.update(alarm=Run.Alarm.WAITING, alarm_at=Now())
    before = count_queries(boss, HELD), count_queries(boss, STUCK)
    for _ in range(3):
        place(customer, followers)
    assert submission.claim_next() is None
    Run.objects.update(alarm=Run.Alarm.WAITING, alarm_at=Now())

    assert (count_queries(boss, HELD), count_queries(boss, STUCK)) == before
    assert max(before) <= 15


def test_the_order_shows_route_hold_alarm_and_cost(boss: Client, customer: User, followers: Service) -> None:
    order_id = place(funded(customer, "10"), followers, runs=2, interval=1)
    hold_second_and_claim_first(followers, cost="0.4")
    Run.objects.filter(number=2).update(alarm=Run.Alarm.WAITING, alarm_at=Now())

    page = boss.get(page_of(Order.objects.get(pk=order_id))).content.decode()

    assert "Sandbox ig-followers" in page
    assert "costs in USD" in page
    assert "0.20000" in page
    assert "costs 1.00000, brings 0.42500, since" in page
    assert "due for minutes and not sent, since" in page
