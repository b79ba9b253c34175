"""A provider has so many places; a call that hangs while others are answered gives its place back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from orders import places, submission
from orders.models import Attempt
from providers.models import Provider
from tests.orders.conftest import order_of

pytestmark = pytest.mark.django_db

PLACES = 3
LONG_AGO = places.HANGS_AFTER + timedelta(seconds=1)


@pytest.fixture
def busy(customer, followers, provider):
    """A provider with three places and more orders than it has seen."""
    Provider.objects.filter(pk=provider.pk).update(concurrency_max=PLACES)
    for _ in range(4 * PLACES):
        order_of(customer, followers)
    return provider


def claim():
    """Claim a run; there has to be a place for it."""
    claim = submission.claim_next()
    assert claim is not None
    return claim


def is_full():
    """Say whether nobody sends what waits, and whether that is for want of a place."""
    has_room = places.has_room(Provider.objects.get().pk)
    assert (submission.claim_next() is None) is not has_room
    return not has_room


def pass_by(age=LONG_AGO):
    """Let time go by for all that was sent so far."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # when one began does not change
        Attempt.objects.update(started_at=F("started_at") - age)
        cursor.execute("SET LOCAL session_replication_role = origin")


ANSWERS = {
    "accepted": lambda claim: submission.record_accepted(claim, provider_order=f"P-{claim.run.pk}"),
    "rejected": lambda claim: submission.record_rejected(claim, evidence="bad link"),
    "deferred": lambda claim: submission.record_deferred(claim, evidence="busy", retry_after=timedelta(minutes=1)),
}
NO_ANSWERS = {
    "unknown": lambda claim: submission.record_unknown(claim.attempt.pk, evidence="no answer"),
    "not_sent": lambda claim: submission.record_not_sent(claim, evidence="no connection"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_hangs_alone_gives_its_place_back(busy, answer):
    claim()
    pass_by()
    answer(claim())

    for _ in range(PLACES):
        claim()
    assert is_full()


def test_gives_it_back_only_once_it_hangs(busy):
    claim()
    claim()
    ANSWERS["accepted"](claim())
    claim()

    assert is_full()
    pass_by(places.HANGS_AFTER - timedelta(seconds=1))
    assert is_full()
    pass_by(timedelta(seconds=2))
    assert not is_full()


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_provider_that_answers_nobody_gets_no_more(busy, answer):
    claim()
    claim()
    pass_by()
    answer(claim())
    claim()
    pass_by()

    assert is_full()


def test_one_that_stops_answering_gets_no_more(busy):
    ANSWERS["accepted"](claim())
    pass_by()
    for _ in range(PLACES):
        claim()
    pass_by()

    assert is_full()


def test_another_provider_s_answer_says_nothing(busy, customer, make_service):
    for _ in range(PLACES):
        claim()
    pass_by()
    other = Provider.objects.create(name="Other", kind=Provider.Kind.SANDBOX)
    order_of(customer, make_service(name="elsewhere", provider=other))
    elsewhere = claim()
    assert elsewhere.provider == other
    ANSWERS["accepted"](elsewhere)

    assert submission.claim_next() is None
    assert not places.has_room(busy.pk)


def test_never_more_than_twice_its_places(busy):
    """A provider that answers one call in three must not collect all threads of the workers."""
    for _ in range(2):
        for _ in range(PLACES - 1):
            claim()
        pass_by()
        ANSWERS["accepted"](claim())
    claim()
    claim()

    assert Attempt.objects.filter(state="in_flight").count() == 2 * PLACES
    pass_by()
    assert is_full()


def test_one_place_after_an_outage(busy):
    Provider.objects.update(failures=3)
    claim()

    assert is_full()
    pass_by()
    assert is_full()
