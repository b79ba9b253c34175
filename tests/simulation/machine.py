"""What may happen next: customers, workers, panels, staff, death and time, as rules for Hypothesis."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import pytest
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from catalog import snapshot
from catalog.models import Route
from orders import cancellations, holds, rechecking, refills, routing, submission, tracking, watching
from orders.models import Attempt, Order, OrderEvent, Refill, ReviewItem, Run
from orders.transitions import RunState
from panel.errors import DomainError
from panel.money import round_half_up
from providers import health
from providers.adapter import Report, ReportedStatus
from providers.models import Provider
from tests.fake_provider.server import FakeProvider
from tests.fixtures import balance_of, call_api
from tests.simulation.checks import check_after_step, check_at_rest, come_to_rest
from tests.simulation.death import dying_at
from tests.simulation.scene import COST, Scene, list_faults

T = TypeVar("T")

FUNDS = Decimal(20)
FAULTS = st.one_of(st.none(), st.none(), st.sampled_from(list_faults()))
WHICH = st.integers(min_value=0, max_value=99)  # of the things there are; the rest of a division
PURCHASES = st.tuples(
    st.sampled_from(["followers", "followers", "followers", "likes", "stubborn", "comments"]),
    st.integers(min_value=10, max_value=6000),
    st.sampled_from([None, None, 2, 5]),
    st.sampled_from(["", "", "partial", "cancel", "slow", "norefill", "partial-norefill"]),
)
ORDERS_MAX = 6  # more cost time and meet no more of each other
TASKS: dict[str, Callable[[], object]] = {
    "submit": submission.submit_next,
    "track": tracking.track_due,
    "forward": cancellations.forward_cancellations,
    "refill": refills.process_refills,
    "recheck": lambda: (rechecking.recheck_finished(), holds.recheck_held()),
    "sweep": lambda: (submission.expire_leases(), routing.reroute_waiting(seconds=5), watching.flag_stuck()),
}
SENDING = ("before_send", "after_send", "in_record", "after_record")
# What a worker does, and where it dies on the way, if it does.
WORK: list[tuple[str, str | None]] = [
    *[("submit", None)] * 8,
    *[("submit", point) for point in ("after_claim", "in_claim", *SENDING)],
    *[("track", None)] * 4,
    *[("track", point) for point in ("after_ask", "in_report", "after_report")],
    ("forward", None),
    ("forward", "after_forward"),
    ("refill", None),
    ("refill", "after_refill"),
    ("recheck", None),
    ("recheck", "in_report"),
    *[("sweep", None)] * 2,
    ("sweep", "in_record"),
]


class _Before:
    """What a worker must respect: who takes orders, and what things cost."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.attempts = set(Attempt.objects.values_list("pk", flat=True))
        is_open = set(Provider.objects.filter(health.takes_orders()).values_list("pk", flat=True))
        self.closed = [panel for panel in scene.panels if panel.provider.pk not in is_open]
        self.sent = [len(panel.fake.calls("add")) for panel in self.closed]

    def compare(self) -> None:
        """Check what was done since."""
        assert self.sent == [len(panel.fake.calls("add")) for panel in self.closed], "sent to a panel that takes none"
        for attempt in Attempt.objects.exclude(pk__in=self.attempts).select_related("route", "run"):
            assert attempt.cost == round_half_up(attempt.route.cost * attempt.run.quantity / 1000)


