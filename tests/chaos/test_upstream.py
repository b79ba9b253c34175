"""A fake provider that notes how it failed whom."""

from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from chaos import upstream
from chaos.upstreams import KEY, Upstream, read_shelves
from tests.fake_provider.server import FakeProvider

LINK = "https://example.com/deliver/1"


@pytest.fixture
def north():
    fake = FakeProvider(seed=1)
    fake.received = upstream.Notes()
    fake.programme = upstream.NotingProgramme(fake.received, seed=1)
    fake.start()
    yield Upstream("north", fake.port)
    fake.stop()


def ask(north, **fields):
    with urlopen(north.url, data=urlencode({"key": KEY, **fields}).encode()) as answer:
        return answer.read()


def test_notes_what_came_and_how_it_failed(north):
    ask(north, action="add", service="1", link=LINK, quantity="100")
    north.fail({"add:accept_html": 1.0})
    ask(north, action="add", service="1", link=LINK, quantity="100")
    ask(north, action="status", orders="5001,5002")

    shelf = read_shelves({"north": north})["north"]

    assert [(note.action, note.link, note.ids, note.fault) for note in shelf.notes] == [
        ("add", LINK, 0, None),
        ("add", LINK, 0, "accept_html"),
        ("status", "", 2, None),
    ]
    assert [note.at for note in shelf.notes] == sorted(note.at for note in shelf.notes)
    assert [order["id"] for order in shelf.taken[LINK]] == ["5001", "5002"]
