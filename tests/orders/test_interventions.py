"""What staff do to orders by hand: what each thing does, what it refuses, and that nothing moves then."""

import threading
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from catalog.models import Route
from orders import cancellations, interventions, reviews, settlement, submission
from orders.errors import (
    CancelUnderWay,
    LinkUnusable,
    NothingToChange,
    OrderHasEnded,
    OrderNotFound,
    RemainsImpossible,
    RouteLosesMoney,
    RouteNotOffered,
    RunAtProvider,
    RunInFlight,
    RunNotSent,
    StartCountImpossible,
)
from orders.models import Cancellation, Order, OrderEvent, ReviewItem, Run
from orders.transitions import RunState
from providers.models import Provider, SandboxOrder
from tests.fixtures import LINK, balance_of, nothing_moves
from tests.orders.conftest import event_kinds, order_of, report, submitted
from wallet import audit
from wallet.errors import ReasonMissing

pytestmark = pytest.mark.django_db

OTHER_LINK = "https://instagram.com/other_handle"
REASON = "asked for in ticket 7"


@pytest.fixture
def order(customer, followers):
    return order_of(customer, followers)


@pytest.fixture
def dripfeed(customer, followers):
    """Four runs of 250, the first of which a provider has."""
    order = order_of(customer, followers, quantity=1000, runs=4, interval_minutes=60)
    submitted(order)
    return order


@pytest.fixture
def backup():
    return Provider.objects.create(name="Backup", kind=Provider.Kind.SANDBOX)


def add_route(service, provider, **changes):
    return Route.objects.create(service=service, provider=provider, provider_service="b-1", priority=2, **changes)


def change_link(order, link=OTHER_LINK, *, reason=REASON, staff=None):
    return interventions.change_link(order_id=order.pk, link=link, reason=reason, actor_id=staff and staff.pk)


def set_start_count(order, start_count=500, *, reason=REASON, staff=None):
    interventions.set_start_count(
        order_id=order.pk, start_count=start_count, reason=reason, actor_id=staff and staff.pk
    )


def set_partial(order, remains=400, *, reason=REASON, staff=None):
    return interventions.set_partial(order_id=order.pk, remains=remains, reason=reason, actor_id=staff and staff.pk)


def complete(order, *, reason=REASON, staff=None):
    interventions.complete(order_id=order.pk, reason=reason, actor_id=staff and staff.pk)


def resend(order, *, reason=REASON, staff=None):
    return interventions.resend(order_id=order.pk, reason=reason, actor_id=staff and staff.pk)


def move(order, provider=None, *, reason=REASON, staff=None, **changes):
    return interventions.move_to_provider(
        order_id=order.pk,
        provider_id=provider.pk if provider else Provider.objects.get(name="Sandbox").pk,
        reason=reason,
        actor_id=staff and staff.pk,
        **changes,
    )


def request_cancel(order, *, reason=REASON, staff=None):
    return cancellations.request_cancel_at_provider(order_id=order.pk, reason=reason, actor_id=staff and staff.pk)


EVERYTHING = [change_link, set_start_count, set_partial, complete, resend, move, request_cancel]


@contextmanager
def refused(error):
    """Expect a refusal after which all of the orders and their runs is as it was."""

    def read():
        return list(Order.objects.order_by("pk").values()), list(Run.objects.order_by("pk").values())

    before = read()
    with nothing_moves(), pytest.raises(error) as caught:
        yield caught
    assert read() == before
    assert audit.audit_ledger().is_clean


def make_unknown(order):
    claim = submission.claim_next()
    submission.record_unknown(claim.attempt.pk, evidence="read timed out")
    return claim.run


@pytest.mark.parametrize("intervene", EVERYTHING)
@pytest.mark.parametrize("reason", ["", " \n"])
def test_needs_a_reason(order, intervene, reason):
    with refused(ReasonMissing):
        intervene(order, reason=reason)


@pytest.mark.parametrize("intervene", EVERYTHING)
def test_refuses_an_order_that_is_not_there(order, intervene):
    with refused(OrderNotFound):
        intervene(Order(pk=order.pk + 1))


@pytest.mark.parametrize("intervene", [change_link, resend, request_cancel])
def test_tells_who_did_it_and_why(order, staff, intervene):
    intervene(order, staff=staff)

    event = order.events.get(kind=OrderEvent.Kind.STAFF)
    assert (event.actor, event.data["reason"]) == (staff, REASON)


