"""How processes start others, and leave none of them behind."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Loaded here because `die_with_parent` runs between fork and exec, where nothing should be imported.
_libc = ctypes.CDLL(None, use_errno=True)


def start(
    command: Sequence[str], *, orphan_signal: signal.Signals = signal.SIGTERM, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a program that gets a signal when this process, or the thread that calls, is gone.

    In a session of its own: Ctrl-C reaches it once, from here, and not a second time from the terminal.

    :param options: of `subprocess.Popen`.
    """
    return subprocess.Popen(
        command,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, orphan_signal),  # noqa: PLW1509 (it calls the kernel and nothing else)
        **options,
    )


@contextmanager
def running(
    command: Sequence[str], *, stop_timeout_seconds: float, **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program for a while.

    :param options: of `subprocess.Popen`.
    """
    process = start(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        end(process, timeout_seconds=stop_timeout_seconds)


def end(process: "subprocess.Popen[bytes]", *, timeout_seconds: float) -> None:
    """Wait for the end of a process that was asked to stop, and make sure of it."""
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    signal_group(process.pid, signal.SIGKILL)  # granian's workers outlive a killed master


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when the parent dies, even of kill -9. Only Linux can do this."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, number)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to all that is left of a process group, perhaps nothing."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
