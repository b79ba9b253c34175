"""The bugs can still be planted, some are, and the harness does not call caught what was not."""

import os
from collections import Counter
from dataclasses import replace

import pytest

from tests.mutations.mutants import MUTANTS
from tests.mutations.planting import ROOT, Servers, Verdict, copied, try_mutant

# Quick ones, because each is a run of pytest of its own; all of them are planted by `make mutants`.
PLANTED_HERE = [
    "each_refund_is_due_again",
    "completed_as_soon_as_one_run_is",
    "a_wrapped_address_is_public",
]
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


@pytest.fixture(scope="module")
def servers():
    """The servers of this run of the tests."""
    return Servers(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])


@pytest.fixture(scope="module")
def copy():
    with copied() as copy:
        yield copy


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_can_be_planted(mutant):
    text = (ROOT / mutant.path).read_text()
    assert mutant.mutate(text) != text
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text()


def test_each_has_a_name_of_its_own():
    assert not [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1]


@pytest.mark.parametrize("name", PLANTED_HERE)
def test_a_planted_bug_is_caught(name, copy, servers):
    outcome = try_mutant(BY_NAME[name], copy, servers)
    assert outcome.verdict == Verdict.CAUGHT, outcome.output


def test_control_a_change_that_is_no_bug_survives(copy, servers):
    mutant = replace(BY_NAME["each_refund_is_due_again"], edits=[("due - refunded, ZERO", "(due - refunded), ZERO")])
    outcome = try_mutant(mutant, copy, servers)
    assert outcome.verdict == Verdict.SURVIVED, outcome.output


def test_control_code_that_does_not_load_is_not_caught(copy, servers):
    mutant = replace(BY_NAME["each_refund_is_due_again"], edits=[("PER = Decimal(1000)", "PER = Decimal(1000) / 0")])
    outcome = try_mutant(mutant, copy, servers)
    assert outcome.verdict == Verdict.BROKEN, outcome.output


def test_refuses_a_bug_that_no_longer_fits():
    mutant = replace(BY_NAME["each_refund_is_due_again"], edits=[("was here once", "is gone")])
    with pytest.raises(ValueError, match="stands 0 times"):
        mutant.mutate((ROOT / mutant.path).read_text())
