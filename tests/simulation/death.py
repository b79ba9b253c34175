"""How a worker dies in the middle of its work: at a named point, and for good."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from catalog import snapshot
from panel import checkpoints


class Killed(BaseException):
    """kill -9, as far as Python can be made to feel it."""


class Death:
    """Lets the worker die when it reaches a point for the first time; None lets it live."""

    def __init__(self, point: str | None) -> None:
        self.point = point
        self.reached: list[str] = []
        self.has_come = False

    def __call__(self, name: str) -> None:
        self.reached.append(name)
        if name == self.point and not self.has_come:
            self.has_come = True
            # The dead write nothing: without this, `finally` and `except` would go on talking to the database.
            connection.execute_wrappers.append(_undo_only)
            raise Killed


@contextmanager
def dying_at(point: str | None) -> Iterator[Death]:
    """Run a block as a process that dies at a point; afterwards its transaction and its memory are gone."""
    death = Death(point)
    checkpoints.listener = death
    try:
        yield death
    except Killed:
        pass
    finally:
        checkpoints.listener = None
        if death.has_come:
            connection.execute_wrappers.remove(_undo_only)
            snapshot._current = None


def _undo_only(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Let the open transaction be rolled back, which PostgreSQL does by itself when a client is gone."""
    if sql.startswith(("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")):
        return execute(sql, params, many, context)
    raise Killed