class Life(RuleBasedStateMachine):
    """One example: a life of some orders. The world is made in a savepoint and is gone afterwards."""

    fakes: ClassVar[list[FakeProvider]]
    monkeypatch: ClassVar[pytest.MonkeyPatch]
    seen: ClassVar[Counter[str]]  # what happened in all lives, to see that the rules reach everything

    @initialize(purchases=st.lists(PURCHASES, min_size=1, max_size=4))
    def begin(self, purchases: list[tuple[str, int, int | None, str]]) -> None:
        self.savepoint = transaction.savepoint()
        snapshot._current = None
        self.scene = Scene(self.fakes, self.monkeypatch, funds=str(FUNDS))
        self.stopped: list[Callable[[], None]] = []  # workers that stand still and will go on
        self.reports: list[tuple[int, Report]] = []
        self.given_back: set[int] = set()
        self.misreported: set[tuple[int, str]] = set()
        self.placed = 0
        for purchase in purchases:
            self.buys(purchase)

    def teardown(self) -> None:
        if not hasattr(self, "savepoint"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.end()
            self.seen.update(f"run {state}" for state in Run.objects.values_list("state", flat=True))
            self.seen.update(f"attempt {state}" for state in Attempt.objects.values_list("state", flat=True))
            self.seen.update(f"review {how}" for how in ReviewItem.objects.values_list("resolution", flat=True))
            self.seen.update(f"refill {how}" for how in Refill.objects.values_list("status", flat=True))
            self.seen.update(f"event {kind}" for kind in OrderEvent.objects.values_list("kind", flat=True))
        finally:
            if connection.needs_rollback:
                connection.set_rollback(False)
            transaction.savepoint_rollback(self.savepoint)

    def end(self) -> None:
        self.scene.pass_time(100)
        while self.stopped:
            self.stopped.pop()()
            check_after_step(self.scene, funds=FUNDS)
        come_to_rest(self.scene)
        check_after_step(self.scene, funds=FUNDS)
        check_at_rest(self.scene, given_back=self.given_back, misreported=self.misreported)

    @invariant()
    def all_is_well(self) -> None:
        if hasattr(self, "scene"):
            check_after_step(self.scene, funds=FUNDS)
            self.scene.take_back_time()

    # Customers.

    @precondition(lambda self: self.placed < ORDERS_MAX)
    @rule(purchase=PURCHASES)
    def buys(self, purchase: tuple[str, int, int | None, str]) -> None:
        service, quantity, runs, word = purchase
        self.placed += 1
        on_sale = getattr(self.scene, service)
        params: dict[str, Any] = {"service": on_sale.pk, "link": f"https://example.com/{self.placed}/{word}"}
        if service == "comments":
            quantity = 1 + quantity % 10
            params["comments"] = "\n".join(f"comment {number}" for number in range(quantity))
        else:
            params["quantity"] = quantity
        if runs and service == "followers":
            params |= {"runs": runs, "interval": 1}
        before = balance_of(self.scene.customer)
        answer = call_api(self.scene.customer, action="add", **params)
        order = Order.objects.filter(link=params["link"]).first()
        if order is None:
            assert list(answer) == ["error"]
            assert balance_of(self.scene.customer) == before
        else:
            assert answer == {"order": order.pk}
            assert order.quantity == quantity
            assert order.charge == round_half_up(on_sale.rate * quantity / 1000)

    @rule(which=WHICH, what=st.sampled_from(["cancel", "cancel", "refill", "refill", "status"]))
    def asks(self, which: int, what: str) -> None:
        for order in _pick(self.scene.orders(), which):
            ids = {"orders" if what == "cancel" else "order": order.pk}
            answer = call_api(self.scene.customer, action=what, **ids)
            if what == "status":
                assert (answer["status"], int(answer["remains"])) == (order.status, order.remains)
                assert Decimal(answer["charge"]) == order.charge - order.refunded
            elif what == "cancel" and answer == [{"order": order.pk, "cancel": 1}]:
                assert not order.runs.filter(state=RunState.QUEUED).exists(), "canceled, and a run is still queued"

    # Workers. A task may come twice, and its worker may die on the way.

    @contextmanager
    def _dying_at(self, point: str | None) -> Iterator[None]:
        with dying_at(point) as death:
            yield
        if death.has_come:
            self.seen[f"died {point}"] += 1

    @contextmanager
    def _failing(self, fault: str | None) -> Iterator[None]:
        with self.scene.failing(fault):
            yield
        self.seen.update(f"fault {name}" for name in self.scene.met)

    def works(self, work: tuple[str, str | None], fault: str | None, times: int, after: int) -> None:
        task, death = work
        if after:
            self.scene.pass_time(after)
        self._remember_reports()
        before = _Before(self.scene)
        with self._failing(fault):
            for _ in range(times):
                with self._dying_at(death):
                    TASKS[task]()
        before.compare()

    WORK = rule(
        work=st.sampled_from(WORK),
        fault=FAULTS,
        times=st.sampled_from([1, 1, 1, 2, 3]),
        after=st.sampled_from([0, 0, 3, 8, 21]),
    )
    # There is more work than anything else.
    works_1, works_2, works_3, works_4 = WORK(works), WORK(works), WORK(works), WORK(works)

    @rule(which=WHICH, times=st.integers(min_value=1, max_value=2))
    def records_an_old_report(self, which: int, times: int) -> None:
        for run_id, report in _pick(self.reports, which) * times:
            tracking.record_report(run_id, report)

    @rule(
        which=WHICH,
        status=st.sampled_from(ReportedStatus),
        remains=st.integers(min_value=-1, max_value=6001),
        times=st.integers(min_value=1, max_value=2),
    )
    def is_told_anything(self, which: int, status: ReportedStatus, remains: int, times: int) -> None:
        """Let a panel say of a run what is not so. If it can be true, nobody on our side knows better."""
        for run in _pick(Run.objects.exclude(provider_order="").order_by("pk"), which):
            for _ in range(times):
                tracking.record_report(run.pk, Report(status, start_count=None, remains=remains))
            self.misreported.add((run.provider_id, run.provider_order))

    @rule(
        point=st.sampled_from(["before_send", "in_record"]),
        fault=st.sampled_from([None, "refuse", "refuse_for_now"]),
        seconds=st.sampled_from([0, 21, 72]),
        absent=st.sampled_from([None, "resend", "refund"]),
    )
    def stops_in_the_middle(self, point: str, fault: str | None, seconds: int, absent: str | None) -> None:
        """Let a worker stand still before it sends, or with the answer in its hands; others go on meanwhile."""
        claim = submission.claim_next()
        if claim is None:
            return
        if point == "before_send":
            self.stopped.append(lambda: submission.send(claim))
        else:
            self._stop_with_an_answer(claim, point, fault)
        self.scene.pass_time(seconds)
        submission.expire_leases()
        for item in self.scene.open_reviews() if absent else []:
            self.scene.decide(item, absent=absent)

    def _stop_with_an_answer(self, claim: submission.Claim, point: str, fault: str | None) -> None:
        with self._failing(fault), dying_at(point):
            submission.send(claim)
        if fault is None:
            (taken,) = self.scene.find_unclaimed(provider_id=claim.provider.pk, run=claim.run)[-1:]
            self.stopped.append(lambda: submission.record_accepted(claim, provider_order=taken.id))
        elif fault == "refuse":
            self.stopped.append(lambda: submission.record_rejected(claim, evidence="no"))
        else:
            retry_after = submission.RETRY_FIRST
            self.stopped.append(lambda: submission.record_deferred(claim, evidence="not now", retry_after=retry_after))

    @rule(which=WHICH, fault=FAULTS, death=st.sampled_from([None, None, *SENDING]))
    def goes_on(self, which: int, fault: str | None, death: str | None) -> None:
        for go_on in _pick(self.stopped, which):
            self.stopped.remove(go_on)
            with self._failing(fault), self._dying_at(death):
                go_on()
            self.seen["went on"] += 1

    # Staff, panels, time.

    @rule(which=WHICH, absent=st.sampled_from(["resend", "refund"]))
    def decides(self, which: int, absent: str) -> None:
        for item in _pick(self.scene.open_reviews(), which):
            self.scene.decide(item, absent=absent)

    @rule(which=WHICH, what=st.sampled_from(["release", "release", "release", "give back"]))
    def manages(self, which: int, what: str) -> None:
        """Let staff send what is held, or end an order and give the money back."""
        if what == "release":
            for run in _pick(Run.objects.filter(held_at__isnull=False).order_by("pk"), which):
                holds.release_run(run_id=run.pk, reason="send it", actor_id=self.scene.staff.pk)
            return
        for order in _pick(self.scene.orders(), which):
            try:
                cancellations.cancel_and_refund(order_id=order.pk, reason="unhappy", actor_id=self.scene.staff.pk)
            except DomainError:
                return
            self.given_back.add(order.pk)

    @rule(
        which=st.sampled_from([0, 1]),
        cost=st.sampled_from([COST, COST, Decimal("0.80"), Decimal(9)]),
        is_active=st.sampled_from([True, True, False]),
    )
    def changes_a_panel(self, which: int, cost: Decimal, is_active: bool) -> None:
        provider = self.scene.panels[which].provider
        Route.objects.filter(provider=provider).update(cost=cost)
        Provider.objects.filter(pk=provider.pk).update(is_active=is_active)

    @rule(seconds=st.sampled_from([1, 8, 41, 72, 72, 703, 4003]))
    def passes(self, seconds: int) -> None:
        self.scene.pass_time(seconds)

    def _remember_reports(self) -> None:
        """Keep what a worker may be about to hear, to be recorded much later."""
        for run in Run.objects.exclude(provider_order="").order_by("pk"):
            said = self.scene.panel_of(run.provider_id).fake.book.report(run.provider_order)
            if said is not None:
                status, remains = ReportedStatus(said["status"]), int(said["remains"])
                self.reports.append((run.pk, Report(status, start_count=None, remains=remains)))


def _pick(things: Iterable[T], which: int) -> list[T]:
    """Pick one by number, or none of none: what there is must not decide how much Hypothesis draws."""
    found = list(things)
    return [found[which % len(found)]] if found else []
