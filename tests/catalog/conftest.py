"""A provider with a shelf, and the same services on sale here."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import CatalogVersion, Category, Currency, CustomRate, Route, Service, ServiceUpdate
from tests.fake_provider.book import Goods
from tests.fake_provider.fixtures import BoughtFrom


def goods(number: int, **changes: Any) -> Goods:
    """Make something for a provider to sell."""
    return Goods(**{"id": str(number), "name": f"Goods {number}", "cost": "0.50", **changes})


@pytest.fixture
def shelf(fake_provider: BoughtFrom, usd: Currency) -> dict[str, Goods]:
    """What the fake provider sells: empty it, fill it, change it."""
    fake_provider.book.shelf.clear()
    fake_provider.book.shelf.update({str(number): goods(number) for number in range(1, 7)})
    return fake_provider.book.shelf


@pytest.fixture
def resell(shelf: dict[str, Goods], fake_provider: BoughtFrom, make_service: Callable[..., Service]) -> Any:
    """Put goods of the shelf on sale as their provider's rules have it: 0.50 and 30 % make 0.65."""

    def put_on_sale(number: int = 1, **changes: Any) -> Service:
        facts: dict[str, Any] = {"rate": Decimal("0.65"), "cost": Decimal("0.50"), "min": 10, "max": 1_000_000}
        service = make_service(
            provider=fake_provider.provider, provider_service=str(number), name=f"Ours {number}", **(facts | changes)
        )
        service.routes.update(min=10, max=1_000_000)
        return service

    return put_on_sale


def world() -> dict[str, Any]:
    """Return everything that an import or a sync could move in the catalogue."""
    models: list[Any] = [Category, CatalogVersion, Currency, CustomRate, Route, Service, ServiceUpdate]
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
