"""`manage.py review`: the same decisions as in the admin, each with a name and a reason."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from orders import holds, submission
from orders.models import Order, OrderEvent, ReviewItem, Run
from staff.management.commands import review
from staff.models import AuditEntry
from tests.fixtures import balance_of, nothing_moves
from tests.orders.conftest import order_of, submitted
from wallet import audit

DECISIONS = [("found", "P-77"), ("resend",), ("refund",)]


def run(*arguments):
    """Run the command and return what it prints."""
    printed = StringIO()
    call_command("review", *map(str, arguments), stdout=printed)
    return printed.getvalue()


def decide(decision, item, *more, reason="support says so", staff="staff"):
    return run(decision, item, *more, "--reason", reason, "--staff", staff)


@pytest.fixture
def item(customer, followers, staff):
    """A run of 1,000 at 0.85, sent without an answer."""
    order_of(customer, followers, funds="10")
    submission.record_unknown(submission.claim_next().attempt.pk, evidence="read timed out after 20 s\nsecond line")
    return ReviewItem.objects.get()


@pytest.fixture
def held(customer, followers, staff):
    """A run that would lose money."""
    followers.routes.update(cost=2)
    order_of(customer, followers, funds="10")
    assert submission.claim_next() is None
    return Run.objects.get(held_at__isnull=False)


def test_lists_nothing(db):
    assert run("list") == "In review: none\n\nHeld: none\n"


def test_lists_what_waits_and_why(item, held, customer):
    ReviewItem.objects.update(opened_at=Now() - timedelta(hours=2))

    lines = run("list").splitlines()

    assert lines[1].split() == ["item", "age", "run", "customer", "provider", "quantity", "link", "evidence"]
    for word in (str(item.pk), "2 h 0 min", "customer", "Sandbox", "1,000", item.attempt.run.order.link, "read timed"):
        assert word in lines[2]
    assert "second line" not in lines[2]
    assert lines[4] == "Held:"
    assert f"{held.order_id}/1" in lines[6]
    assert held.held_because in lines[6]


def test_lists_the_oldest_first_and_says_that_there_are_more(item, customer, followers, monkeypatch):
    order_of(customer, followers)
    submission.record_unknown(submission.claim_next().attempt.pk, evidence="newer")
    monkeypatch.setattr(review, "LISTED_MAX", 1)

    printed = run("list")

    assert "read timed out" in printed
    assert "newer" not in printed
    assert "These are the oldest 1." in printed


def test_what_others_wrote_gives_a_terminal_no_orders(customer, followers, staff):
    order_of(customer, followers, link="https://example.com/\x1b[2J\u202egnp")
    submission.record_unknown(submission.claim_next().attempt.pk, evidence="\x1b]0;owned\x07")

    assert all(char == "\n" or char.isprintable() for char in run("list"))


def test_found_goes_on_under_the_providers_id(item, staff):
    assert decide("found", item.pk, "P-77") == "The run goes on as P-77.\n"

    assert Run.objects.values_list("state", "provider_order").get() == ("submitted", "P-77")
    item.refresh_from_db()
    assert (item.resolution, item.resolved_by, item.reason) == ("found", staff, "support says so")


def test_resend_queues_it_again(item, staff):
    decide("resend", item.pk)

    assert Run.objects.get().state == "queued"
    assert OrderEvent.objects.get(kind="review_resolved").actor == staff


def test_refund_gives_the_money_back(item, customer):
    decide("refund", item.pk)

    assert Order.objects.get().status == "Canceled"
    assert balance_of(customer) == 10
    assert audit.audit_ledger().is_clean
    logged = AuditEntry.objects.get()
    assert (logged.operation, logged.actor_name, logged.channel) == ("reviews.refund", "staff", "command")
    assert (logged.before["state"], logged.after["state"]) == ("unknown", "canceled")


def test_release_sends_it_at_any_cost(held, staff):
    assert decide("release", f"{held.order_id}/1") == f"Run {held.order_id}/1 is sent at any cost.\n"

    held.refresh_from_db()
    assert (held.held_at, held.loss_accepted) == (None, True)
    assert OrderEvent.objects.get(kind="released").actor == staff
    assert submission.claim_next().run == held


@pytest.mark.parametrize(("decision", "more"), [(name, more) for name, *more in DECISIONS])
def test_decided_once(item, decision, more):
    decide("refund", item.pk)

    with nothing_moves(), pytest.raises(CommandError, match="decided this already"):
        decide(decision, item.pk, *more)


@pytest.mark.parametrize(("decision", "more"), [(name, more) for name, *more in DECISIONS])
def test_every_decision_needs_a_reason_and_an_active_member_of_the_staff(item, customer, staff, decision, more):
    with nothing_moves():
        with pytest.raises(CommandError, match="A reason is needed"):
            decide(decision, item.pk, *more, reason=" ")
        with pytest.raises(CommandError, match="more than 300 characters"):
            decide(decision, item.pk, *more, reason="x" * 301)
        with pytest.raises(CommandError, match="--reason"):
            run(decision, item.pk, *more, "--staff", "staff")
        with pytest.raises(CommandError, match="--staff"):
            run(decision, item.pk, *more, "--reason", "r")
        for nobody in ("customer", "nobody", ""):
            with pytest.raises(CommandError, match="no active staff user"):
                decide(decision, item.pk, *more, staff=nobody)
        staff.is_active = False
        staff.save()
        with pytest.raises(CommandError, match="no active staff user"):
            decide(decision, item.pk, *more)

    item.refresh_from_db()
    assert item.resolved_at is None


@pytest.mark.parametrize("item_id", ["99", "-1", "x", "99999999999", "1.5"])
def test_refuses_items_that_are_none(item, item_id):
    with nothing_moves(), pytest.raises(CommandError):
        decide("refund", item_id)


def test_refuses_a_provider_order_that_another_run_has(item, customer, followers):
    submitted(order_of(customer, followers), provider_order="P-1")

    with nothing_moves():
        with pytest.raises(CommandError, match="Another run has this"):
            decide("found", item.pk, "P-1")
        with pytest.raises(CommandError, match="order id is needed"):
            decide("found", item.pk, " ")
        with pytest.raises(CommandError, match="more than 100"):
            decide("found", item.pk, "9" * 101)


@pytest.mark.parametrize("which", ["{order}/2", "99/1", "{order}", "x/1", "99999999999/1"])
def test_releases_only_what_is_held(held, which):
    with nothing_moves(), pytest.raises(CommandError):
        decide("release", which.format(order=held.order_id))

    assert Run.objects.get().held_at is not None


def test_releases_once(held, staff):
    holds.release_run(run_id=held.pk, reason="r", actor_id=staff.pk)

    with nothing_moves(), pytest.raises(CommandError, match="not held"):
        decide("release", f"{held.order_id}/1")
