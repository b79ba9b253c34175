"""The client over real sockets, against a panel that fails in every way."""

import socket
import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from catalog.types import LINE_PARAMETERS, TYPES
from providers import network
from providers.adapter import Report, ReportedStatus
from providers.client import CATALOGUE_BYTES_MAX, QUANTITY_NOT_SENT, PanelClient
from providers.errors import Ambiguous, LinkBusy, NotSent, ProviderError, Refused, RefusedForNow
from tests.fake_provider.book import Goods
from tests.fake_provider.faults import FAULTS
from tests.fake_provider.fixtures import BoughtFrom

LINK = "https://instagram.com/your_handle"

# What an order comes to under each fault, and how often it was taken.
OUTCOMES: dict[str, tuple[type[ProviderError], int]] = {
    "refuse": (Refused, 0),
    "refuse_for_now": (RefusedForNow, 0),
    "rate_limited": (RefusedForNow, 0),
    "link_busy": (LinkBusy, 0),
    "unknown_error": (Ambiguous, 0),
    "hang": (Ambiguous, 0),
    "reset": (Ambiguous, 0),
    "http_500": (Ambiguous, 0),
    "html": (Ambiguous, 0),
    "redirect": (Ambiguous, 0),
    "drip": (Ambiguous, 0),
    "accept_hang": (Ambiguous, 1),
    "accept_reset": (Ambiguous, 1),
    "accept_http_500": (Ambiguous, 1),
    "accept_html": (Ambiguous, 1),
    "accept_truncated": (Ambiguous, 1),
    "accept_cut": (Ambiguous, 1),
    "accept_huge": (Ambiguous, 1),
    "accept_gzip": (Ambiguous, 1),
    "accept_drip": (Ambiguous, 1),
    "accept_echo": (Ambiguous, 1),
    "accept_both": (Ambiguous, 1),
}
ANSWERED = {"reused_id", "accept_negative", "accept_absurd", "accept_flapping"}  # for the caller to notice


