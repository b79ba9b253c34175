"""The fake provider as a fixture."""

from collections.abc import Iterator
from typing import Any

import pytest

from providers import keys
from providers.models import Provider
from tests.fake_provider.server import FakeProvider


class BoughtFrom(FakeProvider):
    """A fake provider, and the row under which the panel knows it."""

    provider: Provider


@pytest.fixture
def fake_provider(db: None, settings: Any) -> Iterator[BoughtFrom]:
    """A panel that listens on this machine; `fake_provider.provider` is its row. Time passes by `book.advance`."""
    settings.PROVIDERS_ALLOW_PRIVATE = True
    fake = BoughtFrom()
    fake.start()
    fake.provider = Provider.objects.create(
        name="Fake panel", kind=Provider.Kind.PANEL, api_url=fake.url, sealed_key=keys.seal(fake.key), currency="USD"
    )
    yield fake
    fake.stop()
