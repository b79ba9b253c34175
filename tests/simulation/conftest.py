"""Panels that listen on this machine, started once."""

from collections.abc import Iterator

import pytest

from tests.fake_provider.server import FakeProvider


@pytest.fixture(scope="module")
def listening() -> Iterator[list[FakeProvider]]:
    fakes = [FakeProvider(), FakeProvider()]
    for fake in fakes:
        fake.start()
    yield fakes
    for fake in fakes:
        fake.stop()


@pytest.fixture
def fakes(listening: list[FakeProvider], usd: object, settings: pytest.FixtureRequest) -> list[FakeProvider]:
    """Two panels to buy from, on this machine; `Scene` empties their books."""
    settings.PROVIDERS_ALLOW_PRIVATE = True
    return listening
