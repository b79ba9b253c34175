"""What must not happen in a browser, whatever page it is on: errors, broken requests, a word to the outside."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError

LOOPBACK = "127.0.0.1"
# A page that is left drops its request for the next live part; nobody waits for that answer.
ABORTED = "net::ERR_ABORTED"
LOCAL_SCHEMES = ("data", "blob", "about")


class Watch:
    """Everything a browser had to complain about. The policy's violations come as errors of the console."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self._forgiven: list[re.Pattern[str]] = []
        context.on("console", self._hear)
        context.on("weberror", self._note_error)
        context.on("request", self._note_request)
        context.on("requestfailed", self._note_failure)
        context.on("response", self._note_response)

    def forgive(self, pattern: str) -> None:
        """Expect complaints that match."""
        self._forgiven.append(re.compile(pattern))

    @property
    def unforgiven(self) -> list[str]:
        """What is left to complain about."""
        return [text for text in self.complaints if not any(pattern.search(text) for pattern in self._forgiven)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console {message.type}: {message.text}", message.page)

    def _note_error(self, error: WebError) -> None:
        self._note(f"page error: {error.error}", error.page)

    def _note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in LOCAL_SCHEMES and parts.hostname != LOOPBACK:
            self._note(f"external request: {request.url}")

    def _note_failure(self, request: Request) -> None:
        if request.failure != ABORTED:
            self._note(f"failed request: {request.method} {request.url}: {request.failure}")

    def _note_response(self, response: Response) -> None:
        if not response.ok and not 300 <= response.status < 400:
            self._note(f"answer {response.status}: {response.request.method} {response.url}")

    def _note(self, text: str, page: Page | None = None) -> None:
        self.complaints.append(f"{text} (on {page.url})" if page else text)
