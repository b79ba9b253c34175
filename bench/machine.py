"""What the numbers depend on: the machine and the versions."""

import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection

FLUSHES = 300
PAGE_BYTES = 8192  # what PostgreSQL writes at a time


def describe(scratch: Path) -> dict[str, str]:
    """Return facts by name, in the order in which a reader wants them."""
    return {
        "CPU": f"{_processor()}, {os.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Disk flush": f"{_flush_milliseconds(scratch):.2f} ms (median of {FLUSHES} × {PAGE_BYTES} bytes and fdatasync)",
        "Load when it started": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
        "Django": version("django"),
        "PostgreSQL": f"{_setting('server_version')} (fsync={_setting('fsync')}, "
        f"synchronous_commit={_setting('synchronous_commit')}, shared_buffers={_setting('shared_buffers')})",
        "granian": f"{version('granian')}, {settings.WEB_WORKERS} workers × {settings.WEB_THREADS} threads",
        "psycopg, redis-py": f"{version('psycopg')}, {version('redis')}",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _flush_milliseconds(directory: Path) -> float:
    """Measure what a commit waits for."""
    times = []
    with (directory / "flush").open("wb", buffering=0) as file:
        file.write(bytes(PAGE_BYTES * FLUSHES))
        os.fsync(file.fileno())
        file.seek(0)
        for _ in range(FLUSHES):
            start = time.perf_counter()
            file.write(bytes(PAGE_BYTES))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    (directory / "flush").unlink()
    return statistics.median(times) * 1000


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return cursor.fetchone()[0]