@pytest.mark.parametrize("intervene", [set_start_count, set_partial, complete])
def test_tells_who_did_it_and_why_of_what_a_provider_has(order, staff, intervene):
    submitted(order)

    intervene(order, staff=staff)

    event = order.events.get(kind=OrderEvent.Kind.STAFF)
    assert (event.actor, event.data["reason"]) == (staff, REASON)


@pytest.mark.parametrize("intervene", [change_link, set_partial, complete, resend, move])
def test_refuses_while_a_run_is_being_sent(order, intervene):
    submission.claim_next()

    with refused(RunInFlight):
        intervene(order)


@pytest.mark.parametrize("intervene", [change_link, set_partial, complete, resend, move])
def test_refuses_while_a_run_is_in_review(order, intervene):
    make_unknown(order)

    with refused(RunInFlight):
        intervene(order)


@pytest.mark.parametrize("intervene", [change_link, resend, move])
def test_refuses_what_a_provider_has(order, intervene):
    submitted(order)

    with refused(RunAtProvider):
        intervene(order)


@pytest.mark.parametrize("intervene", [change_link, set_partial, complete, resend, move])
def test_refuses_what_is_canceled(customer, order, intervene):
    cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)

    with refused(OrderHasEnded):
        intervene(order)


@pytest.mark.parametrize("intervene", [change_link, set_partial, complete, resend, move])
def test_refuses_what_every_route_has_refused(order, intervene):
    claim = submission.claim_next()
    submission.record_rejected(claim, evidence="bad link")
    assert Run.objects.get().state == "rejected"

    with refused(OrderHasEnded):
        intervene(order)


# The link


def test_link_is_changed_before_it_is_sent(order):
    assert change_link(order, f" {OTHER_LINK}\n") == [1]

    submission.submit_next()
    assert SandboxOrder.objects.get().link == OTHER_LINK
    event = order.events.get(kind=OrderEvent.Kind.STAFF)
    assert (event.data["old"], event.data["new"], event.data["runs"]) == (LINK, OTHER_LINK, [1])


def test_link_is_changed_for_the_runs_that_have_not_left(dripfeed):
    assert change_link(dripfeed) == [2, 3, 4]


@pytest.mark.parametrize("link", ["", "  ", "https://x.com/\x00", "https://x.com/a\nb", "x" * 2049])
def test_link_must_be_one(order, link):
    with refused(LinkUnusable):
        change_link(order, link)


def test_link_must_be_another_one(order):
    with refused(NothingToChange):
        change_link(order, LINK)


@pytest.mark.django_db(transaction=True)
def test_link_that_changes_while_the_run_is_claimed(order):
    """The claim reads order and run in one query; the link is changed after that query has read the order."""
    seen = []

    def choose_late(*arguments, **options):
        if not seen:
            seen.append(Order.objects.get().link)
            # In life the change has waited for no lock: it was committed while the claim waited for the run's row.
            connection_of_another = threading.Thread(target=change_elsewhere)
            connection_of_another.start()
            connection_of_another.join(10)
        return choose(*arguments, **options)

    def change_elsewhere():
        Order.objects.update(link=OTHER_LINK)
        connection.close()

    choose = submission.routing.choose_route
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submission.routing, "choose_route", choose_late)
        submission.submit_next()

    assert seen == [LINK]
    assert SandboxOrder.objects.get().link == OTHER_LINK


# The start count


def test_start_count_is_set_and_stays(order):
    run = submitted(order)
    report(run, "In progress", start_count=120, remains=900)

    set_start_count(order, 500)
    report(run, "In progress", start_count=121, remains=800)

    order.refresh_from_db()
    assert (order.start_count, order.remains, order.status) == (500, 800, "In progress")
    assert order.events.get(kind=OrderEvent.Kind.STAFF).data["old"] == 120


def test_start_count_can_be_set_after_the_end(order):
    report(submitted(order), "Completed")

    set_start_count(order, 0)

    order.refresh_from_db()
    assert (order.start_count, order.status) == (0, "Completed")


@pytest.mark.parametrize("start_count", [-1, 2**63])
def test_start_count_must_be_one(order, start_count):
    with refused(StartCountImpossible):
        set_start_count(order, start_count)


def test_start_count_must_be_another_one(order):
    set_start_count(order, 500)

    with refused(NothingToChange):
        set_start_count(order, 500)


# Partial


