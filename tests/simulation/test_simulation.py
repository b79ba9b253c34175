"""Any sequence of events leads to a state in which every cent is explained and the panels' books agree with ours.

SIMULATION_SEED replays a run (or "random" draws one), SIMULATION_EXAMPLES says how many lives are tried. A failure
prints its steps and a blob; SIMULATION_BLOB replays that one life, SIMULATION_SHRINK=1 makes it
shorter.
"""

import os
import random
from collections import Counter

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from orders.models import ReviewItem
from orders.transitions import FINAL_RUN_STATES, RunState
from tests.simulation.machine import WORK, Life
from tests.simulation.scene import list_faults

EXAMPLES = 20
STEPS = 30
EXAMPLES_FOR_ALL = 1000  # so many reach every fault, every death and every end
# Making a failure smaller can take minutes; ask for it when there is one.
PHASES = [Phase.generate, Phase.shrink] if os.environ.get("SIMULATION_SHRINK") else [Phase.generate]


@pytest.mark.django_db
def test_any_sequence_of_events(fakes, monkeypatch, capsys):
    chosen = os.environ.get("SIMULATION_SEED", "1")
    seed = random.SystemRandom().randrange(2**32) if chosen == "random" else int(chosen)
    examples = int(os.environ.get("SIMULATION_EXAMPLES", EXAMPLES))
    with capsys.disabled():
        print(f"\nsimulation: SIMULATION_SEED={seed} SIMULATION_EXAMPLES={examples}")
    machine = type("Life", (Life,), {"fakes": fakes, "monkeypatch": monkeypatch, "seen": Counter()})
    machine = hypothesis.seed(seed)(machine)
    if blob := os.environ.get("SIMULATION_BLOB"):
        machine = hypothesis.reproduce_failure(hypothesis.__version__, blob.encode())(machine)

    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=PHASES,
                print_blob=True,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as error:
        error.add_note(f"SIMULATION_SEED={seed} SIMULATION_EXAMPLES={examples}")
        raise
    if examples >= EXAMPLES_FOR_ALL:
        with capsys.disabled():
            print(", ".join(f"{what}: {times}" for what, times in sorted(machine.seen.items())))
        deaths = {f"died {point}" for _, point in WORK if point}
        faults = {f"fault {fault}" for fault in list_faults()}
        reviews = {f"review {resolution}" for resolution in ReviewItem.Resolution}
        runs = {f"run {state}" for state in [*FINAL_RUN_STATES, RunState.QUEUED]}
        assert not (deaths | faults | reviews | runs) - set(machine.seen), machine.seen
