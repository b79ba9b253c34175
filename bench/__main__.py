"""`python -m bench`: seed, serve, measure, verify, report."""

import argparse
import sys
from pathlib import Path

from bench import load, servers

ORDERS = 1_000_000
ORDERS_QUICK = 200_000
ORDERS_MIN = 100_000  # fewer would run out of queued orders to cancel
ROUNDS, SECONDS = 3, 2
ROUNDS_QUICK, SECONDS_QUICK = 2, 1
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def main() -> int:
    """Run the benchmark; the exit code says whether every answer was right, not how fast it came."""
    arguments = _arguments()
    try:
        if not (arguments.dashboard or arguments.admin or arguments.reports):
            load.check_tools()
        with servers.database_and_redis() as scratch:
            # Where `build_css` writes; the settings look for it.
            (scratch / "data" / "css").mkdir()
            # The settings can be loaded only now that the servers' addresses are in the environment.
            import django

            django.setup()
            from bench import admin, dashboard, reports, running

            pages = [
                module.run
                for is_asked, module in (
                    (arguments.dashboard, dashboard),
                    (arguments.admin, admin),
                    (arguments.reports, reports),
                )
                if is_asked
            ]
            if pages:
                return pages[0](
                    orders=arguments.orders, document=None if arguments.no_write else DOCUMENT, scratch=scratch
                )
            return running.run(
                orders=arguments.orders,
                rounds=ROUNDS_QUICK if arguments.quick else ROUNDS,
                seconds=SECONDS_QUICK if arguments.quick else SECONDS,
                document=None if arguments.quick or arguments.no_write else DOCUMENT,
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
    parser.add_argument(
        "--dashboard", action="store_true", help="the pages of a customer who has all orders, instead of the API"
    )
    parser.add_argument("--admin", action="store_true", help="the staff's pages about orders, instead of the API")
    parser.add_argument(
        "--reports", action="store_true", help="the staff's reports over long periods, instead of the API"
    )
    parser.add_argument("--quick", action="store_true", help="a smaller table and shorter runs, about 90 seconds")
    parser.add_argument("--no-write", action="store_true", help=f"leave docs/{DOCUMENT.name} as it is; so does --quick")
    arguments = parser.parse_args()
    arguments.orders = arguments.orders or (ORDERS_QUICK if arguments.quick else ORDERS)
    if arguments.orders < ORDERS_MIN:
        parser.error(f"--orders must be {ORDERS_MIN:,} or more")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
