"""Ends the servers of a chaos run that was killed itself: `python -m chaos.guard DIRECTORY`.

The kernel tells the other processes that their parent is gone. PostgreSQL and Valkey are meant to outlive theirs.
"""

import shutil
import signal
import sys
from pathlib import Path

from panel.embedded import Lease


def main() -> None:
    """Wait until the other end of the standard input is closed, then tidy up what is still there."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    scratch = Path(sys.argv[1])
    sys.stdin.read()
    if (scratch / "running").exists():
        # Whoever takes a dead holder's servers over may also stop them.
        lease = Lease(scratch / "data")
        lease.acquire()
        lease.release()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
