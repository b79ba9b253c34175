"""Remember calls for the customers' pages, without making any caller wait for it.

A request leaves what it knows in memory; one thread per web process writes it down every second. What that thread
cannot write is dropped: nothing but two pages of the dashboard is made of it.
"""

import json
import logging
import os
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.http import HttpResponse

from api_v2.authentication import Caller
from api_v2.models import ANSWER_MAX_CHARACTERS, Outcome
from api_v2.params import Sent
from api_v2.redaction import MARGIN, redact, redact_parameter
from api_v2.throttling import address_candidates, first_address
from api_v2.times import ALL_TIME_HOUR, BOUNDS_US, STEPS

WRITE_EVERY_SECONDS = 1.0
# Of one key, between two writes. A person looks at a few; refusals are what one looks for.
NEWEST_KEPT = 20
REFUSALS_KEPT = 30
PENDING_MAX = 2000  # calls in memory, of all keys: some megabytes
# Of all keys: the thread shares the interpreter with those that answer. With 2,000 rows a second it was the slowest one
# percent of all answers.
ROWS_PER_WRITE = 60
PARAMETERS_MAX = 20
NAME_MAX_CHARACTERS = 40
VALUE_MAX_CHARACTERS = 500
SMALL_BYTES = 4000  # of a request
HOUR_SECONDS = 3600

OK, REFUSED, FAILED = (outcome.value for outcome in Outcome)
_NOTHING: dict[str, Any] = {}

logger = logging.getLogger(__name__)


class Call:
    """What is known of a call so far; `api_v2.views` fills it in while answering."""

    __slots__ = ("action", "caller", "facts", "key", "meta", "sent", "started")

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self.started = time.perf_counter()
        self.meta = meta
        self.sent: Sent = _NOTHING
        self.key = ""
        self.caller: Caller | None = None
        self.action = ""
        self.facts: Mapping[str, Any] = _NOTHING  # of the refusal


class _Piece(NamedTuple):
    name: str
    text: str
    length: int


class _Pending(NamedTuple):
    """A call that waits to be written: what a request can hand over without looking at it."""

    customer_id: int
    key_id: int
    key: str  # stays in memory, and only until its call is written
    action: str
    at: float
    method: str
    addresses: list[str]
    sent: Sent | list[_Piece]
    parameters: int
    facts: Mapping[str, Any]
    answer: bytes
    answer_bytes: int
    status: int
    outcome: str
    latency_us: int


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    total_us: int = 0
    max_us: int = 0


# (key, hour since 1970, action, outcome)
_Tallied = tuple[int, int, str, str]
# The same of all keys, and how many calls took how long: `times.BOUNDS_US`, then the sum in microseconds.
_Timed = tuple[int, str, str]


