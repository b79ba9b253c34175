"""Rows out of hand-written statements that read only what a hot path needs.

Django compiles a query anew each time it is asked; with all columns of two tables, for longer than PostgreSQL takes to
answer it.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import JSONField, Model

M = TypeVar("M", bound=Model)


class Columns(Generic[M]):
    """Some columns of a table: what a statement selects of it, and the rows made of what that returns.

    The other columns of such a row are read when somebody asks for them. Not for JSON, which Django converts itself.
    """

    def __init__(self, model: type[M], columns: str = "") -> None:
        """Take the names as SQL has them, with commas between; none stands for all that are not JSON.

        :raises ValueError: the table has no such column.
        """
        fields = model._meta.concrete_fields  # noqa: SLF001 - Django's public name for it
        every = {field.attname for field in fields if not isinstance(field, JSONField)}
        wanted = set(columns.split(", ")) if columns else every
        self._model = model
        # `from_db` goes by position, and wants them in the model's order.
        self._names = [field.attname for field in fields if field.attname in wanted]
        if unknown := wanted.difference(self._names):
            raise ValueError(f"{model.__name__} has no {', '.join(sorted(unknown))}")

    def __len__(self) -> int:
        """Count the values of a row."""
        return len(self._names)

    def of(self, alias: str) -> str:
        """Return what to select of the table that has this alias."""
        return ", ".join(f'{alias}."{name}"' for name in self._names)

    def take(self, values: list[Any]) -> M:
        """Return the row that some values begin with, and take these away: what was joined comes apart in its order."""
        row = self.row(values[: len(self)])
        del values[: len(self)]
        return row

    def row(self, values: Sequence[Any]) -> M:
        """Return the row whose values were selected."""
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, values)
