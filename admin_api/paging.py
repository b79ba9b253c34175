"""Pages of lists: `limit` and `offset`, with links to the next page and back.

An offset is read through, so it is bounded; who wants what is further back narrows the list by time or by ids.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
OFFSET_MAX = 100_000
TIMEOUT_MILLISECONDS = 5000  # a list that takes longer was asked for too widely; it must not keep others waiting


class PageQuery(serializers.Serializer[Any]):
    """Which part of a list."""

    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT)
    offset = serializers.IntegerField(
        min_value=0,
        max_value=OFFSET_MAX,
        default=0,
        error_messages={
            "max_value": "Ensure this value is less than or equal to {max_value}. "
            "What is further back is found by created_from and created_to, or by ids."
        },
    )


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    rows: Sequence[Any]
    limit: int
    offset: int
    has_next: bool


def read_page(
    rows: QuerySet[Any], wanted: dict[str, Any], *, complete: Callable[[list[Any]], Sequence[Any]] | None = None
) -> Page:
    """Read a page, within bounds of time.

    :param complete: adds what the rows lack, for all of a page at once.
    :raises OperationalError: it took too long; see `answers`.
    """
    limit, offset = wanted["limit"], wanted["offset"]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MILLISECONDS}")
        found = list(rows[offset : offset + limit + 1])
        shown = found[:limit]
        return Page(complete(shown) if complete else shown, limit, offset, has_next=len(found) > limit)


def links(request: Request, page: Page) -> dict[str, Any]:
    """Return where the page before and the next one are, without the host; None where there is none."""
    return {
        "prev_page_href": _href(request, max(0, page.offset - page.limit)) if page.offset else None,
        "next_page_href": _href(request, page.offset + page.limit)
        if page.has_next and page.offset + page.limit <= OFFSET_MAX
        else None,
        "offset": page.offset,
        "limit": page.limit,
    }


def _href(request: Request, offset: int) -> str:
    query: QueryDict = request.query_params.copy()
    query["offset"] = str(offset)
    return f"{request.path}?{query.urlencode()}"
