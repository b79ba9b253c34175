"""One panel and one Chromium for a run; a browser context of its own for every test.

Django is set up here for the names and addresses of pages only; nothing in this process talks to the panel's database
through it.
"""

import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import django
import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from e2e.loading import Load
from e2e.panel import Panel, running_panel
from e2e.people import log_in, log_in_as_staff
from e2e.watching import Watch
from e2e.world import facts_about, furnish

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_OPTIONS = (
    "--no-sandbox",  # root has no other way to run it; it visits nothing but the panel
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing else can be reached, not even by mistake
)
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
TIMEOUT_MILLISECONDS = 30_000  # on a busy machine; nothing waits for as long when all is well

WEIGHTS: dict[str, Load] = {}  # printed at the end of a run
OpenPage = Callable[..., Page]


def pytest_configure() -> None:
    """Load the settings; end a run in order, with its servers, also when it is told to."""
    os.environ |= {"ENV_FILE": os.devnull, "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "panel.settings"}
    os.environ |= {"DATABASE_URL": "postgresql:///nowhere", "REDIS_URL": "unix:///nowhere"}
    django.setup()
    del os.environ["DJANGO_SETTINGS_MODULE"]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what pages weigh."""
    if WEIGHTS:
        terminalreporter.section(f"pages, nothing in the cache, load {os.getloadavg()[0]:.1f}")
        terminalreporter.write_line("    KB   HTML requests, ms to first paint")
    for title, load in WEIGHTS.items():
        figures = f"{load.bytes / 1024:6.1f} {load.html_bytes / 1024:6.1f} {load.requests:3}"
        terminalreporter.write_line(f"{figures} {load.first_paint_milliseconds:5.0f}  {title}")


@pytest.fixture(scope="session")
def panel() -> Iterator[Panel]:
    """The real panel with the demo's data."""
    with running_panel() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if program is None:
        pytest.exit("Chromium is missing. On Debian: apt-get install --no-install-recommends chromium", returncode=1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, panel: Panel) -> Iterator[OpenPage]:
    """Open browsers that have nothing in common; what any of them complains about fails the test."""
    with opened_pages(chromium, panel) as open_one:
        yield open_one


@pytest.fixture
def demo_page(open_page: OpenPage, demo_session: Any) -> Page:
    """The demo customer's browser, logged in."""
    return open_page(storage_state=demo_session)


@pytest.fixture(scope="session")
def demo_session(chromium: Browser, panel: Panel) -> Any:
    """What the demo customer's browser remembers after logging in once, and using every part of the panel."""
    with opened_pages(chromium, panel) as open_one:
        page = open_one()
        log_in(page, **panel.facts["customer"])
        furnish(page, panel)
        return page.context.storage_state()


@pytest.fixture(scope="session")
def staff_session(chromium: Browser, panel: Panel) -> Any:
    """What the owner's browser remembers after logging in to the admin once."""
    with opened_pages(chromium, panel) as open_one:
        page = open_one(base_url=panel.staff_url)
        log_in_as_staff(page, panel)
        return page.context.storage_state()


@contextmanager
def opened_pages(chromium: Browser, panel: Panel) -> Iterator[OpenPage]:
    """Give a function that opens a page in a new context; its options are the context's."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_one(**options: Any) -> Page:
        defaults: dict[str, Any] = {"base_url": panel.url, "viewport": WIDE, "locale": "en-US", "timezone_id": "UTC"}
        context = chromium.new_context(**defaults | options)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        watch = Watch(context)
        opened.append((context, watch))
        page = context.new_page()
        page.watch = watch  # type: ignore[attr-defined]
        return page

    try:
        yield open_one
        complaints = [text for _, watch in opened for text in watch.unforgiven]
        assert not complaints, "\n".join([*complaints, panel.log])
    finally:
        for context, _ in opened:
            with suppress(Error):  # Chromium may have been interrupted together with the run
                context.close()


@pytest.fixture
def newcomer() -> dict[str, str]:
    """Somebody who has no account yet."""
    name = f"shop{secrets.token_hex(4)}"
    return {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(12)}


@pytest.fixture(scope="session")
def world(panel: Panel, demo_session: Any) -> dict[str, object]:
    """The facts that addresses of pages are made of, all about the demo customer."""
    return facts_about(panel, username=panel.facts["customer"]["username"])