@pytest.mark.parametrize("status", ["Pending", "Processing", "In progress"])
def test_partial_ends_the_order_and_refunds(customer, order, status):
    report(submitted(order), status, remains=900)

    assert set_partial(order, 400) == Decimal("0.34")

    order.refresh_from_db()
    assert (order.status, order.remains, order.refunded) == ("Partial", 400, Decimal("0.34"))
    assert balance_of(customer) == Decimal("99.49")
    assert event_kinds(order)[-3:] == ["staff", "finished", "refunded"]
    assert audit.audit_ledger().is_clean


def test_partial_corrects_a_completion(customer, order):
    report(submitted(order), "Completed")

    assert set_partial(order, 1) == Decimal("0.00085")

    order.refresh_from_db()
    assert (order.status, order.remains) == ("Partial", 1)
    assert audit.audit_ledger().is_clean


def test_partial_refunds_what_is_owed_in_all_and_no_more(customer, order):
    report(submitted(order), "Partial", remains=333)
    set_partial(order, 400)

    assert set_partial(order, 999) == Decimal("0.50915")

    order.refresh_from_db()
    assert (order.refunded, order.refund_count) == (Decimal("0.84915"), 3)
    assert balance_of(customer) == Decimal("99.99915")
    assert audit.audit_ledger().is_clean


def test_partial_never_takes_back(order):
    report(submitted(order), "Partial", remains=400)

    with refused(RemainsImpossible) as caught:
        set_partial(order, 399)

    assert (caught.value.least, caught.value.most) == (400, 999)


@pytest.mark.parametrize("remains", [-1, 0, 1000, 1001])
def test_partial_is_neither_all_nor_nothing(order, remains):
    submitted(order)

    with refused(RemainsImpossible):
        set_partial(order, remains)


def test_partial_must_change_something(order):
    report(submitted(order), "Partial", remains=400)

    with refused(NothingToChange):
        set_partial(order, 400)


def test_partial_refuses_what_has_not_left(order):
    with refused(RunNotSent):
        set_partial(order)


def test_partial_of_a_drip_feed_cancels_what_has_not_left(customer, dripfeed):
    assert set_partial(dripfeed, 800) == Decimal("0.68")

    states = list(dripfeed.runs.order_by("number").values_list("state", "remains"))
    assert states == [("partial", 50), ("canceled", 250), ("canceled", 250), ("canceled", 250)]
    dripfeed.refresh_from_db()
    assert (dripfeed.status, dripfeed.remains) == ("Partial", 800)
    assert audit.audit_ledger().is_clean


def test_partial_of_a_drip_feed_counts_what_is_queued_as_undelivered(dripfeed):
    with refused(RemainsImpossible) as caught:
        set_partial(dripfeed, 749)

    assert caught.value.least == 750


def test_partial_takes_from_the_last_runs_first(customer, followers):
    order = order_of(customer, followers, quantity=1000, runs=4, interval_minutes=60)
    for number in range(1, 5):
        order.runs.filter(state="queued").update(due_at=Now())
        report(submitted(order, provider_order=f"P-{number}"), "Completed")

    set_partial(order, 300)

    assert list(order.runs.order_by("number").values_list("state", "remains")) == [
        ("completed", 0), ("completed", 0), ("partial", 50), ("canceled", 250),
    ]  # fmt: skip
    order.refresh_from_db()
    assert (order.status, order.remains, order.refunded) == ("Partial", 300, Decimal("0.255"))


def test_partial_weighs_what_it_gives_back(order):
    report(submitted(order), "Partial", remains=100)
    order.refresh_from_db()

    assert interventions.weigh_partial(order, remains=400) == set_partial(order, 400) == Decimal("0.255")


def test_later_reports_only_favour_the_customer(customer, order):
    run = submitted(order)
    set_partial(order, 400)

    report(run, "Completed")
    report(run, "In progress", remains=10)
    report(run, "Partial", remains=10)
    order.refresh_from_db()
    assert (order.status, order.remains) == ("Partial", 400)

    report(run, "Canceled")
    assert balance_of(customer) == 100
    assert audit.audit_ledger().is_clean


