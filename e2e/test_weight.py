"""What a page costs somebody who comes for the first time: bytes over the line, and the time to the first words."""

import pytest

from e2e import pages
from e2e.conftest import WEIGHTS
from e2e.loading import load_cold

BYTES_MAX = 150 * 1024  # of a page with its style sheet, scripts and icons, as they are sent


@pytest.mark.parametrize("listed", pages.PAGES, ids=lambda listed: listed.title)
def test_no_page_is_heavy(listed, open_page, demo_session, world):
    page = open_page(storage_state=demo_session if listed.by == "customer" else None)

    load = load_cold(page, listed.address(world))

    WEIGHTS[listed.title] = load
    assert load.bytes <= BYTES_MAX, load.heaviest
    assert not load.uncompressed, "sent as they are"
