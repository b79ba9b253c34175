"""The oracle itself: what it says of duplicates and deliveries must be true, and its faults repeatable."""

import json
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from tests.fake_provider.book import Book
from tests.fake_provider.faults import FAULTS, Programme
from tests.fake_provider.server import KEY, TEXTS, FakeProvider, _Handler

LINK = "https://example.com/a"


def take(book: Book, link: str = LINK, quantity: int = 100, service: str = "1") -> str:
    return book.take(service=service, link=link, quantity=quantity, parameters={}).id


def ask(url: str, **fields: str) -> Any:
    data = urllib.parse.urlencode({"key": KEY, **fields}).encode()
    with urllib.request.urlopen(url, data, timeout=30) as response:
        return json.load(response)


def test_duplicates_are_what_was_taken_twice() -> None:
    book = Book()
    take(book)
    take(book, quantity=200)
    take(book, service="2")
    take(book, link=f"{LINK}/b")
    assert book.duplicates() == []
    take(book)
    take(book)
    assert book.duplicates() == [LINK]
    assert len(book.orders_for(LINK)) == 5


def test_orders_advance_to_the_end_their_link_chooses() -> None:
    book = Book()
    ends = {"": ("Completed", "0"), "partial": ("Partial", "40"), "cancel": ("Canceled", "100")}
    orders = {word: take(book, f"{LINK}/{word}") for word in ends}
    slow = take(book, f"{LINK}/slow")
    seen = []
    for seconds in (0, 2, 3, 1000):
        book.advance(seconds)
        seen.append(book.report(orders[""])["status"])
    assert seen == ["Pending", "Processing", "In progress", "Completed"]
    for word, (status, remains) in ends.items():
        report = book.report(orders[word])
        assert (report["status"], report["remains"]) == (status, remains)
    assert book.report(slow)["status"] == "Completed"
    assert book.report("404") is None


def test_a_cancellation_keeps_what_was_delivered() -> None:
    book = Book()
    early, late = take(book), take(book)
    assert book.cancel(early) is None
    book.advance(9)
    assert book.cancel(late) is None
    book.advance(1000)
    assert [book.report(one)["status"] for one in (early, late)] == ["Canceled", "Partial"]
    assert book.report(late)["remains"] == "50"
    assert book.cancel(late) == "Order already completed"


def test_a_book_comes_back_as_it_was() -> None:
    book = Book()
    order_id = take(book)
    book.advance(100)
    refill_id, _ = book.refill(order_id)
    copy = Book()
    copy.load(json.loads(json.dumps(book.dump())))
    assert copy.dump() == book.dump()
    assert copy.refill_status(refill_id) == "Pending"
    assert take(copy) != order_id


def test_every_fault_can_happen() -> None:
    for name in FAULTS:
        assert name in TEXTS or hasattr(_Handler, "_fail_" + name.removeprefix("accept_")), name


def test_chances_are_the_same_for_the_same_seed() -> None:
    def play(seed: int) -> list[str | None]:
        programme = Programme(seed=seed)
        programme.load({"chances": {"hang": 0.1, "add:accept_reset": 0.2}})
        chosen = [programme.choose("add") for _ in range(500)]
        return [fault and fault.name for fault in chosen]

    assert play(1) == play(1) != play(2)
    assert 30 < play(1).count("hang") < 80
    assert 70 < play(1).count("accept_reset") < 140


def test_a_chance_is_for_its_action() -> None:
    programme = Programme()
    programme.fail_by_chance("hang", 1.0, action="add")
    programme.fail_next("reset", None, "html", action="status")
    assert programme.choose("balance") is None
    assert programme.choose("add").name == "hang"
    assert [fault and fault.name for fault in (programme.choose("status") for _ in range(4))] == [
        *("reset", None, "html", None),
    ]
    with pytest.raises(ValueError, match="no fault is called"):
        programme.fail_next("hnag")


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    fake.start()
    yield fake
    fake.stop()


def test_it_comes_back_on_its_port(fake: FakeProvider) -> None:
    fake.fail_next("reset")
    with pytest.raises(OSError, match="reset"):
        ask(fake.url, action="balance")
    fake.stop()
    with pytest.raises(OSError, match="refused"):
        ask(fake.url, action="balance")
    fake.start()
    assert ask(fake.url, action="balance")["currency"] == "USD"
    assert ask(fake.url, action="balance", key="x") == {"error": "Invalid API key"}


def test_it_runs_as_a_program_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "tests.fake_provider", "--speed", "0", "--faults", "add:accept_http_500=1"]
    with subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        url = said[3]
        root = url.removesuffix("/api/v2")
        with pytest.raises(OSError, match="500"):
            ask(url, action="add", service="1", link=LINK, quantity="100")

        def post(path: str, **what: Any) -> Any:
            return json.load(urllib.request.urlopen(root + path, json.dumps(what).encode(), timeout=30))

        assert post("/programme", next={"balance": ["rate_limited"]}) == {"ok": True}
        assert post("/advance", seconds=1000) == {"ok": True}
        with pytest.raises(OSError, match="429"):
            ask(url, action="balance")
        book = json.load(urllib.request.urlopen(f"{root}/book.json", timeout=30))
        assert [(order["link"], order["status"]) for order in book["orders"]] == [(LINK, "Completed")]
        assert [call["action"] for call in book["received"]] == ["add", "balance"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
