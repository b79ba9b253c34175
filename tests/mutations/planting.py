"""Plant bugs in a copy of the repository and run the tests that should notice."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.mutations.mutant import Mutant

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "var", "node_modules")
RUN_SECONDS_MAX = 200  # the control runs every test there is for a bug
TEMPLATE = "mutants_template"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=short")
TESTS_FAILED = 1  # pytest's code for: tests ran, and some failed


class Verdict(StrEnum):
    """What became of a bug."""

    CAUGHT = "caught"
    SURVIVED = "survived"
    BROKEN = "broken"  # the tests did not run, so nothing is known


@dataclass(frozen=True)
class Outcome:
    """How a run of tests ended."""

    verdict: Verdict
    output: str


@dataclass(frozen=True)
class Servers:
    """Where the runs' databases are, and on which Redis."""

    database_url: str
    redis_url: str

    def url_of(self, name: str) -> str:
        """Return the address of another database of the same server."""
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{name}"))

    def drop(self, name: str) -> None:
        """Remove a database that a run has left."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}"')

    def copy(self, source: str, target: str) -> None:
        """Make a database like another one."""
        self.drop(target)
        self._execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')

    def _execute(self, sql: str) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type]  # put together here, from constants


@contextmanager
def copied(root: Path = ROOT) -> Iterator[Path]:
    """Have a copy of the repository while this block runs."""
    with tempfile.TemporaryDirectory(prefix="panel-mutants-") as directory:
        copy = Path(directory) / "panel"
        shutil.copytree(root, copy, ignore=LEFT_OUT)
        yield copy


def run_tests(copy: Path, tests: Sequence[str], servers: Servers, *, database: str, makes_database: bool) -> Outcome:
    """Run tests in a copy; pytest-django puts `test_` before the database's name."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    environment = own | {
        "TEST_DATABASE_URL": servers.url_of(database),
        "TEST_REDIS_URL": servers.redis_url,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [*PYTEST, "--create-db" if makes_database else "--reuse-db", *tests]
    try:
        ended = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(Verdict.BROKEN, f"not finished after {RUN_SECONDS_MAX} s")
    summary = ended.stdout.strip().rpartition("\n")[2]
    if ended.returncode == 0 and re.search(r"\d+ passed", summary):
        return Outcome(Verdict.SURVIVED, ended.stdout)
    # An error of a fixture or an import is no failed test.
    if ended.returncode == TESTS_FAILED and re.search(r"\d+ failed", summary):
        return Outcome(Verdict.CAUGHT, ended.stdout)
    return Outcome(Verdict.BROKEN, ended.stdout + ended.stderr)


def try_mutant(mutant: Mutant, copy: Path, servers: Servers, *, template: str | None = None) -> Outcome:
    """Plant a bug, run its tests and say what became of it.

    :param template: a migrated test database to start from, which spares half of the time.
    """
    name = f"mutant_{os.getpid()}_{copy.parent.name[-8:]}"
    starts_from = None if mutant.changes_database else template
    if starts_from:
        servers.copy(starts_from, f"test_{name}")
    try:
        with mutant.planted(copy):
            return run_tests(copy, mutant.tests, servers, database=name, makes_database=starts_from is None)
    finally:
        servers.drop(f"test_{name}")