def both_at_once(first, second):
    """Run two operations from two threads that start together; return what they raised."""
    start, failures = threading.Barrier(2), []

    def run(operation):
        start.wait(10)
        try:
            operation()
        except Exception as error:
            failures.append(type(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(operation,)) for operation in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return failures


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_two_refunds_are_posted_for_the_same_units(order):
    """Both have read the order before either wrote: what keeps the money right then is the ledger's key alone."""
    report(submitted(order), "Partial", remains=100)
    both_have_read = threading.Barrier(2)

    def settle_unlocked():
        with transaction.atomic():
            mine = Order.objects.get(pk=order.pk)
            run = mine.runs.get()
            both_have_read.wait(10)
            run.remains = 400
            run.save(update_fields=["remains"])
            settlement.settle(mine, runs=[run])

    assert len(both_at_once(settle_unlocked, settle_unlocked)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("word", ["Partial", "Canceled", "Completed"])
def test_partial_meets_a_report(customer, order, word):
    run = submitted(order)

    failures = both_at_once(lambda: set_partial(order, 400), lambda: report(run, word, remains=500))

    order.refresh_from_db()
    # Whoever came first: the customer has what the worse of the two says, once.
    undelivered = {"Partial": 500, "Canceled": 1000, "Completed": 400}[word]
    assert set(failures) <= {RemainsImpossible, OrderHasEnded}
    assert order.remains == undelivered
    assert order.refunded == Decimal("0.85") * undelivered / 1000
    assert balance_of(customer) == Decimal("99.15") + order.refunded
    assert audit.audit_ledger().is_clean


# Completion


def test_complete_ends_the_order_without_a_refund(customer, order):
    report(submitted(order), "In progress", remains=300)

    complete(order)

    order.refresh_from_db()
    assert (order.status, order.remains, order.refunded) == ("Completed", 0, 0)
    assert order.finished_at is not None
    assert balance_of(customer) == Decimal("99.15")
    assert audit.audit_ledger().is_clean


def test_complete_is_corrected_by_the_provider(customer, order):
    run = submitted(order)
    complete(order)

    report(run, "Partial", remains=400)

    assert balance_of(customer) == Decimal("99.49")


@pytest.mark.parametrize(("word", "remains"), [("Completed", None), ("Partial", 10), ("Canceled", None)])
def test_complete_refuses_what_has_ended(order, word, remains):
    report(submitted(order), word, remains=remains)

    with refused(OrderHasEnded):
        complete(order)


def test_complete_refuses_what_has_not_left(order):
    with refused(RunNotSent):
        complete(order)


def test_complete_refuses_a_drip_feed_whose_runs_wait(dripfeed):
    with refused(RunNotSent):
        complete(dripfeed)


# Sending again


def test_resend_sends_what_was_put_off(order):
    claim = submission.claim_next()
    submission.record_link_busy(claim, evidence="another order for the link")
    assert not submission.submit_next()

    assert resend(order) == [1]

    assert submission.submit_next()
    assert Run.objects.get().state == "submitted"
    assert SandboxOrder.objects.count() == 1


def test_resend_sends_what_is_held_at_any_cost(order):
    Route.objects.update(cost=1)
    assert not submission.submit_next()
    assert Run.objects.get().held_at is not None

    assert resend(order) == [1]

    assert submission.submit_next()
    run = Run.objects.get()
    assert (run.state, run.held_at, run.held_because, run.loss_accepted) == ("submitted", None, "", True)


def test_resend_keeps_the_guard_for_what_was_not_held(order):
    resend(order)
    Route.objects.update(cost=1)

    assert not submission.submit_next()
    assert Run.objects.get().held_at is not None


def test_resend_goes_by_a_route_that_is_sound(order, followers, backup):
    add_route(followers, backup)
    Provider.objects.filter(name="Sandbox").update(is_active=False)

    resend(order)

    assert Run.objects.get().provider == backup
    assert submission.submit_next()


def test_resend_keeps_the_place_in_the_queue(order):
    due_at = Run.objects.get().due_at

    resend(order)

    assert Run.objects.get().due_at == due_at


def test_resend_leaves_the_later_runs_of_a_drip_feed_to_their_time(dripfeed):
    with refused(NothingToChange):
        resend(dripfeed)


def test_resend_sends_the_late_runs_of_a_drip_feed(customer, followers):
    order = order_of(customer, followers, quantity=1000, runs=4, interval_minutes=60)
    submission.record_link_busy(submission.claim_next(), evidence="another order for the link")

    assert resend(order) == [1]

    assert list(order.runs.filter(due_at__lte=Now()).values_list("number", flat=True)) == [1]


# Another provider


def test_move_sends_it_there_first(order, followers, backup):
    route = add_route(followers, backup)

    assert move(order, backup) == [1]

    assert Run.objects.get().provider == backup
    claim = submission.claim_next()
    assert (claim.provider, claim.route) == (backup, route)


def test_move_lets_go_what_is_held(order, followers, backup):
    Route.objects.update(cost=1)
    submission.submit_next()
    add_route(followers, backup)

    move(order, backup)

    run = Run.objects.get()
    assert (run.held_at, run.loss_accepted) == (None, False)
    assert submission.claim_next().provider == backup


def test_move_stays_when_the_other_route_is_sound_and_this_one_waits(order, followers, backup):
    add_route(followers, backup)
    move(order, backup)
    Provider.objects.filter(pk=backup.pk).update(is_active=False)

    submission.routing.reroute_waiting(seconds=5)

    assert Run.objects.get().provider == backup
    assert not submission.submit_next()


def test_move_goes_on_elsewhere_when_it_is_refused_there(order, followers, backup):
    add_route(followers, backup)
    move(order, backup)

    submission.record_rejected(submission.claim_next(), evidence="bad link")

    assert submission.claim_next().provider.name == "Sandbox"


def test_move_takes_the_later_runs_of_a_drip_feed_at_their_time(dripfeed, followers, backup):
    add_route(followers, backup)

    assert move(dripfeed, backup) == [2, 3, 4]

    assert set(dripfeed.runs.exclude(number=1).values_list("provider", flat=True)) == {backup.pk}
    assert not submission.submit_next()
    dripfeed.runs.filter(number=2).update(due_at=Now())
    assert submission.claim_next().provider == backup


@pytest.mark.parametrize("change", [{"is_active": False}, {"gone_at": Now()}, {"min": 1001}, {"max": 999}])
def test_move_refuses_a_route_that_cannot_be_used(order, followers, backup, change):
    add_route(followers, backup, **change)

    with refused(RouteNotOffered):
        move(order, backup)


def test_move_refuses_a_provider_without_a_route(order, backup):
    with refused(RouteNotOffered):
        move(order, backup)


def test_move_refuses_a_route_that_has_refused_it(order, followers, backup):
    add_route(followers, backup)
    submission.record_rejected(submission.claim_next(), evidence="bad link")

    with refused(RouteNotOffered):
        move(order)


def test_move_refuses_a_loss_unless_it_is_accepted(order, followers, backup):
    add_route(followers, backup, cost=1)

    with refused(RouteLosesMoney) as caught:
        move(order, backup)
    assert "costs 1.00000, brings 0.85000" in caught.value.why

    move(order, backup, accept_loss=True)
    assert submission.claim_next().provider == backup


def test_move_of_many_runs_is_all_or_nothing(dripfeed, followers, backup):
    route = add_route(followers, backup)
    run = dripfeed.runs.get(number=4)
    run.due_at = Now()
    run.save(update_fields=["due_at"])
    dripfeed.runs.filter(number=4).update(wanted_route=route, provider=backup)
    submission.record_rejected(submission.claim_next(), evidence="bad link")

    with refused(RouteNotOffered):
        move(dripfeed, backup)


# To have it canceled


def test_request_cancel_asks_the_provider_whatever_the_service_allows(customer, order, followers):
    followers.cancel = False
    followers.save(update_fields=["cancel"])
    submission.submit_next()

    assert request_cancel(order)

    assert cancellations.forward_cancellations() == 1
    assert SandboxOrder.objects.get().canceled_at is not None
    assert balance_of(customer) == Decimal("99.15")


def test_request_cancel_stops_what_is_queued_at_once(customer, dripfeed):
    assert request_cancel(dripfeed)

    assert sorted(dripfeed.runs.values_list("state", flat=True)) == ["canceled", "canceled", "canceled", "submitted"]
    assert balance_of(customer) == Decimal("99.7875")
    assert audit.audit_ledger().is_clean


def test_request_cancel_waits_for_what_is_in_doubt(order):
    make_unknown(order)

    assert request_cancel(order)

    reviews.resolve_resend(item_id=ReviewItem.objects.get().pk, reason=REASON, actor_id=None)
    assert Run.objects.get().state == RunState.CANCELED


def test_request_cancel_refuses_while_it_is_under_way(order):
    submitted(order)
    request_cancel(order)

    with refused(CancelUnderWay):
        request_cancel(order)


def test_request_cancel_asks_again_after_an_answer(order):
    submission.submit_next()
    request_cancel(order)
    cancellations.forward_cancellations()
    Cancellation.objects.update(tries=F("tries") + 3)

    assert request_cancel(order)

    asked = Cancellation.objects.get()
    assert (asked.tries, asked.forward_at is not None) == (0, True)


@pytest.mark.parametrize(("word", "remains"), [("Completed", None), ("Partial", 10), ("Canceled", None)])
def test_request_cancel_refuses_what_has_ended(order, word, remains):
    report(submitted(order), word, remains=remains)

    with refused(OrderHasEnded):
        request_cancel(order)