class Recorder:
    """What one process has to write down."""

    def __init__(self, *, starts_writer: bool = True) -> None:
        self._starts_writer = starts_writer
        self.dropped = 0
        self.forget()

    def forget(self) -> None:
        """Begin anew, also in a fork: its parent's thread is not there, and its parent's calls are its parent's."""
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._tallies: dict[_Tallied, _Tally] = {}
        self._times: dict[_Timed, list[int]] = {}
        self._kept: dict[tuple[int, bool], deque[_Pending]] = {}
        self._pending = 0

    def record(self, call: Call, *, answer: object, response: HttpResponse) -> None:
        """Remember a call of a known key; never raises, never waits for anything but memory."""
        if call.caller is None:
            return
        try:
            self._remember(_pending(call, call.caller, answer=answer, response=response))
        except Exception:
            logger.exception("an API call was not recorded")

    def _remember(self, pending: _Pending) -> None:
        key_id, outcome, latency_us = pending.key_id, pending.outcome, pending.latency_us
        is_refusal = outcome != OK
        hour = int(pending.at) // HOUR_SECONDS
        counted = (key_id, hour, pending.action, outcome)
        timed = (hour, pending.action, outcome)
        step = bisect_left(BOUNDS_US, latency_us)
        with self._lock:
            times = self._times.get(timed)
            if times is None:
                times = self._times[timed] = [0] * (STEPS + 1)
            times[step] += 1
            times[STEPS] += latency_us
            tally = self._tallies.get(counted)
            if tally is None:
                tally = self._tallies[counted] = _Tally()
            tally.calls += 1
            tally.total_us += latency_us
            tally.max_us = max(tally.max_us, latency_us)
            self._keep(pending, is_refusal=is_refusal)
            if self._writer is None and self._starts_writer:
                # Not a daemon, as the web server's threads are: an ending process waits for it and loses nothing.
                self._writer = threading.Thread(target=self._write_for_ever, name="api-calls", daemon=False)
                self._writer.start()

    def _write_for_ever(self) -> None:
        while threading.main_thread().is_alive():
            time.sleep(WRITE_EVERY_SECONDS)
            self.write()
        self.write(rows_max=PENDING_MAX)
        connection.close()

    def write(self, *, rows_max: int = ROWS_PER_WRITE) -> None:
        """Write down all that was counted and some of the calls; what cannot be written is dropped and counted."""
        with self._lock:
            tallies, times = self._tallies, self._times
            self._tallies, self._times = {}, {}
            calls = self._take(rows_max)
        if not tallies and not calls:
            return
        try:
            # The database may have been restarted since the last time.
            if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
                connection.close()
            rows = [_row(pending) for pending in sorted(calls, key=attrgetter("at"))]
            with transaction.atomic():
                if tallies:
                    _add_counts(tallies)
                    _add_times(times)
                _add_calls(rows)
        except Exception as error:  # noqa: BLE001 (whatever it was: the next second is another try)
            lost = sum(tally.calls for tally in tallies.values())
            self.dropped += lost
            logger.warning("%d API calls were not recorded, %d so far: %s", lost, self.dropped, error)

    def _take(self, rows_max: int) -> list[_Pending]:
        """Take the newest calls of the keys that have waited for the longest, of each as many; the lock is held."""
        share = rows_max if self._pending <= rows_max else max(1, rows_max // len(self._kept))
        taken: list[_Pending] = []
        for key in list(islice(self._kept, rows_max)):
            calls = self._kept.pop(key)
            self._pending -= len(calls)
            taken += islice(calls, max(0, len(calls) - share), None)
        return taken

    def _keep(self, pending: _Pending, *, is_refusal: bool) -> None:
        """Keep a call until it is written, instead of an older one where there is no room; the lock is held."""
        name = (pending.key_id, is_refusal)
        most = REFUSALS_KEPT if is_refusal else NEWEST_KEPT
        if len(self._kept.get(name, ())) == most:
            self._forget_oldest(name)
        elif self._pending >= PENDING_MAX:
            self._forget_oldest(next(iter(self._kept)))  # of the key that has waited for the longest
        self._kept.setdefault(name, deque()).append(pending)
        self._pending += 1

    def _forget_oldest(self, name: tuple[int, bool]) -> None:
        calls = self._kept[name]
        calls.popleft()
        self._pending -= 1
        if not calls:
            del self._kept[name]


recorder = Recorder()
os.register_at_fork(after_in_child=recorder.forget)


def _pending(call: Call, caller: Caller, *, answer: object, response: HttpResponse) -> _Pending:
    meta, sent, body, status = call.meta, call.sent, response.content, response.status_code
    assert caller.api_key_id is not None
    # A small request, as nearly all are, is handed over as it is: every microsecond here is one of the caller's.
    is_small = 0 < int(meta.get("CONTENT_LENGTH") or 0) <= SMALL_BYTES
    return _Pending(
        caller.user_id,
        caller.api_key_id,
        call.key,
        call.action,
        time.time(),
        meta["REQUEST_METHOD"],
        address_candidates(meta),
        sent if is_small else _cut(sent),
        len(sent),
        call.facts,
        body[: ANSWER_MAX_CHARACTERS + MARGIN],
        len(body),
        status,
        _outcome(answer, status),
        int((time.perf_counter() - call.started) * 1_000_000),
    )


def _outcome(answer: object, status: int) -> str:
    """Tell a refusal by the answer: the status of one order that is not there is refused without an exception."""
    if status >= 500:  # noqa: PLR2004
        return FAILED
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        return REFUSED
    return OK


def _cut(sent: Sent) -> list[_Piece]:
    """Cut what was sent to little more than will be kept: a request may bring a megabyte."""
    pieces = []
    for name, value in islice(sent.items(), PARAMETERS_MAX):
        text = value if isinstance(value, str) else ",".join(value)
        pieces.append(_Piece(name[: NAME_MAX_CHARACTERS + MARGIN], text[: VALUE_MAX_CHARACTERS + MARGIN], len(text)))
    return pieces


def _row(pending: _Pending) -> dict[str, Any]:
    """Return what is kept of a call, by column."""
    key, sent = pending.key, pending.sent
    address = first_address(pending.addresses)
    return {
        "customer_id": pending.customer_id,
        "key_id": pending.key_id,
        "at": datetime.fromtimestamp(pending.at, UTC).isoformat(),
        "method": pending.method,
        "action": pending.action,
        "sent": [
            [
                redact(piece.name, key=key, limit=NAME_MAX_CHARACTERS),
                redact_parameter(piece.name, piece.text, key=key, limit=VALUE_MAX_CHARACTERS),
                piece.length,
            ]
            for piece in (sent if isinstance(sent, list) else _cut(sent))
        ],
        "parameters": pending.parameters,
        "answer": redact(pending.answer.decode(errors="ignore"), key=key, limit=ANSWER_MAX_CHARACTERS),
        "answer_bytes": pending.answer_bytes,
        "status": pending.status,
        "outcome": pending.outcome,
        "facts": {name: fact for name, fact in pending.facts.items() if isinstance(fact, int | str)},
        "latency_us": pending.latency_us,
        "ip": None if address is None else str(address),
    }


_COLUMNS = (
    "customer_id, key_id, at, method, action, sent, parameters, answer, answer_bytes, status, outcome, facts,"
    " latency_us, ip"
)
# One document: written as rows or columns, each quotation mark of the answers would be looked at in Python.
_ADD_CALLS = f"""
INSERT INTO api_v2_recordedcall ({_COLUMNS})
SELECT {_COLUMNS} FROM json_populate_recordset(NULL::api_v2_recordedcall, %s::json)
"""


def _add_calls(rows: Sequence[Mapping[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADD_CALLS, [json.dumps(rows)])


_ADD_COUNTS = """
INSERT INTO api_v2_callcount AS kept (key_id, hour, action, outcome, calls, total_us, max_us)
SELECT key_id, to_timestamp(hour * 3600), action, outcome, calls, total_us, max_us
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS fresh (key_id, hour, action, outcome, calls, total_us, max_us)
ON CONFLICT (key_id, hour, action, outcome) DO UPDATE SET
    calls = kept.calls + excluded.calls,
    total_us = kept.total_us + excluded.total_us,
    max_us = greatest(kept.max_us, excluded.max_us)
"""


def _add_counts(tallies: Mapping[_Tallied, _Tally]) -> None:
    # In one order in every process, or two of them could each wait for a row that the other holds.
    rows = [
        (*counted, tally.calls, tally.total_us, tally.max_us)
        for counted, tally in sorted(tallies.items(), key=lambda item: item[0])
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD_COUNTS, [list(column) for column in zip(*rows, strict=True)])


_ADD_TIMES = """
INSERT INTO api_v2_calltime AS kept (hour, action, outcome, steps, total_us)
SELECT to_timestamp(hour * 3600), action, outcome, string_to_array(steps, ' ')::bigint[], total_us
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[])
    AS fresh (hour, action, outcome, steps, total_us)
ON CONFLICT (hour, action, outcome) DO UPDATE SET
    steps = ARRAY(
        SELECT coalesce(old, 0) + coalesce(new, 0)
        FROM unnest(kept.steps, excluded.steps) WITH ORDINALITY AS pair (old, new, number) ORDER BY number
    ),
    total_us = kept.total_us + excluded.total_us
"""


def _add_times(times: dict[_Timed, list[int]]) -> None:
    """Add to the rows of their hours and to those of all time, in one order in every process."""
    sums: dict[_Timed, list[int]] = {}
    for (_, action, outcome), counts in times.items():
        known = sums.setdefault((ALL_TIME_HOUR, action, outcome), [0] * (STEPS + 1))
        for number, count in enumerate(counts):
            known[number] += count
    rows = [
        (*timed, " ".join(map(str, counts[:STEPS])), counts[STEPS]) for timed, counts in sorted((times | sums).items())
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD_TIMES, [list(column) for column in zip(*rows, strict=True)])
