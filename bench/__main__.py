"""`python -m bench`: seed, serve, measure, verify, report."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from bench import history, load, servers

ORDERS = 1_000_000
ORDERS_QUICK = 200_000
ORDERS_MIN = 100_000  # fewer would run out of queued orders to cancel
ROUNDS, SECONDS = 3, 2
ROUNDS_QUICK, SECONDS_QUICK = 2, 1
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
# What can be looked at instead of the API; each is a module with a `run`.
PAGES = {
    "dashboard": "the pages of a customer who has all orders",
    "admin": "the staff's pages about orders",
    "reports": "the staff's reports over long periods",
}


def main() -> int:
    """Run the benchmark; the exit code says whether every answer was right, not how fast it came."""
    arguments = _arguments()
    document = None if arguments.quick or arguments.no_write else DOCUMENT
    try:
        if arguments.subject == "history":
            with servers.new_directory() as scratch:
                return history.run(orders=arguments.orders, document=document, scratch=scratch)
        if arguments.subject is None:
            load.check_tools()
        with servers.database_and_redis() as scratch:
            # The settings can be loaded only now that the servers' addresses are in the environment.
            import django

            django.setup()
            if arguments.subject is not None:
                pages = import_module(f"bench.{arguments.subject}")
                return pages.run(orders=arguments.orders, document=document, scratch=scratch)
            from bench import running

            return running.run(
                orders=arguments.orders,
                rounds=ROUNDS_QUICK if arguments.quick else ROUNDS,
                seconds=SECONDS_QUICK if arguments.quick else SECONDS,
                document=document,
                scratch=scratch,
            )
    except load.LoadToolMissing as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted, everything is stopped", file=sys.stderr)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--orders", type=int, help=f"orders in the table (default {ORDERS:,})")
    subject = parser.add_mutually_exclusive_group()
    for name, what in PAGES.items():
        subject.add_argument(
            f"--{name}", dest="subject", action="store_const", const=name, help=f"{what}, instead of the API"
        )
    subject.add_argument(
        "--history",
        dest="subject",
        action="store_const",
        const="history",
        help=f"calls and pages with {history.FEW:,} orders and with {history.MANY:,}",
    )
    parser.add_argument("--quick", action="store_true", help="a smaller table and shorter runs, about 90 seconds")
    parser.add_argument("--no-write", action="store_true", help=f"leave docs/{DOCUMENT.name} as it is; so does --quick")
    arguments = parser.parse_args()
    default = ORDERS_QUICK if arguments.quick else history.MANY if arguments.subject == "history" else ORDERS
    arguments.orders = arguments.orders or default
    if arguments.orders < ORDERS_MIN:
        parser.error(f"--orders must be {ORDERS_MIN:,} or more")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
