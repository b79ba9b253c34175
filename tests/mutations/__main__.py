"""Plant every bug: `python -m tests.mutations [-k WORD] [--jobs 2]`. Ends with 1 when one was not caught."""

import argparse
import queue
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from panel.embedded import Lease
from tests.mutations.mutant import Mutant
from tests.mutations.mutants import MUTANTS
from tests.mutations.planting import TEMPLATE, Servers, Verdict, copied, run_tests, try_mutant

OUTPUT_LINES = 30
WITH_DATABASE = "tests/wallet/test_audit.py::test_clean_ledger_is_clean"


def main() -> int:
    """Try the bugs chosen, several at a time, and print what became of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations")
    parser.add_argument("-k", dest="word", default="", help="only bugs with this in their name")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if arguments.word in mutant.name]
    if not chosen:
        parser.error(f"no bug is called {arguments.word}")

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the servers have to be stopped then too
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="panel-mutants-servers-") as scratch:
        lease = Lease(Path(scratch), durable=False)
        lease.acquire()
        try:
            verdicts = _try_all(chosen, Servers(lease.database_url, lease.redis_url), jobs=arguments.jobs)
        finally:
            lease.release()
    caught = verdicts[Verdict.CAUGHT]
    print(f"{caught} of {len(chosen)} caught: {caught / len(chosen):.0%}, in {time.monotonic() - started:.0f} s")
    return 0 if caught == len(chosen) else 1


def _try_all(chosen: list[Mutant], servers: Servers, *, jobs: int) -> Counter[Verdict]:
    """Try bugs in copies of their own, after all their tests have passed without any."""
    # One that needs a database, because the control leaves it behind for the others to start from.
    tests = sorted({WITH_DATABASE, *(test for mutant in chosen for test in mutant.tests)})
    with copied() as copy:
        # With both `--create-db` and `--reuse-db` a new database is made and kept.
        control = run_tests(copy, ["--reuse-db", *tests], servers, database=TEMPLATE, makes_database=True)
    if control.verdict != Verdict.SURVIVED:
        print(control.output)
        sys.exit("these tests fail without any bug, so their failing proves nothing")
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in chosen:
        waiting.put(mutant)
    verdicts: Counter[Verdict] = Counter()
    # Daemons: whoever interrupts this does not want to wait for them.
    threads = [
        threading.Thread(target=_work, args=(waiting, servers, number, verdicts), daemon=True) for number in range(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts


def _work(waiting: queue.SimpleQueue[Mutant], servers: Servers, number: int, verdicts: Counter[Verdict]) -> None:
    own = replace(servers, redis_url=f"{servers.redis_url.partition('?')[0]}?db={number + 1}")
    with copied() as copy:
        while True:
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            started = time.monotonic()
            outcome = try_mutant(mutant, copy, own, template=f"test_{TEMPLATE}")
            verdicts[outcome.verdict] += 1
            print(f"{outcome.verdict:<9} {time.monotonic() - started:5.1f} s  {mutant.name}", flush=True)
            if outcome.verdict != Verdict.CAUGHT:
                print("\n".join(outcome.output.splitlines()[-OUTPUT_LINES:]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
