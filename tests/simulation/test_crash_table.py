"""Every point at which a worker can die, during every fault of a provider: the exhaustive table.

One order is placed; its worker dies at the point while the provider fails in the given way, new workers come, leases
expire, and staff decide by the provider's book. In the end the order was delivered once, or given back whole.
"""

import itertools
import os
from decimal import Decimal

import pytest

from orders import cancellations, refills, submission, tracking
from orders.models import Attempt, Refill, RefillPart, Run
from orders.transitions import RunState
from tests.fake_provider.faults import FAULTS
from tests.fixtures import balance_of
from tests.simulation.checks import check_after_step, check_at_rest, come_to_rest
from tests.simulation.death import dying_at
from tests.simulation.scene import UNREACHABLE, Scene, list_faults

pytestmark = pytest.mark.django_db

FUNDS = Decimal(20)
EVERY_FAULT = [None, *list_faults()]
# What an order comes to at the panel, by the fault. Each fault stands here: a new one needs an opinion.
TAKEN = {None, *(name for name in FAULTS if name.startswith("accept_"))}
REFUSED = {"refuse"}
LATER = {"refuse_for_now", "rate_limited", "link_busy", UNREACHABLE}
NEVER_ARRIVED = {"hang", "reset", "http_500", "html", "redirect", "drip", "unknown_error", "reused_id"}
# The fault changes nothing about the answer to `add`, or the answer is an id: the worker lives on after the call.
ANSWERS_WITH_ID = {None, "reused_id", "accept_negative", "accept_absurd", "accept_flapping"}
# The answer to `status` says something that is new and can be true.
REPORTS = {None, "accept_flapping"}
NOT_NOW = {"refuse_for_now", "rate_limited", UNREACHABLE}
# Staff may send again or give back what is absent: in turns, or with SIMULATION_FULL both in every cell.
IS_FULL = bool(os.environ.get("SIMULATION_FULL"))
SUBMITTING = ["after_claim", "in_claim", "before_send", "after_send", "in_record", "after_record"]


@pytest.fixture
def scene(fakes, monkeypatch):
    """The world, in which each cell of a row of the table is tried and undone."""
    return Scene(fakes, monkeypatch, funds=str(FUNDS))


def buy(scene, name):
    return scene.buy(scene.likes, link=f"https://example.com/{name}")


def end(scene, order, *, absent="resend"):
    """Let everything come to its end and say what became of the order."""
    come_to_rest(scene, absent=absent)
    check_after_step(scene, funds=FUNDS)
    check_at_rest(scene, given_back=set(), misreported=set())
    order.refresh_from_db()
    times = sum(len(panel.fake.book.orders_for(order.link)) for panel in scene.panels)
    return order.status, times, order.charge - order.refunded


def expected_end(point, fault, absent):
    """Say what must become of an order.

    A worker that dies before the call leaves a doubt, and the fault meets the second call. One that dies while it
    records leaves a doubt too, whatever it was told.
    """
    given_back = ("Canceled", 0, 0)
    delivered = ("Completed", 1, Decimal("0.73"))
    if point in ("after_claim", "before_send") and absent == "refund":
        return given_back
    is_recorded = point != "in_record"
    if fault in REFUSED and is_recorded:
        return given_back
    in_doubt = fault in NEVER_ARRIVED or (not is_recorded and fault not in TAKEN)
    return given_back if in_doubt and absent == "refund" else delivered


