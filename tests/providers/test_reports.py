"""What replies say of orders, refills, the catalogue and our money: one bad item costs nobody else."""

import json
from decimal import Decimal
from typing import Any

import pytest

from providers import replies
from providers.adapter import ProviderBalance, ProviderService, Report, ReportedRefillStatus, ReportedStatus
from providers.errors import Ambiguous, Refused, RefusedForNow
from providers.replies import Reply

IDS = ["5001", "5002"]


def reply(payload: Any, status: int = 200) -> Reply:
    return Reply(status, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def report(status: str, start_count: int | None = None, remains: int | None = None) -> Report:
    return Report(ReportedStatus(status), start_count=start_count, remains=remains)


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
