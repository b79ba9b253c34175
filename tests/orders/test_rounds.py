"""Whose turn it is when many providers are to be called, and what one that hangs costs the others."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orders import rounds
from providers.models import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(provider):
    """A provider."""
    return provider


@pytest.fixture
def second(db):
    """Another provider."""
    return Provider.objects.create(name="Second", kind="sandbox")


class Calls:
    """Jobs that note who was called, in which order."""

    def __init__(self):
        self.made = []

    def job(self, provider, row, *, answers=True, meanwhile=None):
        def call(called):
            assert called == provider
            self.made.append(row)
            if meanwhile is not None:
                meanwhile()
            return answers

        return rounds.Job(provider.pk, frozenset({row}), call)


def test_providers_take_turns(first, second):
    calls = Calls()

    left = rounds.take_turns([*(calls.job(first, row) for row in (1, 2, 3)), calls.job(second, 4)])

    assert (calls.made, left) == ([1, 4, 2, 3], set())


def test_one_that_does_not_answer_is_not_called_again(first, second):
    calls = Calls()
    jobs = [calls.job(first, 1, answers=False), calls.job(first, 2), calls.job(second, 3), calls.job(second, 4)]

    left = rounds.take_turns(jobs)

    assert (calls.made, left) == ([1, 3, 4], set())


def test_those_that_failed_last_come_when_the_others_are_through(first, second):
    Provider.objects.filter(pk=first.pk).update(failures=1)
    calls = Calls()

    rounds.take_turns([calls.job(first, 1), calls.job(second, 2), calls.job(second, 3)])

    assert calls.made == [2, 3, 1]


def test_one_that_is_down_is_not_called(first, second):
    Provider.objects.filter(pk=first.pk).update(down_until=Now() + timedelta(minutes=1))
    calls = Calls()

    left = rounds.take_turns([calls.job(first, 1), calls.job(second, 2)])

    assert (calls.made, left) == ([2], set())


def test_one_that_goes_down_meanwhile_is_called_no_more(first):
    calls = Calls()
    go_down = lambda: Provider.objects.update(down_until=Now() + timedelta(minutes=1))  # noqa: E731

    rounds.take_turns([calls.job(first, 1, meanwhile=go_down), calls.job(first, 2)])

    assert calls.made == [1]


def test_says_what_there_was_no_time_for(first, second, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    calls = Calls()
    slow = calls.job(first, 1, meanwhile=lambda: now.__setitem__(0, 10.0))

    left = rounds.take_turns([slow, calls.job(first, 2), calls.job(second, 3)], seconds=10)

    assert (calls.made, left) == ([1], {2, 3})


def test_a_bug_in_one_call_does_not_keep_the_others_waiting(first, caplog):
    calls = Calls()

    def crash(provider):
        raise RuntimeError("a bug of ours")

    rounds.take_turns([rounds.Job(first.pk, frozenset({1}), crash), calls.job(first, 2)])

    assert calls.made == [2]
    assert "a bug of ours" in caplog.text
