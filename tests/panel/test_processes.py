"""Processes end with whoever started them, and with their children."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from panel import processes

IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
HAS_A_CHILD = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
STARTS_AND_DIES = """
import os
from panel import processes
print(processes.start(["sleep", "60"]).pid, flush=True)
os.kill(os.getpid(), 9)
"""


def first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_asks_first_and_takes_along_what_is_left() -> None:
    with processes.running(
        [sys.executable, "-c", HAS_A_CHILD], stop_timeout_seconds=10, stdout=subprocess.PIPE
    ) as process:
        child = int(first_line(process))

    assert process.returncode == -signal.SIGTERM
    assert is_gone(child)


def test_kills_what_does_not_obey() -> None:
    with processes.running(
        [sys.executable, "-c", IGNORES_SIGTERM], stop_timeout_seconds=0.2, stdout=subprocess.PIPE
    ) as process:
        assert first_line(process) == b"ready\n"

    assert process.returncode == -signal.SIGKILL


def test_ends_also_when_the_work_fails() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        processes.running([sys.executable, "-c", HAS_A_CHILD], stop_timeout_seconds=10) as process,
    ):
        raise ZeroDivisionError

    assert process.returncode == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children")
def test_ends_when_whoever_started_it_is_killed() -> None:
    starter = processes.start([sys.executable, "-c", STARTS_AND_DIES], stdout=subprocess.PIPE)

    child = int(first_line(starter))

    assert starter.wait(10) == -signal.SIGKILL
    assert is_gone(child)
