"""What must be true after every step, and what must be true when nothing moves any more.

Money is reckoned here once more, in whole hundred-thousandths, so that a mistake in `orders.pricing` cannot agree
with itself.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import connection
from django.utils import timezone

from orders import cancellations, holds, places, rechecking, refills, routing, submission, tracking, watching
from orders.models import Attempt, Cancellation, Order, Refill, RefillPart, ReviewItem, Run
from orders.transitions import FINAL_RUN_STATES, RunState, derive_status
from providers import health
from providers.models import Provider
from tests.fixtures import balance_of
from tests.simulation.scene import Scene
from wallet import audit
from wallet.models import LedgerEntry

UNITS = 100_000  # in one of the currency
CENT_PART = Decimal(1) / UNITS  # what rounding may add to a cost
LIVE = [Attempt.State.IN_FLIGHT, Attempt.State.ACCEPTED, Attempt.State.UNKNOWN]
IN_DOUBT = [Attempt.State.IN_FLIGHT, Attempt.State.UNKNOWN]
NEVER = datetime.min.replace(tzinfo=UTC)
ROUNDS_MAX = 40  # until nothing moves; five or so are usual
ROUND_SECONDS = 2000
TIME_TAKEN_BACK_SECONDS = 5  # what became due while a step took time stays due when that time is taken back
RECHECK_SECONDS = 400_000  # past the last time that a run is asked about after its end


def owed(order: Order, *, undelivered: int) -> Decimal:
    """Return what must have been given back when so many units will not come."""
    charge = int(order.charge * UNITS)
    units = charge if undelivered == order.quantity else charge * undelivered // order.quantity
    return Decimal(units) / UNITS


@dataclass
class Rows:
    """Everything there is, read once: the checks run after every step."""

    orders: list[Order]
    runs: list[Run]
    attempts: list[Attempt]
    in_review: set[int]  # runs
    refunds: dict[int, list[Decimal]]  # by order
    refill_parts: Counter[int]  # that may have been sent, by run

    @classmethod
    def read(cls, scene: Scene) -> "Rows":
        """Read them as they are now."""
        refunds = defaultdict(list)
        entries = LedgerEntry.objects.filter(key__startswith="refund:order:")
        for key, amount in entries.values_list("key", "amount"):
            refunds[int(key.split(":")[2])].append(amount)
        return cls(
            orders=scene.orders(),
            runs=list(Run.objects.order_by("pk")),
            attempts=list(Attempt.objects.order_by("pk")),
            in_review=set(ReviewItem.objects.filter(resolved_at=None).values_list("attempt__run_id", flat=True)),
            refunds=refunds,
            refill_parts=Counter(RefillPart.objects.filter(sent_at__isnull=False).values_list("run_id", flat=True)),
        )


def check_after_step(scene: Scene, *, funds: Decimal) -> None:
    """Check what must hold at any moment."""
    connection.check_constraints()  # those that wait for a commit
    result = audit.audit_ledger()
    assert result.is_clean, result.findings
    rows = Rows.read(scene)
    assert balance_of(scene.customer) == funds - sum(order.charge - order.refunded for order in rows.orders)
    for order in rows.orders:
        _check_order(order, rows)
    _check_attempts(rows)
    scene.note_attempts()
    _check_intervals(scene, rows)
    _check_providers(rows)
    _check_books(scene, rows)


def _check_order(order: Order, rows: Rows) -> None:
    runs = [run for run in rows.runs if run.order_id == order.pk]
    assert order.status == derive_status([(RunState(run.state), run.quantity, run.remains) for run in runs])
    assert order.remains == sum(run.remains for run in runs)
    # Runs in doubt are not final, so a refund on a guess would show here as one too many.
    undelivered = sum(run.remains for run in runs if run.state in FINAL_RUN_STATES)
    assert order.refunded == owed(order, undelivered=undelivered), f"order {order.pk}: a wrong sum was given back"
    assert len(rows.refunds[order.pk]) == order.refund_count
    assert sum(rows.refunds[order.pk], Decimal(0)) == order.refunded


def _check_attempts(rows: Rows) -> None:
    assert {run.pk for run in rows.runs if run.state == RunState.UNKNOWN} == rows.in_review
    in_flight = {attempt.run_id for attempt in rows.attempts if attempt.state == Attempt.State.IN_FLIGHT}
    assert {run.pk for run in rows.runs if run.state == RunState.SUBMITTING} == in_flight
    live = Counter(attempt.run_id for attempt in rows.attempts if attempt.state in LIVE)
    assert not any(count > 1 for count in live.values()), "two live attempts of one run"
    runs = {run.pk: run for run in rows.runs}
    orders = {order.pk: order for order in rows.orders}
    for attempt in rows.attempts:
        run = runs[attempt.run_id]
        order = orders[run.order_id]
        brings = order.charge * run.quantity / order.quantity
        assert run.loss_accepted or attempt.cost <= brings + CENT_PART, f"run {run.pk}: a loss that nobody has seen"


def _check_intervals(scene: Scene, rows: Rows) -> None:
    """Check that what was sent of an order, or may have been, keeps its interval; what staff let go need not."""
    runs = {run.pk: run for run in rows.runs}
    orders = {order.pk: order for order in rows.orders}
    sent = defaultdict(list)
    for attempt in rows.attempts:
        if attempt.state in LIVE:
            sent[runs[attempt.run_id].order_id].append(attempt)
    for order_id, attempts in sent.items():
        attempts.sort(key=lambda attempt: scene.began[attempt.pk])
        for before, after in pairwise(attempts):
            apart = scene.began[after.pk] - scene.began[before.pk]
            is_kept = apart > orders[order_id].interval_minutes * 60 - TIME_TAKEN_BACK_SECONDS
            assert is_kept or runs[after.run_id].loss_accepted, f"order {order_id}: two runs {apart} s apart"


def _check_providers(rows: Rows) -> None:
    for provider in Provider.objects.all():
        attempts = [attempt for attempt in rows.attempts if attempt.provider_id == provider.pk]
        last_answered = max((one.started_at for one in attempts if one.state in places.ANSWERED), default=NEVER)
        in_flight = [one.started_at for one in attempts if one.state == Attempt.State.IN_FLIGHT]
        hanging = [at for at in in_flight if at < min(last_answered, timezone.now() - places.HANGS_AFTER)]
        assert len(in_flight) - len(hanging) <= provider.concurrency_max
        assert len(in_flight) <= provider.concurrency_max * places.IN_FLIGHT_TIMES
        assert (provider.failures >= health.FAILURES_MAX) == (provider.down_until is not None)


def _check_books(scene: Scene, rows: Rows) -> None:
    """Check that each entry of a book is one run of ours, or the doubt of one."""
    by_link = {order.link: order.pk for order in rows.orders}
    order_of_run = {run.pk: run.order_id for run in rows.runs}
    claimed = {(run.provider_id, run.provider_order): run.pk for run in rows.runs if run.provider_order}
    doubts = Counter(
        (attempt.provider_id, order_of_run[attempt.run_id]) for attempt in rows.attempts if attempt.state in IN_DOUBT
    )
    for panel in scene.panels:
        provider_id = panel.provider.pk
        for taken in panel.taken:
            order_id = by_link[taken.link]
            run_id = claimed.get((provider_id, taken.id))
            if run_id is None:
                doubts[provider_id, order_id] -= 1
                assert doubts[provider_id, order_id] >= 0, f"order {order_id} is at {panel.provider} once too often"
            asked = rows.refill_parts[run_id] if run_id else 0
            assert len(taken.refills) <= asked, f"a refill of order {order_id} was asked for twice"


def come_to_rest(scene: Scene, *, absent: str = "resend") -> None:
    """Let everything that is under way end: no more faults, staff decide, days pass.

    :raises AssertionError: something goes on moving.
    """
    Provider.objects.update(is_active=True)
    for _ in range(ROUNDS_MAX):
        scene.pass_time(ROUND_SECONDS)
        submission.expire_leases()
        for item in scene.open_reviews():
            scene.decide(item, absent=absent)
        routing.reroute_waiting(seconds=5)
        routing.reroute_in_turn(seconds=5)
        holds.recheck_held()
        while submission.submit_next():
            pass
        cancellations.forward_cancellations()
        while tracking.track_due():
            pass
        refills.process_refills()
        watching.flag_stuck()
        if not _list_moving():
            # What a panel said too early of an end, it is asked about again.
            scene.pass_time(RECHECK_SECONDS)
            rechecking.recheck_finished()
            return
    raise AssertionError(f"still moving after {ROUNDS_MAX} rounds: {_list_moving()}")


def _list_moving() -> list[Any]:
    """List what is not at its end and does not wait for staff."""
    runs = Run.objects.filter(held_at=None).exclude(state__in=FINAL_RUN_STATES)
    open_refills = Refill.objects.filter(status__in=Refill.OPEN)
    in_doubt = RefillPart.objects.filter(sent_at__isnull=False, provider_refill="", status__in=Refill.OPEN)
    return [
        *runs.values_list("pk", "state", "alarm"),
        *open_refills.exclude(pk__in=in_doubt.values("refill")).values_list("pk", "status"),
        *Cancellation.objects.filter(forward_at__isnull=False).values_list("order", "tries"),
    ]


def check_at_rest(scene: Scene, *, given_back: set[int], misreported: set[tuple[int, str]]) -> None:
    """Check that the books and we agree one to one, and that the customer paid for what was delivered and no more.

    :param given_back: orders that staff ended and gave back, whatever was delivered.
    :param misreported: (provider, its order) of which it said what was not so.
    """
    assert not scene.open_reviews()
    runs = {
        (run.provider_id, run.provider_order): run
        for run in Run.objects.exclude(provider_order="").select_related("order")
    }
    in_books = {(panel.provider.pk, taken.id): taken for panel in scene.panels for taken in panel.taken}
    assert runs.keys() == in_books.keys(), "the books and our runs do not agree"
    for key, taken in in_books.items():
        assert (taken.link, taken.quantity) == (runs[key].order.link, runs[key].quantity)
    for order in scene.orders():
        if order.pk in given_back:
            assert (order.status, order.refunded) == ("Canceled", order.charge)
        else:
            _check_delivered(scene, order, misreported)


def _check_held(run: Run, order: Order) -> None:
    """Check that a run is held because nobody left sells it without a loss."""
    assert run.held_at is not None
    refused = run.attempts.filter(state=Attempt.State.REJECTED).values("route")
    brings = order.charge * run.quantity / order.quantity
    for route in order.service.routes.exclude(pk__in=refused):
        assert route.cost * run.quantity / 1000 > brings, f"run {run.pk} is held, and could be sent by {route}"


def _check_delivered(scene: Scene, order: Order, misreported: set[tuple[int, str]]) -> None:
    undelivered = 0
    for run in order.runs.all():
        if run.state == RunState.QUEUED:
            _check_held(run, order)
        elif not run.provider_order:
            undelivered += run.quantity
        elif (run.provider_id, run.provider_order) not in misreported:
            report = scene.panel_of(run.provider_id).fake.book.report(run.provider_order)
            assert report is not None
            assert report["remains"] == str(run.remains)
            assert report["status"].lower() == run.state
            undelivered += int(report["remains"])
        else:
            undelivered += run.remains
    assert order.refunded == owed(order, undelivered=undelivered), f"order {order.pk}: not what was delivered"
