"""What replies mean: every shape in which panels write the same, and nothing that is not it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import replies
from providers.adapter import ProviderBalance, ProviderService, Report, ReportedRefillStatus, ReportedStatus
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


# --- status ---


def test_statuses_keyed_by_id() -> None:
    payload = {
        "5001": {
            "charge": "0.85",
            "start_count": "12450",
            "status": "In progress",
            "remains": "240",
            "currency": "USD",
        },
        "5002": {"error": "Incorrect order ID"},
        "9999": {"status": "Completed", "remains": "0"},
    }
    assert replies.read_statuses(reply(payload), IDS) == ({"5001": report("In progress", 12450, 240)}, {})


def test_one_bad_item_costs_nobody_else() -> None:
    for bad in (
        None,
        5,
        "x",
        [],
        {},
        {"status": "Lost in space"},
        {"status": 5},
        {"error": "who knows"},
        {"status": None},
    ):
        reports, unreadable = replies.read_statuses(reply({"5001": bad, "5002": {"status": "Pending"}}), IDS)
        assert reports == {"5002": report("Pending")}
        assert list(unreadable) == ["5001"]


def test_an_unknown_order_is_nothing_to_tell() -> None:
    for unknown in ("Incorrect order ID", {"error": "Incorrect order ID"}, {"error": {"message": "Order not found"}}):
        assert replies.read_statuses(reply({"5001": unknown}), IDS) == ({}, {})
        assert replies.read_statuses(reply({"5001": unknown}), IDS[:1]) == ({}, {})
    assert replies.read_statuses(reply({"error": "Incorrect order ID"}), IDS[:1]) == ({}, {})


def test_other_shapes_of_the_same() -> None:
    one = {"status": "Completed", "start_count": 7, "remains": 0}
    expected = {"5001": report("Completed", 7, 0)}
    assert replies.read_statuses(reply([{"order": 5001, **one}, {"order": "9", **one}]), IDS) == (expected, {})
    assert replies.read_statuses(reply([{"order": "5001", **one}]), IDS[:1]) == (expected, {})
    assert replies.read_statuses(reply(one), IDS[:1]) == (expected, {})
    assert replies.read_statuses(reply({"order": 5001, **one}), IDS[:1]) == (expected, {})
    assert replies.read_statuses(reply({"5001": one}), IDS[:1]) == (expected, {})
    # Not said of which:
    assert replies.read_statuses(reply(one), IDS) == ({}, {})
    assert replies.read_statuses(reply([one, one]), IDS) == ({}, {})
    assert replies.read_statuses(reply({"order": 9, **one}), IDS[:1]) == ({}, {})
    # Said twice: the first counts.
    twice = [{"order": 5001, **one}, {"order": 5001, "status": "Canceled"}]
    assert replies.read_statuses(reply(twice), IDS) == (expected, {})


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *(("Pending", "Pending"), ("PENDING ", "Pending"), ("Awaiting", "Pending"), ("Queued", "Pending")),
        *(("Processing", "Processing"), ("In progress", "In progress"), ("In Progress", "In progress")),
        *(("Inprogress", "In progress"), ("in_progress", "In progress"), ("in-progress", "In progress")),
        *(("Active", "In progress"), ("Completed", "Completed"), ("Complete", "Completed"), ("completed", "Completed")),
        *(("Partial", "Partial"), ("Partially completed", "Partial"), ("Partially Completed", "Partial")),
        *(("Canceled", "Canceled"), ("Cancelled", "Canceled"), ("canceled", "Canceled"), ("Refunded", "Canceled")),
    ],
)
def test_words_for_a_status(word: str, status: str) -> None:
    assert replies.read_statuses(reply({"5001": {"status": word}}), IDS) == ({"5001": report(status)}, {})


@pytest.mark.parametrize("word", ["Success", "Error", "Fail", "Expired", "Paused", "", "completed?", "In", "☃"])
def test_words_that_could_mean_several_things_are_none(word: str) -> None:
    reports, unreadable = replies.read_statuses(reply({"5001": {"status": word, "remains": 0}}), IDS)
    assert reports == {}
    assert list(unreadable) == ["5001"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *((240, 240), ("240", 240), (240.0, 240), ("240.00", 240), ("1,234,567", 1_234_567), (" 7 ", 7), ("+7", 7)),
        *((-5, -5), ("-5", -5), (0, 0), ("0", 0), (999_999_999_999, 999_999_999_999), ("007", 7)),
        *((None, None), ("", None), (" ", None), ("-", None), ("n/a", None), (True, None), ([], None), ({}, None)),
        *((1.5, None), ("1.5", None), (10**18, None), (-(10**18), None), ("1" * 30, None), ("1" * 5000, None)),
        *(("1,23", None), ("１２", None), ("1e3", None), ("0x10", None), ("1_000", None), ("NaN", None)),
    ],
)
def test_numbers_as_panels_write_them(written: Any, read: int | None) -> None:
    payload = {"5001": {"status": "Partial", "remains": written, "start_count": written}}
    assert replies.read_statuses(reply(payload), IDS) == ({"5001": report("Partial", read, read)}, {})


def test_a_no_to_the_whole_batch() -> None:
    for text, error in (("Invalid API key", RefusedForNow), ("Incorrect request", Refused), ("Surprise", Ambiguous)):
        with pytest.raises(error) as caught:
            replies.read_statuses(reply({"error": text}), IDS)
        assert type(caught.value) is error
    with pytest.raises(RefusedForNow):
        replies.read_statuses(reply({"error": "Invalid API key"}), IDS[:1])
    for payload, status in (
        (b"<html>", 200),
        ("Completed", 200),
        (None, 200),
        ({"5001": {"status": "Completed"}}, 500),
    ):
        with pytest.raises(Ambiguous):
            replies.read_statuses(reply(payload, status), IDS)


def test_an_empty_batch_in_both_of_php_s_shapes() -> None:
    assert replies.read_statuses(reply([]), IDS) == ({}, {})
    assert replies.read_statuses(reply({}), IDS) == ({}, {})


# --- cancel, refill, refill_status ---


@pytest.mark.parametrize("yes", [1, True, "1", "true", "OK", "success", "requested"])
def test_a_cancellation_that_was_taken_on(yes: Any) -> None:
    shapes: list[Any] = [[{"order": 5001, "cancel": yes}], {"5001": {"cancel": yes}}, {"5001": yes}]
    shapes.append([{"order": "5001", "cancel": yes}, {"order": 7, "cancel": yes}])
    for shape in shapes:
        assert replies.read_cancellations(reply(shape), IDS) == {"5001": "accepted"}
    for shape in ({"cancel": yes}, {"order": 5001, "cancel": yes}):
        assert replies.read_cancellations(reply(shape), IDS[:1]) == {"5001": "accepted"}


def test_a_cancellation_that_was_not() -> None:
    text = "Order already completed"
    for shape in ([{"order": 5001, "cancel": {"error": text}}], {"5001": {"error": text}}, {"5001": text}):
        assert replies.read_cancellations(reply(shape), IDS) == {"5001": text}
    assert replies.read_cancellations(reply({"error": text}), IDS[:1]) == {"5001": text}
    assert replies.read_cancellations(reply({"5001": {"cancel": 0}}), IDS) == {"5001": "an answer nobody can read"}
    assert replies.read_cancellations(reply({"5001": {"error": "a\0b"}}), IDS) == {"5001": "a�b"}
    with pytest.raises(RefusedForNow):
        replies.read_cancellations(reply({"error": "Invalid API key"}), IDS[:1])


@pytest.mark.parametrize(
    "payload",
    [
        *({"refill": "8821"}, {"refill": 8821}, {"refill": 8821.0}, {"order": 5001, "refill": "8821"}),
        *([{"order": 5001, "refill": 8821}], {"5001": {"refill": "8821"}}, {"status": "success", "refill": 8821}),
    ],
)
def test_a_refill_id(payload: Any) -> None:
    assert replies.read_refill(reply(payload), "5001") == "8821"


@pytest.mark.parametrize("text", ["Refill not available", "Order not eligible for refill", "Incorrect order ID"])
def test_a_refill_that_is_refused(text: str) -> None:
    for payload in ({"error": text}, {"refill": {"error": text}}, [{"order": 5001, "refill": {"error": text}}]):
        with pytest.raises(Refused):
            replies.read_refill(reply(payload), "5001")


@pytest.mark.parametrize(
    "payload",
    [
        *({"refill": True}, {"refill": 0}, {"refill": None}, {"refill": "yes"}, {"refill": {}}, {"refill": []}, {}, []),
        *({"order": 9, "refill": 8821}, {"refill": 8821, "error": "x"}, {"error": "Surprise"}, 8821, None, "8821"),
        *({"refill": {"refill": 5, "error": "x"}}, [{"order": 9, "refill": 8821}], {"5001": None}),
    ],
)
def test_a_refill_that_may_mean_anything(payload: Any) -> None:
    with pytest.raises(Ambiguous):
        replies.read_refill(reply(payload), "5001")


def test_refill_statuses() -> None:
    payload: Any = [
        {"refill": 8821, "status": "Completed"},
        {"refill": "8822", "status": "in_progress"},
        {"refill": 8823, "status": {"error": "Refill not found"}},
        {"refill": 8824, "status": "Sometime"},
        {"refill": 9999, "status": "Completed"},
    ]
    asked = ["8821", "8822", "8823", "8824"]
    expected = {"8821": ReportedRefillStatus.COMPLETED, "8822": ReportedRefillStatus.IN_PROGRESS}
    reports, unreadable = replies.read_refill_statuses(reply(payload), asked)
    assert (reports, list(unreadable)) == (expected, ["8824"])
    assert replies.read_refill_statuses(reply({"status": "Rejected"}), ["8821"])[0] == {"8821": "Rejected"}
    assert replies.read_refill_statuses(reply({"8821": "Pending"}), asked)[0] == {"8821": "Pending"}
    assert replies.read_refill_statuses(reply({"error": "Refill not found"}), ["8821"]) == ({}, {})


# --- services, balance ---

ENTRY = {
    "service": 1,
    "name": "Followers",
    "type": "Default",
    "category": "First",
    "rate": "0.90",
    "min": "50",
    "max": "10000",
    "refill": True,
    "cancel": False,
}


def test_a_catalogue() -> None:
    (service,), left_out = replies.read_services(reply([ENTRY]))
    assert left_out == 0
    assert service == ProviderService(
        id="1",
        name="Followers",
        type="Default",
        category="First",
        cost=Decimal("0.90"),
        min=50,
        max=10_000,
        refill=True,
        cancel=False,
        dripfeed=False,
    )


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"service": None},
            {"service": 0},
            {"service": "a b"},
            {"name": ""},
            {"name": 5},
            {"type": None},
            {"rate": None},
        ),
        *(
            {"rate": "free"},
            {"rate": -1},
            {"rate": "-0.01"},
            {"rate": "1e5"},
            {"rate": 10**15},
            {"min": None},
            {"min": -1},
        ),
        *({"max": "lots"}, {"min": 5, "max": 4}, {"max": 10**18}, {"category": " "}, {"service": True}, {"rate": True}),
    ],
)
def test_an_entry_that_nobody_can_read_is_left_out(change: dict[str, Any]) -> None:
    payload = [ENTRY | {"service": 2}, ENTRY | change]
    found, left_out = replies.read_services(reply(payload))
    assert ([service.id for service in found], left_out) == (["2"], 1)


@pytest.mark.parametrize("entry", [None, 5, "x", [], {}, True])
def test_entries_that_are_none(entry: Any) -> None:
    found, left_out = replies.read_services(reply([entry, ENTRY, ENTRY]))
    assert ([service.id for service in found], left_out) == (["1"], 2)


def test_costs_are_exact() -> None:
    for written, cost in ((0.1, "0.1"), ("1,234.5", "1234.5"), (2, "2"), ("0", "0"), (b"1.10", "1.10"), (1e-7, "1e-7")):
        text = written.decode() if isinstance(written, bytes) else json.dumps(written)
        body = json.dumps(ENTRY).replace('"0.90"', text).encode()
        ((service,), _) = replies.read_services(reply(b"[" + body + b"]"))
        assert service.cost == Decimal(cost)


def test_flags_however_written() -> None:
    for yes in (True, 1, "1", "true", "Yes"):
        assert replies.read_services(reply([ENTRY | {"cancel": yes}]))[0][0].cancel
    for no in (False, 0, "0", "false", None, "", [], {}, "no"):
        assert not replies.read_services(reply([ENTRY | {"cancel": no}]))[0][0].cancel


def test_what_is_no_catalogue() -> None:
    assert replies.read_services(reply([])) == ([], 0)
    assert len(replies.read_services(reply({"1": ENTRY, "2": ENTRY | {"service": 2}}))[0]) == 2
    with pytest.raises(RefusedForNow):
        replies.read_services(reply({"error": "Invalid API key"}))
    for payload in ({}, {"data": []}, None, 5, {"error": {"message": "Surprise"}}):
        with pytest.raises(Ambiguous):
            replies.read_services(reply(payload))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"balance": "247.30418", "currency": "USD"}, ProviderBalance(Decimal("247.30418"), "USD")),
        ({"balance": 100, "currency": "eur"}, ProviderBalance(Decimal(100), "EUR")),
        ({"balance": "1,247.5"}, ProviderBalance(Decimal("1247.5"), None)),
        ({"balance": "-3.2", "currency": "dollars"}, ProviderBalance(Decimal("-3.2"), None)),
        ({"status": "success", "balance": "0", "currency": None}, ProviderBalance(Decimal(0), None)),
    ],
)
def test_a_balance(payload: Any, expected: ProviderBalance) -> None:
    assert replies.read_balance(reply(payload)) == expected


def test_what_is_no_balance() -> None:
    for payload in ({}, {"balance": None}, {"balance": "lots"}, {"balance": True}, {"balance": 10**16}, [], 5):
        with pytest.raises(Ambiguous):
            replies.read_balance(reply(payload))
    with pytest.raises(RefusedForNow):
        replies.read_balance(reply({"error": "Invalid API key", "balance": 5}))


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