def order(fake: BoughtFrom, **changes: Any) -> str:
    facts = {"service": "1", "service_type": "Default", "link": LINK, "quantity": 1000, "parameters": {}}
    return PanelClient(fake.provider).add(**{**facts, **changes})


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for tenths of seconds instead of for seconds."""
    monkeypatch.setattr(network, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(network, "READ_SECONDS", 0.5)
    monkeypatch.setattr(network, "CALL_SECONDS", 1.0)


def test_a_whole_call_fits_into_a_lease() -> None:
    from orders import submission

    assert submission.LEASE.total_seconds() > submission.START_WITHIN_SECONDS + network.CALL_SECONDS


def test_an_order_is_taken_once(fake_provider: BoughtFrom) -> None:
    provider_order = order(fake_provider)
    assert [taken.id for taken in fake_provider.book.orders_for(LINK)] == [provider_order]
    assert fake_provider.received == [{"action": "add", "service": "1", "link": LINK, "quantity": "1000"}]


def test_it_is_followed_to_its_end(fake_provider: BoughtFrom) -> None:
    client = PanelClient(fake_provider.provider)
    provider_order = order(fake_provider)
    start_count = fake_provider.book.orders[provider_order].start_count
    assert client.statuses([provider_order, "99"]) == {
        provider_order: Report(ReportedStatus.PENDING, start_count=start_count, remains=1000)
    }
    fake_provider.book.advance(60)
    assert client.statuses([provider_order]) == {
        provider_order: Report(ReportedStatus.COMPLETED, start_count=start_count, remains=0)
    }
    refill = client.refill(provider_order)
    fake_provider.book.advance(60)
    assert client.refill_statuses([refill, "99"]) == {refill: "Completed"}
    assert client.cancel([provider_order, "99"]) == {
        provider_order: "Order already completed",
        "99": "Incorrect order ID",
    }


def test_an_order_can_be_canceled(fake_provider: BoughtFrom) -> None:
    client = PanelClient(fake_provider.provider)
    provider_order = order(fake_provider)
    assert client.cancel([provider_order]) == {provider_order: "accepted"}
    assert client.statuses([provider_order])[provider_order].status == ReportedStatus.CANCELED


def test_a_refill_too_early_is_refused(fake_provider: BoughtFrom) -> None:
    provider_order = order(fake_provider)
    with pytest.raises(Refused, match="Order not eligible for refill"):
        PanelClient(fake_provider.provider).refill(provider_order)


def test_the_catalogue_and_the_balance(fake_provider: BoughtFrom) -> None:
    client = PanelClient(fake_provider.provider)
    first, *_ = services = client.services()
    assert len(services) == len(fake_provider.book.shelf)
    assert (first.id, first.name, first.cost) == ("1", "Fake Followers", Decimal("0.50"))
    assert (first.min, first.max, first.refill, first.cancel) == (10, 1_000_000, True, True)
    balance = client.balance()
    assert (balance.amount, balance.currency) == (Decimal(1_000_000), "USD")


def test_the_table_of_counted_types_is_the_catalogue_s() -> None:
    assert {name for name, kind in TYPES.items() if kind.quantity != "quantity"} == QUANTITY_NOT_SENT


@pytest.mark.parametrize("service_type", TYPES)
def test_every_type_brings_its_parameters(service_type: str, fake_provider: BoughtFrom) -> None:
    kind = TYPES[service_type]
    fake_provider.book.shelf["7"] = Goods("7", service_type, min=1, type=service_type)
    names = (*kind.required, *kind.optional)
    parameters = {name: ["first", "second & third"] if name in LINE_PARAMETERS else "1 & 2" for name in names}

    provider_order = order(fake_provider, service="7", service_type=service_type, parameters=parameters)

    (received,) = fake_provider.received
    quantity = {} if service_type in QUANTITY_NOT_SENT else {"quantity": "1000"}
    lines = {name: "first\nsecond & third" if name in LINE_PARAMETERS else "1 & 2" for name in names}
    assert received == {"action": "add", "service": "7", "link": LINK, **quantity, **lines}
    expected = {"quantity": 1000, "one": 1, "comments": 2, "usernames": 2}[kind.quantity]
    assert fake_provider.book.orders[provider_order].quantity == expected


def test_a_parameter_cannot_take_the_place_of_ours(fake_provider: BoughtFrom) -> None:
    ours = {"key": "stolen", "action": "balance", "service": "2", "link": "x", "quantity": "1"}
    order(fake_provider, parameters=ours)
    assert fake_provider.received == [{"action": "add", "service": "1", "link": LINK, "quantity": "1000"}]


def test_every_fault_has_its_outcome_here() -> None:
    assert set(OUTCOMES) | ANSWERED == set(FAULTS)


@pytest.mark.parametrize("fault", OUTCOMES)
def test_what_becomes_of_an_order(
    fault: str, fake_provider: BoughtFrom, short_patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault in ("accept_huge", "accept_gzip"):  # their size must be what ends them, not our patience
        monkeypatch.setattr(network, "CALL_SECONDS", 20.0)
        monkeypatch.setattr(network, "READ_SECONDS", 20.0)
    error, taken = OUTCOMES[fault]
    fake_provider.fail_next(fault)

    with pytest.raises(error) as caught:
        order(fake_provider)

    assert type(caught.value) is error
    assert len(fake_provider.book.orders) == taken
    assert len(fake_provider.received) == 1  # nothing is tried twice
    assert caught.value.evidence
    assert fake_provider.key not in caught.value.evidence


def test_evidence_says_what_came(fake_provider: BoughtFrom) -> None:
    for fault, expected in {
        "html": "HTTP 200: <html>",
        "http_500": 'HTTP 500: {"error": "Internal error"}',
        "redirect": f"HTTP 302 to {fake_provider.url}:",
        "accept_huge": f"HTTP 200, an answer of more than {network.BODY_BYTES_MAX} bytes",
        "accept_gzip": "HTTP 200, compressed (gzip)",
    }.items():
        fake_provider.fail_next(fault)
        with pytest.raises(Ambiguous) as caught:
            order(fake_provider)
        assert caught.value.evidence.startswith(expected)
        assert len(caught.value.evidence) <= 1100


def test_an_id_that_was_given_before_is_handed_on(fake_provider: BoughtFrom) -> None:
    first = order(fake_provider)
    fake_provider.fail_next("reused_id")
    assert order(fake_provider, link=f"{LINK}/2") == first
    assert fake_provider.book.orders_for(f"{LINK}/2") == []


def test_remains_are_handed_on_as_they_are(fake_provider: BoughtFrom) -> None:
    provider_order = order(fake_provider)
    fake_provider.fail_next("accept_negative", "accept_absurd")
    for remains in (-5, 999_999_999_999):
        reports = PanelClient(fake_provider.provider).statuses([provider_order])
        assert reports[provider_order].remains == remains


@pytest.mark.parametrize("fault", ["drip", "hang"])
def test_a_call_ends_however_slow_they_are(fault: str, fake_provider: BoughtFrom, short_patience: None) -> None:
    fake_provider.fail_next(fault)
    started = time.monotonic()
    with pytest.raises(Ambiguous, match="ReadTimeout"):
        order(fake_provider)
    assert time.monotonic() - started < network.CALL_SECONDS + 1


def test_headers_that_drip_end_too(fake_provider: BoughtFrom, short_patience: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        fake_provider.provider.api_url = f"http://127.0.0.1:{server.getsockname()[1]}/api/v2"

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                for _ in range(100):
                    time.sleep(0.05)
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(Ambiguous, match="ReadTimeout"):
            order(fake_provider)
        assert time.monotonic() - started < network.CALL_SECONDS + 1


def test_nobody_listens(fake_provider: BoughtFrom) -> None:
    fake_provider.stop()
    with pytest.raises(NotSent, match="refused"):
        order(fake_provider)
    fake_provider.start()
    assert order(fake_provider)


def test_a_handshake_that_fails_sends_nothing(fake_provider: BoughtFrom) -> None:
    fake_provider.provider.api_url = fake_provider.url.replace("http://", "https://")
    with pytest.raises(NotSent, match="TLS handshake failed"):
        order(fake_provider)
    assert fake_provider.received == []


def test_a_machine_that_does_not_let_us_connect(fake_provider: BoughtFrom, short_patience: None) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = []
        for _ in range(3):  # nobody accepts: from then on the kernel drops whoever knocks
            knocking = socket.socket()
            knocking.setblocking(False)
            knocking.connect_ex(address)
            waiting.append(knocking)
        fake_provider.provider.api_url = f"http://127.0.0.1:{address[1]}/api/v2"
        with pytest.raises(NotSent, match="timed out"):
            order(fake_provider)
        for knocking in waiting:
            knocking.close()


def test_each_call_has_a_connection_of_its_own(fake_provider: BoughtFrom) -> None:
    client = PanelClient(fake_provider.provider)
    client.balance()
    client.balance()
    assert fake_provider.connections == 2
    assert {headers["Connection"] for headers in fake_provider.headers} == {"close"}
    assert {headers["Accept-Encoding"] for headers in fake_provider.headers} == {"identity"}


def test_proxies_of_the_environment_are_ignored(fake_provider: BoughtFrom, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert PanelClient(fake_provider.provider).balance()


def test_a_catalogue_may_be_larger_than_other_answers(fake_provider: BoughtFrom) -> None:
    long = "x" * 200
    goods = [Goods(str(number), f"{long} {number}") for number in range(1, 6001)]
    fake_provider.book.shelf = {one.id: one for one in goods}
    assert network.BODY_BYTES_MAX < 6000 * 200 < CATALOGUE_BYTES_MAX
    assert len(PanelClient(fake_provider.provider).services()) == 6000
    fake_provider.fail_next("accept_huge")
    with pytest.raises(Ambiguous, match="more than"):
        PanelClient(fake_provider.provider).services()


def test_unreadable_services_are_counted_in_one_line(
    fake_provider: BoughtFrom, caplog: pytest.LogCaptureFixture
) -> None:
    fake_provider.book.shelf["1"] = Goods("1", "Fake Followers", cost="free")
    fake_provider.book.shelf["2"] = Goods("2", "")
    assert [service.id for service in PanelClient(fake_provider.provider).services()] == ["3", "4"]
    assert [record.getMessage() for record in caplog.records if record.name == "providers.client"] == [
        "2 of provider Fake panel's services cannot be read"
    ]
