"""A seed breaks the same things at the same times."""

import pytest

from chaos import schedule
from chaos.schedule import PhaseKind
from tests.fake_provider.faults import Fault


@pytest.mark.parametrize("minutes", [1, 3, 30])
def test_the_same_seed_makes_the_same_plan(minutes):
    assert schedule.plan(seed=7, minutes=minutes) == schedule.plan(seed=7, minutes=minutes)
    assert schedule.plan(seed=7, minutes=minutes) != schedule.plan(seed=8, minutes=minutes)


def test_a_short_run_has_every_phase_that_measures_something():
    kinds = [phase.kind for phase in schedule.plan(seed=1, minutes=3)]
    assert kinds == [kind for kind in PhaseKind if kind != PhaseKind.STORM]


@pytest.mark.parametrize("minutes", [6, 20, 120])
def test_a_long_run_lasts_about_as_long_as_it_was_asked_to(minutes):
    phases = schedule.plan(seed=1, minutes=minutes)
    assert minutes <= sum(phase.seconds for phase in phases) / 60 <= minutes + schedule.ROUND_MINUTES
    assert any(fault.seconds == schedule.FREEZE_SECONDS_LONG for phase in phases for fault in phase.faults)


def test_every_fault_falls_into_its_phase():
    for phase in schedule.plan(seed=1, minutes=60):
        assert [fault.at for fault in phase.faults] == sorted(fault.at for fault in phase.faults)
        assert all(fault.at < phase.seconds for fault in phase.faults)


def test_providers_know_every_fault_that_is_asked_of_them():
    for name in (*schedule.MIXED, *schedule.HANGING):
        Fault(name.rpartition(":")[2])
