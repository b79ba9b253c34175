"""The client over real sockets, against a panel that fails in every way."""

from decimal import Decimal
from typing import Any

from providers.adapter import Report, ReportedStatus
from providers.client import PanelClient
from tests.fake_provider.fixtures import BoughtFrom

LINK = "https://instagram.com/your_handle"


def order(fake: BoughtFrom, **changes: Any) -> str:
    facts = {"service": "1", "service_type": "Default", "link": LINK, "quantity": 1000, "parameters": {}}
    return PanelClient(fake.provider).add(**{**facts, **changes})


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


def test_the_catalogue_and_the_balance(fake_provider: BoughtFrom) -> None:
    client = PanelClient(fake_provider.provider)
    first, *_ = services = client.services()
    assert len(services) == len(fake_provider.book.shelf)
    assert (first.id, first.name, first.cost, first.min, first.refill) == (
        "1",
        "Fake Followers",
        Decimal("0.50"),
        10,
        True,
    )
    balance = client.balance()
    assert (balance.amount, balance.currency) == (Decimal(1_000_000), "USD")
