"""The accounts against the providers' books: each finds what it is there to find."""

from collections import defaultdict
from decimal import Decimal

import pytest

from chaos import accounts
from chaos.evidence import Evidence
from chaos.facts import AttemptRow, RunRow
from chaos.upstreams import Note, Shelf

LINK = "https://example.com/deliver/1"


def run(**changes):
    facts = {
        "order_id": 1, "link": LINK, "quantity": 3, "charge": Decimal("1.00000"), "refunded": Decimal(0),
        "status": "Completed", "state": "completed", "remains": 0, "provider": "north", "provider_order": "5001",
        "alarm": "",
    }  # fmt: skip
    return RunRow(**facts | changes)


def attempt(number=1, **changes):
    facts = {
        "id": number, "link": LINK, "order_id": 1, "provider": "north", "state": "accepted", "started_at": 10.0,
        "review_id": None, "resolution": "", "resolved_at": None,
    }  # fmt: skip
    return AttemptRow(**facts | changes)


def taken(number="5001", *, link=LINK, status="Completed", remains=0):
    return {"id": number, "link": link, "status": status, "remains": remains}


def sent(at=10.1, fault=None):
    return Note(at=at, action="add", link=LINK, ids=0, fault=fault)


def evidence(*, runs=(), attempts=(), orders=(), notes=(), refunds=None):
    by_link = defaultdict(list)
    for order in orders:
        by_link[order["link"]].append(order)
    shelf = Shelf("north", dict(by_link), {order["id"]: order for order in orders}, list(notes))
    return Evidence(
        calls=[], findings=[], phases=[], faults=[], shelves={"north": shelf}, runs=runs, attempts=attempts,
        refunds=refunds or {}, refunds_apart=(0, 0), unpaid=0, audit_findings=[], ended_by_themselves=[],
        slow_stops=[], settled_seconds=[], alarm_seconds=[], undecided=[], unrest=[], elsewhere_ids=frozenset(),
    )  # fmt: skip


def test_all_is_well():
    found = evidence(runs=[run()], attempts=[attempt()], orders=[taken()], notes=[sent()])

    assert accounts.find_duplicates(found) == []
    assert accounts.find_strangers(found) == []
    assert accounts.find_unintended(found) == []
    assert accounts.find_wrong_refunds(found) == []
    assert accounts.find_disagreements(found) == []


def test_finds_what_was_taken_twice():
    assert accounts.find_duplicates(evidence(orders=[taken("5001"), taken("5002")])) == [LINK]


def test_finds_what_is_delivered_for_nobody():
    found = evidence(runs=[run()], orders=[taken("5001"), taken("5002", link="other")])
    assert accounts.find_strangers(found) == ["north order 5002 (other)"]


def test_finds_what_was_sent_without_intent():
    found = evidence(attempts=[attempt()], notes=[sent(10.1), sent(10.2)])
    assert accounts.find_unintended(found) == [f"{LINK} to north"]


@pytest.mark.parametrize(
    ("remains", "refunded", "posted", "is_right"),
    [
        (1, "0.33333", ["0.33333"], True),
        (1, "0.33334", ["0.33334"], False),
        (1, "0.33333", ["0.30000", "0.03333"], True),
        (1, "0.33333", ["0.33333", "0.33333"], False),
        (1, "0.33333", [], False),
        (3, "1.00000", ["1.00000"], True),
        (0, "0", [], True),
        (0, "0.10000", ["0.10000"], False),
    ],
)
def test_refunds_are_exact(remains, refunded, posted, is_right):
    row = run(state="partial", remains=remains, refunded=Decimal(refunded))
    found = evidence(runs=[row], refunds={1: [(Decimal(amount), 20.0) for amount in posted]})
    assert (accounts.find_wrong_refunds(found) == []) is is_right


@pytest.mark.parametrize(
    "order",
    [taken(status="Partial", remains=1), taken(remains=1), taken(link="other"), taken("5002")],
)
def test_finds_what_the_provider_tells_otherwise(order):
    assert len(accounts.find_disagreements(evidence(runs=[run()], orders=[order]))) == 1


def test_every_ambiguous_failure_has_its_review():
    reviewed = {"state": "accepted", "review_id": 1, "resolution": "found", "resolved_at": 50.0}
    ours = accounts.account_for_ambiguity(evidence(attempts=[attempt(**reviewed)], notes=[sent(fault="accept_reset")]))
    assert (ours.injected, ours.found, ours.absent, ours.open, ours.others) == (1, 1, 0, 0, 0)


def test_an_ambiguous_failure_without_a_review_is_missed():
    ours = accounts.account_for_ambiguity(evidence(attempts=[attempt()], notes=[sent(fault="accept_reset")]))
    assert ours.injected == 1
    assert ours.found + ours.absent + ours.open == 0


def test_a_review_without_a_failure_is_our_own():
    reviewed = {"review_id": 1, "resolution": "found", "resolved_at": 50.0}
    ours = accounts.account_for_ambiguity(evidence(attempts=[attempt(**reviewed)], notes=[sent()]))
    assert (ours.injected, ours.others) == (0, 1)


@pytest.mark.parametrize(("at", "is_hasty"), [(30.0, True), (60.0, False)])
def test_nothing_is_sent_or_paid_back_before_it_is_decided(at, is_hasty):
    first = attempt(1, state="absent", review_id=1, resolution="resent", resolved_at=50.0)
    again = evidence(attempts=[first, attempt(2, started_at=at)])
    refunded = evidence(attempts=[first], refunds={1: [(Decimal(1), at)]})
    assert bool(accounts.account_for_ambiguity(again).hasty) is is_hasty
    assert bool(accounts.account_for_ambiguity(refunded).hasty) is is_hasty
