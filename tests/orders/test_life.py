"""Any order of events leads to a legal state in which every cent is explained.

Hypothesis plays customers, workers that die, a provider that answers anything, and staff; after every step
the ledger is audited and each order compared with its runs.
"""

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts import registration
from accounts.models import User
from orders import cancellations, placement, pricing, queries, reviews, submission, tracking
from orders.models import Attempt, Order, ReviewItem, Run
from orders.transitions import FINAL_RUN_STATES, RunState, derive_status
from panel.errors import DomainError
from providers.adapter import Report, ReportedStatus
from providers.errors import Ambiguous, NotSent, Refused
from providers.sandbox import Sandbox
from tests.fixtures import LINK, PASSWORD, balance_of, funded
from wallet import audit

NAMES = itertools.count()
FUNDS = Decimal(20)
OUTCOMES = st.sampled_from(["accept", "accept", "accept", "refuse", "lose", "not sent", "die before", "die after"])


class WorkerDied(BaseException):
    """kill -9 in the middle of a call."""


class Life(RuleBasedStateMachine):
    """One customer, one service, and everything that can happen between them."""

    service_id: int
    staff_id: int
    monkeypatch: pytest.MonkeyPatch

    @initialize()
    def arrive(self):
        name = f"life-{next(NAMES)}"
        self.customer = registration.register_customer(username=name, email=f"{name}@example.com", password=PASSWORD)
        funded(self.customer, str(FUNDS))
        # Earlier examples of this test leave their runs; nobody works on them any more.
        Run.objects.filter(state=RunState.QUEUED).update(due_at=Now() + timedelta(days=1))

    def orders(self):
        return Order.objects.filter(customer=self.customer).order_by("pk")

    def pick(self, data, things):
        things = list(things)
        return data.draw(st.sampled_from(things)) if things else None

    @rule(quantity=st.integers(min_value=1, max_value=9000), runs=st.sampled_from([None, None, 2, 5]))
    def order(self, quantity, runs):
        before = balance_of(self.customer)
        try:
            placement.place_order(
                buyer=queries.load_buyer(self.customer.pk),
                draft=placement.Draft(
                    service_id=self.service_id,
                    link=LINK,
                    quantity=quantity,
                    runs=runs,
                    interval_minutes=runs and 1,
                ),
            )
        except DomainError:
            assert balance_of(self.customer) == before

    @rule(outcome=OUTCOMES)
    def work(self, outcome):
        Run.objects.filter(order__customer=self.customer, state=RunState.QUEUED).update(due_at=Now())

        def add(sandbox, **sent):
            if outcome == "refuse":
                raise Refused("no")
            if outcome == "lose":
                raise Ambiguous("timed out")
            if outcome == "not sent":
                raise NotSent("connection refused")
            if outcome in ("die before", "die after"):
                raise WorkerDied
            return f"P-{next(NAMES)}"

        self.monkeypatch.setattr(Sandbox, "add", add)
        try:
            submission.submit_next()
        except WorkerDied:
            pass

    @rule()
    def sweep(self):
        Attempt.objects.filter(state=Attempt.State.IN_FLIGHT).update(lease_until=Now())
        submission.expire_leases()

    @rule(data=st.data(), status=st.sampled_from(ReportedStatus), remains=st.integers(min_value=-1, max_value=9001))
    def report(self, data, status, remains):
        run = self.pick(data, Run.objects.filter(order__customer=self.customer).exclude(provider_order=""))
        if run is not None:
            times = data.draw(st.integers(min_value=1, max_value=2))
            for _ in range(times):
                tracking.record_report(run.pk, Report(status=status, start_count=None, remains=remains))

    @rule(data=st.data())
    def cancel(self, data):
        order = self.pick(data, self.orders())
        if order is not None:
            try:
                cancellations.request_cancellation(user_id=self.customer.pk, order_id=order.pk)
            except DomainError:
                pass

    @rule(data=st.data())
    def staff_cancel(self, data):
        order = self.pick(data, self.orders())
        if order is not None:
            try:
                cancellations.cancel_and_refund(order_id=order.pk, reason="x", actor_id=self.staff_id)
            except DomainError:
                pass

    @rule(data=st.data(), decision=st.sampled_from(["found", "resend", "refund"]))
    def decide(self, data, decision):
        item = self.pick(data, ReviewItem.objects.filter(attempt__run__order__customer=self.customer, resolved_at=None))
        if item is None:
            return
        facts = {"item_id": item.pk, "reason": "x", "actor_id": self.staff_id}
        if decision == "found":
            reviews.resolve_found(provider_order=f"P-{next(NAMES)}", **facts)
        elif decision == "resend":
            reviews.resolve_resend(**facts)
        else:
            reviews.resolve_refund(**facts)

    @invariant()
    def every_cent_is_explained(self):
        result = audit.audit_ledger()
        assert result.is_clean, result.findings
        if not hasattr(self, "customer"):
            return
        sums = self.orders().aggregate(charge=Sum("charge"), refunded=Sum("refunded"))
        assert balance_of(self.customer) == FUNDS - (sums["charge"] or 0) + (sums["refunded"] or 0)

    @invariant()
    def orders_say_what_their_runs_say(self):
        if not hasattr(self, "customer"):
            return
        for order in self.orders().prefetch_related("runs"):
            runs = [(RunState(run.state), run.quantity, run.remains) for run in order.runs.all()]
            assert order.status == derive_status(runs)
            assert order.remains == sum(remains for _, _, remains in runs)
            undelivered = sum(remains for state, _, remains in runs if state in FINAL_RUN_STATES)
            owed = pricing.refund_due(
                charge=order.charge, quantity=order.quantity, undelivered=undelivered, refunded=order.refunded
            )
            assert owed == 0, "a refund is owed and was not posted"

    @invariant()
    def nothing_unknown_is_hidden(self):
        unknown = set(Run.objects.filter(state=RunState.UNKNOWN).values_list("pk", flat=True))
        in_review = set(ReviewItem.objects.filter(resolved_at=None).values_list("attempt__run_id", flat=True))
        assert unknown == in_review


@pytest.mark.django_db
def test_any_order_of_events(usd, followers, monkeypatch):
    Life.service_id = followers.pk
    Life.staff_id = User.objects.create(username="staff", is_staff=True).pk
    Life.monkeypatch = monkeypatch
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
