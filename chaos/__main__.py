"""`python -m chaos`: serve a panel, put it under load, break everything around it, and hold it to its promises."""

import argparse
import random
import signal
import sys
from pathlib import Path
from typing import NoReturn

from chaos import schedule, servers

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
MINUTES = 3.0
ORDERS_PER_SECOND = 20.0
SEED_MAX = 10**6
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run chaos; the exit code says whether anything was lost, doubled, hidden or paid wrongly, not how fast it was."""
    arguments = _arguments()
    seed = random.randrange(SEED_MAX) if arguments.seed is None else arguments.seed
    command = f"make chaos MINUTES={arguments.minutes:g} SEED={seed}"
    print(f"chaos: seed {seed}; again with {command}", flush=True)
    phases = schedule.plan(seed=seed, minutes=arguments.minutes)
    if arguments.only:
        phases = [phase for phase in phases if phase.kind in arguments.only]
    if arguments.plan:
        for phase in phases:
            print(f"{phase.kind}, {phase.seconds:.0f} s", *(f"  {fault}" for fault in phase.faults), sep="\n")
        return 0
    for number in STOP_SIGNALS:
        signal.signal(number, _leave_in_order)
    try:
        with servers.scratch_directory() as scratch:
            if arguments.keep:
                (scratch / "keep").touch()
                print(f"chaos: logs and history in {scratch}", flush=True)
            running_servers = servers.Servers(scratch / "data")
            try:
                running_servers.start()
                servers.point_settings_at(running_servers, scratch)
                # The settings can be loaded only now that the servers' addresses are in the environment.
                import django

                django.setup()
                from chaos.running import Run

                run = Run(
                    servers=running_servers,
                    scratch=scratch,
                    seed=seed,
                    phases_planned=phases,
                    orders_per_second=arguments.orders_per_second,
                )
                return run.execute(None if arguments.no_write or arguments.only else DOCUMENT, command)
            finally:
                running_servers.stop()
    except KeyboardInterrupt:
        print("chaos: interrupted, everything is stopped", file=sys.stderr)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"of load, about (default {MINUTES:g})")
    parser.add_argument("--seed", type=int, help="breaks the same things at the same times again")
    parser.add_argument("--orders-per-second", type=float, default=ORDERS_PER_SECOND)
    parser.add_argument("--only", nargs="*", choices=list(schedule.PhaseKind), help="some phases; writes nothing")
    parser.add_argument("--plan", action="store_true", help="print what would be broken when, and do nothing")
    parser.add_argument("--keep", action="store_true", help="keep logs and history also when all is well")
    parser.add_argument("--no-write", action="store_true", help=f"leave docs/{DOCUMENT.name} as it is")
    return parser.parse_args()


def _leave_in_order(number: int, _frame: object) -> NoReturn:
    for every in STOP_SIGNALS:
        signal.signal(every, signal.SIG_IGN)  # a second one would cut the tidying up short
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
