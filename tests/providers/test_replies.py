"""What replies mean: every shape in which panels write the same, and nothing that is not it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import replies
from providers.adapter import ProviderBalance, ProviderService, Report, ReportedStatus
from providers.errors import Ambiguous, LinkBusy, ProviderError, Refused, RefusedForNow
from providers.replies import Reply

IDS = ["5001", "5002"]


def reply(payload: Any, status: int = 200) -> Reply:
    return Reply(status, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def report(status: str, start_count: int | None = None, remains: int | None = None) -> Report:
    return Report(ReportedStatus(status), start_count=start_count, remains=remains)


# --- add ---


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"order": 1832047}, "1832047"),
        ({"order": "1832047"}, "1832047"),
        ({"order": " 0001832047 "}, "1832047"),
        ({"order": 1832047.0}, "1832047"),
        ({"order": "1832047.00"}, "1832047"),
        ({"order": "1,832,047"}, "1832047"),
        (b'{"order": 1.832047e+06}', "1832047"),
        ({"order": 10**39}, str(10**39)),
        ({"order": "9" * 100}, "9" * 100),
        ({"order": "8c1f9f1e-07c5-4b52-9d9e-0d9f6a1f7a11"}, "8c1f9f1e-07c5-4b52-9d9e-0d9f6a1f7a11"),
        ({"order": "deadbeef01"}, "deadbeef01"),
        ({"order": "AB_12"}, "AB_12"),
        ({"status": "success", "order": 5}, "5"),
        ({"order": 5, "error": None}, "5"),
        ({"order": 5, "error": "", "errors": []}, "5"),
        ({"order": 5, "charge": "0.5", "currency": "USD", "balance": 1}, "5"),
        ('﻿{"order": 5}'.encode(), "5"),
        (b'\n\n {"order":5}\r\n', "5"),
    ],
)
def test_an_order_id(payload: Any, expected: str) -> None:
    assert replies.read_order(reply(payload)) == expected
    assert replies.read_order(reply(payload, 201)) == expected


@pytest.mark.parametrize(
    "payload",
    [
        *({"order": value} for value in (True, False, 0, -5, 1.5, None, "", " ", [], [5], {}, {"id": 5}, "0", "-5")),
        *(
            {"order": value}
            for value in ("1.5", "null", "error", "undefined", "success", "5 6", "12;34", "１２", "x" * 101)
        ),
        *({"order": value} for value in ("9" * 101, "1,83,2047", "<b>5</b>", "٣", "a/1", "5\0")),
        {"order": 5, "error": "Not enough funds on balance"},
        {"order": 5, "errors": ["x"]},
        {"order": 5, "error": True},
        {"order": 5, "status": "error"},
        {"order": 5, "status": "fail", "message": "Incorrect service ID"},
        {"error": "Mercury is in retrograde"},
        {"error": {"code": 5}},
        {"error": ["Incorrect service ID", "Bad link"]},
        {"error": True},
        {"error": 5},
        {"error": "Incorrect service ID " * 50},
        {"message": "Incorrect service ID"},
        {"data": {"order": 5}},
        {},
        [],
        [{"order": 5}],
        5,
        "5",
        None,
        True,
        b"",
        b"5001",
        b"<html></html>",
        b"\xff\xfe\x00",
        b'{"order": 5',
        b'{"order": 5}}',
        b'{"order": 5, "order": 6}',
        b'{"order": 5, "x": {"a": 1, "a": 2}}',
        b'{"order": NaN}',
        b'{"order": Infinity}',
        b'{"order": 5, "x": -Infinity}',
        b'{"order": 1e400}',
        b'{"order": 5, "x": 1e999999999999999999999}',
        b'{"order": 5, "x": 1e-999999}',
        b'{"order": ' + b"9" * 5000 + b"}",
        b'{"order": 5, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_may_mean_anything_is_ambiguous(payload: Any) -> None:
    with pytest.raises(Ambiguous):
        replies.read_order(reply(payload))


@pytest.mark.parametrize("status", [202, 204, 301, 302, 307, 400, 403, 404, 500, 502, 503, 520, 599, 999])
def test_an_id_counts_only_with_success(status: int) -> None:
    with pytest.raises(Ambiguous):
        replies.read_order(reply({"order": 5}, status))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Incorrect service ID", Refused),
        ("Not enough funds on balance", RefusedForNow),
        ("You have active order with this link. Please wait until order being completed.", LinkBusy),
    ],
)
def test_a_known_no_in_every_shape(text: str, error: type[ProviderError]) -> None:
    shapes: tuple[Any, ...] = (
        {"error": text},
        {"errors": text},
        {"error": [text]},
        {"error": {"message": text, "code": 7}},
        {"errors": [{"message": text}]},
        {"error": True, "message": text},
        {"status": "fail", "message": text},
        {"status": "error", "message": text},
        {"status": False, "message": text},
        {"order": None, "error": text},
        {"error": text, "detail": "This service needs the parameter 'comments'."},
    )
    for shape in shapes:
        for status in (200, 201, 400, 401, 402, 403, 404, 422):
            with pytest.raises(error) as caught:
                replies.read_order(reply(shape, status))
            assert type(caught.value) is error
        for status in (302, 500, 503):  # who fails has not decided
            with pytest.raises(Ambiguous):
                replies.read_order(reply(shape, status))


def test_429_is_a_no_for_now_whatever_the_body() -> None:
    for payload in (b"", b"<html>", {"error": "slow down"}, {"message": "Too Many Attempts."}, []):
        with pytest.raises(RefusedForNow):
            replies.read_order(reply(payload, 429))
    with pytest.raises(Ambiguous):
        replies.read_order(reply({"order": 5}, 429))


def test_evidence_is_text_that_the_database_takes() -> None:
    said = Reply(200, b"\0\xff" + "é".encode() * 5000)
    assert said.evidence.startswith("HTTP 200: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}éé")
    assert len(said.evidence) == replies.EVIDENCE_CHARACTERS_MAX
    assert Reply(301, b"", "https://\udcffx\0").evidence == "HTTP 301 to https://?x\N{REPLACEMENT CHARACTER}: "


# --- anything ---

WORDS = st.sampled_from(
    [
        *("order", "orders", "error", "errors", "status", "message", "refill", "cancel", "remains", "start_count"),
        *("balance", "currency", "service", "name", "type", "category", "rate", "min", "max", "5001", "5002"),
        *("Completed", "success", "Incorrect order ID", "Not enough funds on balance", "1", "0", "-1", "1e400"),
        *("", "\0", "\ud800"),
    ]
)
TEXTS = WORDS | st.text(max_size=20)
FLAT = st.none() | st.booleans() | TEXTS


def nested(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give lists and objects of these, and of themselves."""
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5), max_leaves=20
    )


