"""Servers of their own for the tests, and Django on top of them.

The first process (xdist's controller, or the only one) starts a throw-away PostgreSQL and Valkey, and xdist's workers
inherit their addresses; each gets a database and a Redis number to itself. TEST_DATABASE_URL and TEST_REDIS_URL name
other servers. A developer's `.env`, and the servers of a running panel, are left alone.
"""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import django

from panel.embedded import Lease

XDIST_WORKER = os.environ.get("PYTEST_XDIST_WORKER")  # gw0, gw1, ...
ENVIRONMENT = {
    "ENV_FILE": os.devnull,
    "DEBUG": "0",
    "HTTPS": "0",
    "ALLOWED_HOSTS": "*",
    "SECRET_KEY": "only-for-tests",
    "API_KEY_PEPPER": "only-for-tests",
    "PROVIDER_KEYS_SECRET": "only-for-tests",
}


def start_servers() -> None:
    """Start the servers in a scratch directory that goes with this process, also after Ctrl-C and SIGTERM."""
    scratch = Path(tempfile.mkdtemp(prefix="panel-test-"))
    given = {name: os.environ.get(f"TEST_{name}") for name in ("DATABASE_URL", "REDIS_URL")}
    (scratch / "static").mkdir()  # whitenoise warns about a missing one, and nobody collects files for the tests
    lease = Lease(scratch, postgres=not given["DATABASE_URL"], valkey=not given["REDIS_URL"], durable=False)
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    atexit.register(lease.release)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    lease.acquire()
    os.environ["PANEL_DATA"] = str(scratch)
    os.environ["DATABASE_URL"] = given["DATABASE_URL"] or lease.database_url
    os.environ["REDIS_URL"] = given["REDIS_URL"] or lease.redis_url


def start_django() -> None:
    """Load the settings and the apps, whose models the fixtures import."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "panel.settings"
    django.setup()
    # With it, pytest-django would load the settings of xdist's workers before this file has prepared them.
    del os.environ["DJANGO_SETTINGS_MODULE"]

    from django.conf import settings

    # Nobody has collected static files for the tests.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


FLUSH_TRIES = 5

# Flushing empties this table too, whose one row comes from a migration. It goes on from the clock, so that a live
# server never takes the next test's catalogue for the last one's.
RESTORE_CATALOG_VERSION = """
    INSERT INTO catalog_catalogversion (id, version) VALUES (1, (extract(epoch FROM clock_timestamp()) * 1e6)::bigint)
"""


def let_flush_pass_triggers() -> None:
    """Let transactional tests empty the ledger, whose triggers refuse exactly that to everybody else.

    A live server writes its calls down a second after a test; where that and emptying wait for each other, PostgreSQL
    ends one of them, and emptying, which is one transaction, begins again.
    """
    from django.db import OperationalError
    from django.db.backends.postgresql.operations import DatabaseOperations
    from psycopg.errors import DeadlockDetected

    execute = DatabaseOperations.execute_sql_flush

    def execute_without_triggers(operations: DatabaseOperations, sql_list: list[str]) -> None:
        rules_off = "SET LOCAL session_replication_role = replica"
        for tries_left in reversed(range(FLUSH_TRIES)):
            try:
                execute(operations, [rules_off, *sql_list, RESTORE_CATALOG_VERSION])
            except OperationalError as error:
                if not (tries_left and isinstance(error.__cause__, DeadlockDetected)):
                    raise
            else:
                return

    DatabaseOperations.execute_sql_flush = execute_without_triggers  # type: ignore[method-assign, assignment]


os.environ.update(ENVIRONMENT)
if XDIST_WORKER is None:
    start_servers()
else:
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].partition("?")[0] + f"?db={XDIST_WORKER.removeprefix('gw')}"
start_django()
let_flush_pass_triggers()

pytest_plugins = ["tests.fixtures", "tests.fake_provider.fixtures"]