def test_each_fault_has_its_place_in_the_table():
    places = [TAKEN, REFUSED, LATER, NEVER_ARRIVED]
    assert sorted(map(str, EVERY_FAULT)) == sorted(str(fault) for place in places for fault in place)


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_a_worker_that_dies_while_it_sends(scene, fault):
    if fault == "reused_id":  # there must be one
        earlier = buy(scene, "earlier")
        submission.submit_next()
        assert end(scene, earlier)[0] == "Completed"
    for point, absent in itertools.product(SUBMITTING, ["resend", "refund"]):
        is_other = (SUBMITTING.index(point) + EVERY_FAULT.index(fault)) % 2 == (absent == "resend")
        if is_other and not IS_FULL:
            continue
        with scene.undone():
            order = buy(scene, "this")
            with scene.failing(fault, action="add"):
                with dying_at(point) as death:
                    submission.submit_next()
                assert death.has_come == (point != "after_send" or fault in ANSWERS_WITH_ID), (point, absent)
                # The next worker, while the panel still fails if nobody has met the fault yet.
                scene.pass_time(100)
                submission.expire_leases()
                check_after_step(scene, funds=FUNDS)
                for item in scene.open_reviews():
                    scene.decide(item, absent=absent)
                submission.submit_next()

            assert end(scene, order, absent=absent) == expected_end(point, fault, absent), (point, absent)


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_a_worker_that_dies_while_it_asks(scene, fault):
    order = buy(scene, "partial")
    submission.submit_next()
    scene.pass_time(10)
    for point in ["after_ask", "in_report", "after_report"]:
        with scene.undone():
            with scene.failing(fault, action="status"), dying_at(point) as death:
                tracking.track_due()

            assert death.has_come == (point == "after_ask" or fault in REPORTS), point
            check_after_step(scene, funds=FUNDS)
            assert end(scene, order) == ("Partial", 1, Decimal("0.43800")), point


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_a_worker_that_dies_while_it_forwards_a_cancellation(scene, fault):
    order = buy(scene, "slow")
    submission.submit_next()
    scene.pass_time(100)
    tracking.track_due()
    cancellations.request_cancellation(user_id=scene.customer.pk, order_id=order.pk)
    order.refresh_from_db()
    assert order.refunded == 0  # nothing is given back on a request alone
    for point in [None, "after_forward"]:
        with scene.undone():
            with scene.failing(fault, action="cancel"), dying_at(point) as death:
                cancellations.forward_cancellations()

            assert death.has_come == (point is not None)
            (taken,) = scene.panels[0].fake.book.orders_for(order.link)
            assert (taken.canceled_at is not None) == (fault in TAKEN), point
            check_after_step(scene, funds=FUNDS)
            # Stopped 100 s after it was taken: 96 of 600 were delivered. Or never, and all was.
            ended = ("Partial", 1, Decimal("0.11680")) if fault in TAKEN else ("Completed", 1, Decimal("0.73"))
            assert end(scene, order) == ended, point


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_a_worker_that_dies_while_it_sends_a_refill(scene, fault):
    order = scene.buy(scene.followers, link="https://example.com/dropped")
    come_to_rest(scene)
    refill_id = refills.request_refill(user_id=scene.customer.pk, order_id=order.pk)
    for point in [None, "after_refill"]:
        with scene.undone():
            with scene.failing(fault, action="refill"), dying_at(point) as death:
                refills.process_refills()

            is_answered = fault in ANSWERS_WITH_ID - {"reused_id"}
            assert death.has_come == (point is not None and is_answered)
            come_to_rest(scene)
            check_after_step(scene, funds=FUNDS)
            part = RefillPart.objects.get(refill=refill_id)
            (taken,) = scene.panels[0].fake.book.orders_for(order.link)
            status = Refill.objects.get(pk=refill_id).status
            if fault in NOT_NOW or (is_answered and not death.has_come):
                assert (status, list(taken.refills)) == ("Completed", [part.provider_refill]), point
            else:
                # Nobody knows whether it is there, so it is not sent again: staff decide.
                assert (part.provider_refill, part.sent_at is None) == ("", False), point
                assert status in Refill.OPEN
                assert len(taken.refills) == (fault in TAKEN)


def test_a_worker_that_stands_still_and_wakes_up_sends_nothing_twice(scene):
    order = buy(scene, "this")
    claim = submission.claim_next()
    scene.pass_time(100)
    submission.expire_leases()
    (item,) = scene.open_reviews()
    scene.decide(item, absent="resend")
    assert submission.submit_next()

    submission.send(claim)

    assert Run.objects.get(order=order).state == RunState.SUBMITTED
    assert Attempt.objects.filter(run__order=order).count() == 2
    assert end(scene, order) == ("Completed", 1, Decimal("0.73"))
    assert balance_of(scene.customer) == FUNDS - Decimal("0.73")