ANYTHING = nested(FLAT | st.integers() | st.floats())
SENSIBLE = nested(FLAT | st.integers(-(10**30), 10**30) | st.floats(-1e30, 1e30).map(lambda number: round(number, 9)))
STATUS_CODES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 404, 429, 500, 999])


def texts_in(result: Any) -> Iterator[str]:
    """Give all text in a result."""
    if isinstance(result, str):
        yield result
    elif isinstance(result, ProviderService | ProviderBalance | Report):
        yield from texts_in(list(asdict(result).values()))
    elif isinstance(result, dict | list):
        for item in [*result, *result.values()] if isinstance(result, dict) else result:
            yield from texts_in(item)


def read_all(said: Reply) -> None:
    """Read a reply in every way: it gives what a database takes, or raises a ProviderError."""
    readers: list[Any] = [
        lambda: replies.read_order(said),
        lambda: replies.read_refill(said, "5001"),
        lambda: replies.read_statuses(said, IDS)[0],
        lambda: replies.read_statuses(said, IDS[:1])[0],
        lambda: replies.read_cancellations(said, IDS),
        lambda: replies.read_cancellations(said, IDS[:1]),
        lambda: replies.read_refill_statuses(said, IDS)[0],
        lambda: replies.read_services(said)[0],
        lambda: replies.read_balance(said),
    ]
    for read in readers:
        try:
            result = read()
        except ProviderError as error:
            result = error.evidence
        assert not isinstance(result, dict) or set(result) <= set(IDS)
        for text in texts_in(result):
            assert "\0" not in text
            text.encode()  # half a character would not do


@settings(max_examples=500, deadline=None)
@given(payload=ANYTHING, status=STATUS_CODES)
def test_any_json_is_a_result_or_a_provider_error(payload: Any, status: int) -> None:
    read_all(Reply(status, json.dumps(payload).encode()))


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=200), status=STATUS_CODES)
def test_any_bytes_are_a_result_or_a_provider_error(body: bytes, status: int) -> None:
    read_all(Reply(status, body, "\udcff\0"))


@settings(max_examples=300, deadline=None)
@given(item=SENSIBLE)
def test_any_item_leaves_its_neighbour_alone(item: Any) -> None:
    payload = {"5001": item, "5002": {"status": "Completed", "remains": "0"}}
    reports, _ = replies.read_statuses(reply(payload), IDS)
    assert reports["5002"] == report("Completed", None, 0)
