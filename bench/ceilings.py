"""What the same server could do at best: bare views that do one thing each, outside of all middleware.

`/bench/empty`    a small answer, nothing else
`/bench/bytes`    as many bytes as the whole catalogue
`/bench/query?N`  one indexed query with the joins of a key check, for the N-th customer
`/bench/order?N`  the statement that places an order, for the N-th customer, with everything else decided
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse

from accounts import api_keys

PLAN_VARIABLE = "BENCH_CEILINGS"
PATH = "/bench/"

_QUERY = """
SELECT u.id, w.account_id, w.currency, w.balance, u.is_suspended OR NOT u.is_active, v.version, k.id,
    u.requests_per_second
FROM accounts_apikey k
JOIN accounts_user u ON u.id = k.user_id
JOIN wallet_wallet w ON w.user_id = u.id
JOIN catalog_catalogversion v ON v.id = 1
WHERE k.digest = %(digest)s AND k.revoked_at IS NULL
"""


class Plan(NamedTuple):
    """What the bare views need to know beforehand, written by `bench.__main__` to a file."""

    catalogue_bytes: int
    keys: list[str]
    order_sql: str
    order_parameters: list[dict[str, Any]]


def write_plan(plan: Plan, path: Path) -> None:
    """Leave the plan where the server's processes find it."""
    path.write_bytes(orjson.dumps(plan._asdict(), default=str))
    os.environ[PLAN_VARIABLE] = str(path)


class ServeCeilingsFirst:
    """Answer the bare views ahead of everything else, as the API is ahead of what pages need."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer `/bench/`, hand on everything else."""
        if request.path_info.startswith(PATH):
            return _VIEWS[request.path_info.removeprefix(PATH)](request)
        return self.get_response(request)


def _empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b'{"empty":true}', content_type="application/json")


def _bytes(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_catalogue_sized(), content_type="application/json")


def _query(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, {"digest": _digests()[_number(request)]})
        row = cursor.fetchone()
    return HttpResponse(orjson.dumps({"balance": str(row[3])}), content_type="application/json")


def _order(request: HttpRequest) -> HttpResponse:
    plan = _plan()
    with connection.cursor() as cursor:
        cursor.execute(plan.order_sql, plan.order_parameters[_number(request)])
        row = cursor.fetchone()
    return HttpResponse(orjson.dumps({"order": row[-1]}), content_type="application/json")


_VIEWS = {"empty": _empty, "bytes": _bytes, "query": _query, "order": _order}


def _number(request: HttpRequest) -> int:
    return int(request.META["QUERY_STRING"])


@functools.cache
def _plan() -> Plan:
    return Plan(**orjson.loads(Path(os.environ[PLAN_VARIABLE]).read_bytes()))


@functools.cache
def _digests() -> list[bytes | None]:
    return [api_keys.digest_key(key) for key in _plan().keys]


@functools.cache
def _catalogue_sized() -> bytes:
    # Like the catalogue a JSON list, which says so at its start.
    return b"[" + b" " * (_plan().catalogue_bytes - 2) + b"]"
