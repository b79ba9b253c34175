"""Stripe on the loopback: its one call we make, idempotent as the real one, and events signed as it signs them."""

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

SECRET_KEY = "sk_test_only"
WEBHOOK_SECRET = "whsec_only_for_tests"
CHECKOUT = "https://checkout.stripe.com/c/pay/"


class FakeStripe:
    """A server that makes Checkout Sessions; start it before use."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self.keys: list[str] = []  # the idempotency key of every call
        self.sessions: dict[str, dict[str, Any]] = {}
        self.failures: list[tuple[int, dict[str, Any]]] = []  # answers for the next calls
        self.on_call: Any = None  # called with the parameters, before answering
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it takes calls."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Listen."""
        handler = type("Handler", (_Handler,), {"stripe": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            del self.sessions

    def answer(self, key: str, parameters: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Make a session, or give the one that the idempotency key made."""
        self.received.append(parameters)
        self.keys.append(key)
        if self.on_call:
            self.on_call(parameters)
        if self.failures:
            return self.failures.pop(0)
        if key not in self.sessions:
            number = len(self.sessions) + 1
            self.sessions[key] = {
                "id": f"cs_test_{number:04}",
                "object": "checkout.session",
                "url": f"{CHECKOUT}cs_test_{number:04}",
            }
        return 200, self.sessions[key]


class _Handler(BaseHTTPRequestHandler):
    stripe: FakeStripe
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert self.path == "/v1/checkout/sessions", self.path
        assert self.headers["Authorization"] == f"Bearer {SECRET_KEY}"
        status, answer = self.stripe.answer(self.headers["Idempotency-Key"], dict(parse_qsl(body)))
        sent = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


def sign(body: bytes, *, secret: str = WEBHOOK_SECRET, at: float | None = None) -> str:
    """Return the header with which Stripe vouches for a body: HMAC-SHA256 over the time and the body."""
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"
