"""`manage.py restore_drill`: a backup that nobody has restored is a hope."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql

from panel.embedded.postgres import programs_directory
from panel.embedded.server import EmbeddedServerError

AUDITS = ("audit_ledger", "audit_staff")
# What must be there again to the last row.
COUNTED = ("wallet_ledgerentry", "wallet_wallet", "orders_order", "orders_run", "orders_attempt", "accounts_user")


class Command(BaseCommand):
    """Back up, restore into a new database, audit that one, drop it; the panel goes on meanwhile."""

    help = (
        "Dump the database with pg_dump (or take the dump of --file), restore it into a new database of the same "
        "server, and audit ledger and staff log there. The new database is dropped in the end. Exit code 1: it failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask which backup."""
        parser.add_argument("--file", type=Path, help="a backup of `pg_dump --format=custom`, not a new one")
        parser.add_argument("--jobs", type=int, default=2, help="connections that restore (default: 2)")

    def handle(self, *, file: Path | None, jobs: int, **_options: Any) -> None:
        """Do all of it, and say what took how long."""
        settings.PANEL_DATA.mkdir(parents=True, exist_ok=True)
        dump = file or settings.PANEL_DATA / f"drill-{secrets.token_hex(4)}.dump"
        name = f"restore_drill_{secrets.token_hex(4)}"
        try:
            if file is None:
                self._run("dumped", "pg_dump", "--format=custom", "--no-owner", f"--file={dump}", settings.DATABASE_URL)
            self.stdout.write(f"  {dump.stat().st_size / 1024**2:,.1f} MiB")
            self._drill(dump, name, jobs=jobs, is_fresh=file is None)
        finally:
            if file is None:
                dump.unlink(missing_ok=True)
        self.stdout.write(self.style.SUCCESS("the backup can be restored, and every cent in it is explained"))

    def _drill(self, dump: Path, name: str, *, jobs: int, is_fresh: bool) -> None:
        copy = _with_database(settings.DATABASE_URL, name)
        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                self._run(
                    "restored", "pg_restore", "--no-owner", "--exit-on-error", f"--jobs={jobs}", f"--dbname={copy}",
                    str(dump),
                )  # fmt: skip
                self._compare(server, copy, is_fresh=is_fresh)
                for audit in AUDITS:
                    self._audit(audit, copy)
            finally:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _compare(self, server: psycopg.Connection[Any], copy: str, *, is_fresh: bool) -> None:
        """Count rows there and here. Meanwhile the panel goes on: the copy of a new dump may have fewer, never more."""
        with psycopg.connect(copy) as restored:
            for table in COUNTED:
                count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                (there,) = restored.execute(count).fetchone() or (0,)
                (here,) = server.execute(count).fetchone() or (0,)
                self.stdout.write(f"  {table:<20} {there:>12,} restored, {here:>12,} now")
                if is_fresh and there > here:
                    raise CommandError(f"{table}: more was restored than there is")

    def _audit(self, audit: str, copy: str) -> None:
        started = time.monotonic()
        command = [sys.executable, "manage.py", audit]
        ended = subprocess.run(command, cwd=settings.BASE_DIR, env=os.environ | {"DATABASE_URL": copy}, check=False)
        if ended.returncode:
            raise CommandError(f"{audit} of the restored database failed")
        self.stdout.write(f"{audit} in {time.monotonic() - started:.1f} s")

    def _run(self, done: str, program: str, *arguments: str) -> None:
        started = time.monotonic()
        ended = subprocess.run([_find(program), *arguments], check=False, capture_output=True, text=True)
        if ended.returncode:
            raise CommandError(f"{program} failed: {ended.stderr.strip()[:2000]}")
        self.stdout.write(f"{done} in {time.monotonic() - started:.1f} s")


def _find(program: str) -> str:
    """Find a program of PostgreSQL's that is not older than the server: on the path, or beside the embedded server.

    :raises CommandError: there is none; an older pg_dump refuses to work.
    """
    with psycopg.connect(settings.DATABASE_URL) as server:
        major = server.info.server_version // 10_000
    candidates = [shutil.which(program)]
    with suppress(EmbeddedServerError):  # a production machine need not have it
        candidates.append(str(programs_directory() / program))
    for found in candidates:
        if found is not None:
            said = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout
            number = re.search(r"\d+", said)
            if number is not None and int(number.group()) >= major:
                return found
    raise CommandError(f"no {program} of PostgreSQL {major} or newer is installed")


def _with_database(url: str, name: str) -> str:
    """Name another database of the same server."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))
