"""Run a fake provider until SIGTERM: `python -m tests.fake_provider --port 9000 --faults hang=0.01,add:reset=0.02`.

On the same port: GET /book.json, POST /programme and POST /advance, see `server.py` and `faults.py`.
"""

import argparse
import signal
import threading

from tests.fake_provider.server import FakeProvider


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_provider")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0, help="how fast orders are delivered")
    parser.add_argument("--faults", default="", help="NAME=PROBABILITY or ACTION:NAME=PROBABILITY, with commas between")
    arguments = parser.parse_args()

    fake = FakeProvider(port=arguments.port, seed=arguments.seed, speed=arguments.speed)
    chances = dict(pair.split("=") for pair in arguments.faults.split(",") if pair)
    fake.programme.load({"chances": chances})
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    fake.start()
    print(f"fake provider at {fake.url} with key {fake.key}", flush=True)
    ended.wait()
    fake.stop()


if __name__ == "__main__":
    main()
