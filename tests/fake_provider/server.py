"""The fake provider on the network."""

import gzip
import json
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.fake_provider import actions
from tests.fake_provider.book import Book
from tests.fake_provider.faults import Programme

KEY = "0123456789abcdef0123456789abcdef"
HUGE_BYTES = 50 * 1000 * 1000
DRIP_SECONDS = 0.05
PAGE = b"<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
FLAPPING = ("In progress", "Processing", "Pending", "Completed", "In progress")
TEXTS = {
    "refuse": "Incorrect service ID",
    "refuse_for_now": "Not enough funds on balance",
    "link_busy": "You have active order with this link. Please wait until order being completed.",
    "unknown_error": "Mercury is in retrograde",
}


class FakeProvider:
    """A server with its book and its programme of faults; start it before use."""

    def __init__(self, *, port: int = 0, seed: int = 0, speed: float = 0.0) -> None:
        self.book = Book(speed=speed)
        self.programme = Programme(seed=seed)
        self.key = KEY
        self.received: list[dict[str, str]] = []  # the parameters of every call, without the key
        self.headers: list[dict[str, str]] = []  # of every call
        self.connections = 0
        self.flaps = 0
        self.port = port
        self.closing = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it takes calls."""
        return f"http://127.0.0.1:{self.port}/api/v2"

    def start(self) -> None:
        """Listen, on the same port as before if it did before."""
        self.closing.clear()
        self._server = _Server(("127.0.0.1", self.port), type("Handler", (_Handler,), {"provider": self}))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="fake provider", daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on, and hang up on who is waiting."""
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def fail_next(self, *names: str | None, action: str = "any", text: str | None = None) -> None:
        """Let the coming calls fail, each in its own way; see `faults.FAULTS`."""
        self.programme.fail_next(*names, action=action, text=text)

    def calls(self, action: str) -> list[dict[str, str]]:
        """Return the parameters of the calls of one action."""
        return [call for call in self.received if call.get("action") == action]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what the faults are for."""


class _Handler(BaseHTTPRequestHandler):
    provider: FakeProvider
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""

    def setup(self) -> None:
        """Count who comes."""
        self.provider.connections += 1
        super().setup()

    def do_GET(self) -> None:
        """Show the book."""
        if self.path == "/book.json":
            self._send(self.provider.book.dump() | {"received": self.provider.received})
        else:
            self._send({"error": "Incorrect request"})

    def do_POST(self) -> None:
        """Take a call of the protocol, or an order of whoever runs this."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/programme":
            self.provider.programme.load(json.loads(body))
            self._send({"ok": True})
        elif self.path == "/advance":
            self.provider.book.advance(float(json.loads(body)["seconds"]))
            self._send({"ok": True})
        else:
            self._call(dict(parse_qsl(body.decode(), keep_blank_values=True)))

    def _call(self, fields: dict[str, str]) -> None:
        provider = self.provider
        provider.headers.append(dict(self.headers))
        provider.received.append({name: value for name, value in fields.items() if name != "key"})
        if fields.get("key") != provider.key:
            self._send({"error": "Invalid API key"})
            return
        fault = provider.programme.choose(fields.get("action", ""))
        if fault is None:
            self._send(actions.answer(provider.book, fields))
            return
        accepted = fault.name.startswith("accept_")
        answer = actions.answer(provider.book, fields) if accepted else {}
        if fault.name in TEXTS:
            self._send({"error": fault.text or TEXTS[fault.name]})
        else:
            getattr(self, "_fail_" + fault.name.removeprefix("accept_"))(answer)

    # One method for each fault, named for it; they get what an honest panel would answer.

    def _fail_rate_limited(self, _answer: Any) -> None:
        self._send({"error": "slow down"}, status=429)

    def _fail_hang(self, _answer: Any) -> None:
        self.provider.closing.wait()
        self._fail_reset(None)

    def _fail_reset(self, _answer: Any) -> None:
        """Hang up with a RST instead of a FIN."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The files made of the socket would keep it open.
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def _fail_http_500(self, answer: Any) -> None:
        self._send(answer or {"error": "Internal error"}, status=500)

    def _fail_html(self, _answer: Any) -> None:
        self._send(PAGE)

    def _fail_redirect(self, _answer: Any) -> None:
        self._send(b"", status=302, Location=self.provider.url)

    def _fail_truncated(self, answer: Any) -> None:
        self._send(json.dumps(answer).encode()[:-1])

    def _fail_cut(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self._send(body, length=len(body) + 10)

    def _fail_huge(self, _answer: Any) -> None:
        self._send(b'{"order": 1, "padding": "' + b"x" * HUGE_BYTES + b'"}')

    def _fail_gzip(self, _answer: Any) -> None:
        self._send(gzip.compress(b" " * HUGE_BYTES + b'{"order": 1}', 1), **{"Content-Encoding": "gzip"})

    def _fail_drip(self, _answer: Any) -> None:
        self._send(b"", length=100_000)
        with suppress(OSError):
            while not self.provider.closing.wait(DRIP_SECONDS):
                self.wfile.write(b" ")

    def _fail_both(self, answer: Any) -> None:
        self._send((answer if isinstance(answer, dict) else {}) | {"error": "Not enough funds on balance"})

    def _fail_echo(self, _answer: Any) -> None:
        self._send({"order": self.provider.key})

    def _fail_reused_id(self, _answer: Any) -> None:
        self._send({"order": int(next(iter(self.provider.book.orders), "4999"))})

    def _fail_negative(self, answer: Any) -> None:
        self._send(_changed(answer, lambda item: item | {"remains": "-5"}))

    def _fail_absurd(self, answer: Any) -> None:
        self._send(_changed(answer, lambda item: item | {"remains": "999999999999"}))

    def _fail_flapping(self, answer: Any) -> None:
        status = FLAPPING[self.provider.flaps % len(FLAPPING)]
        self.provider.flaps += 1
        self._send(_changed(answer, lambda item: item | {"status": status}))

    def _send(self, answer: Any, *, status: int = 200, length: int | None = None, **headers: str) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        with suppress(OSError):
            self.end_headers()
            self.wfile.write(body)


def _changed(answer: Any, change: Any) -> Any:
    """Change each order's report in an answer to `status`; anything else stays as it is."""
    if not isinstance(answer, dict):
        return answer
    if "status" in answer:
        return change(answer)
    return {key: change(item) if isinstance(item, dict) and "status" in item else item for key, item in answer.items()}
