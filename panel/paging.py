"""Pages of lists that are read by key: the millionth row costs what the first does, and new rows shift nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

T = TypeVar("T")
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list; `next_key` is what the next page is asked for with, None at the end."""

    rows: Sequence[T]
    next_key: int | None


def read_page(found: QuerySet[Row], *, limit: int, key: str = "pk") -> Page[Row]:
    """Read the first rows of what is in order and starts where the page does.

    :param key: the column that says where the next page starts.
    """
    rows = list(found[: limit + 1])  # one more tells whether there is a next page
    return Page(rows[:limit], getattr(rows[limit - 1], key) if len(rows) > limit else None)


def read_newest(found: QuerySet[Row], *, before: int | None, limit: int, key: str = "pk") -> Page[Row]:
    """Read the rows with the highest keys, or the highest below one.

    :param before: the `next_key` of the page above.
    """
    found = found.order_by(f"-{key}")
    if before is not None:
        found = found.filter(**{f"{key}__lt": before})
    return read_page(found, limit=limit, key=key)
