"""How a page loads with nothing in the cache, by what Chromium's network says."""

from typing import Any, NamedTuple

from playwright.sync_api import Page

TEXT = ("text/", "application/javascript", "image/svg")
SMALL = 1024  # not worth compressing
FIRST_PAINT = """() => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries()[0].startTime)).observe(
        { type: "paint", buffered: true });
})"""


class Load(NamedTuple):
    """One loading of a page."""

    bytes: int  # headers and bodies as they were sent
    html_bytes: int
    requests: int
    first_paint_milliseconds: float
    heaviest: list[tuple[int, str]]
    uncompressed: list[str]


def load_cold(page: Page, address: str) -> Load:
    """Load a page as who has never been here, and weigh all that it fetched until nothing more came."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    answers: dict[str, dict[str, Any]] = {}
    sizes: dict[str, int] = {}
    session.on("Network.responseReceived", lambda event: answers.update({event["requestId"]: event["response"]}))
    session.on(
        "Network.loadingFinished", lambda event: sizes.update({event["requestId"]: int(event["encodedDataLength"])})
    )
    page.goto(address)
    page.wait_for_load_state("networkidle")
    first_paint = page.evaluate(FIRST_PAINT)
    by_size = sorted(
        ((sizes[request], answers[request]["url"]) for request in sizes if request in answers), reverse=True
    )
    return Load(
        bytes=sum(sizes.values()),
        html_bytes=sum(size for request, size in sizes.items() if _is_html(answers.get(request, {}))),
        requests=len(sizes),
        first_paint_milliseconds=first_paint,
        heaviest=by_size[:5],
        uncompressed=[
            answers[request]["url"] for request in sizes if _is_uncompressed(answers.get(request, {}), sizes[request])
        ],
    )


def _is_html(answer: dict[str, Any]) -> bool:
    return bool(answer.get("mimeType") == "text/html")


def _is_uncompressed(answer: dict[str, Any], size: int) -> bool:
    headers = {name.lower(): value for name, value in answer.get("headers", {}).items()}
    return (
        size > SMALL
        and headers.get("content-type", "").startswith(TEXT)
        and "content-encoding" not in headers
        and "no-store" not in headers.get("cache-control", "")  # pages with a secret: see panel.middleware
        and "/2fa/" not in answer["url"]
    )
