"""Where a call may go, and how long and how much of it we put up with.

A name is resolved once, every address it has is checked, and the connection goes to a checked address: whoever
answers for the name cannot send us elsewhere in between. Whether a byte of the request left this machine is
noted where bytes leave, not guessed from the kind of failure.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import httpcore
import httpx
from django.conf import settings

from providers.errors import Ambiguous, NotSent

CONNECT_SECONDS = 3.0  # to find the name's addresses; again to connect; again for the TLS handshake
READ_SECONDS = 20.0  # of silence
CALL_SECONDS = 25.0  # everything; with the 20 s that orders.submission may take to start, less than a lease
BODY_BYTES_MAX = 1024 * 1024
HEAD_BYTES_MAX = 128 * 1024  # what headers and the framing of a body may take on top
PORT_MAX = 65535
USER_AGENT = "Mozilla/5.0 (compatible; panel)"  # some panels stand behind guards that refuse a library's name

# Reachable addresses that are nobody's public server, beyond those that Python knows to be private.
_NEVER_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carriers' own; a cloud keeps its metadata there
        "168.63.129.16/32",  # a cloud's host machine
        "192.0.0.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",
        "2001::/23",  # Teredo and other special purposes
        "2001:db8::/32",
        "2002::/16",  # 6to4: holds an IPv4 address, and nobody serves from there any more
        "3fff::/20",
    )
]
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all that was ever given out of IPv6
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address as a network without IPv4 writes it


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever it is."""

    status: int
    body: bytes
    location: str | None  # where a redirect would have led


@dataclass(slots=True)
class Deadline:
    """How much longer something may take."""

    ends_at: float = field(default_factory=lambda: time.monotonic() + CALL_SECONDS)

    def left(self, most: float | None = None) -> float:
        """Return the seconds left, never more than `most`; none left is a number not above zero."""
        left = self.ends_at - time.monotonic()
        return left if most is None else min(left, most)


def post(url: str, fields: dict[str, str], *, body_bytes_max: int) -> Answer:
    """Send one form on a connection of its own, once, and return the answer.

    :raises NotSent: certainly no byte of the request left this machine
    :raises Ambiguous: it may have, and there is no whole answer
    """
    transport = _Transport(body_bytes_max + HEAD_BYTES_MAX)
    try:
        _check_url(url)
        request = httpx.Request(
            "POST",
            url,
            content=urlencode(fields).encode(),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Connection": "close",
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": USER_AGENT,
            },
            extensions={"timeout": {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS}},
        )
        with transport:
            return _read(transport.handle_request(request), body_bytes_max)
    except (httpx.TransportError, httpx.InvalidURL, OSError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if transport.line.sent:
            raise Ambiguous(f"no whole answer: {reason}") from None
        raise NotSent(f"nothing was sent: {reason}") from None


def is_public(text: str) -> bool:
    """Say whether an address belongs to the open internet, also when it is wrapped in another."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address not in _GLOBAL_UNICAST:
            return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global
    return not special and not any(address in network for network in _NEVER_PUBLIC)


def _check_url(url: str) -> None:
    """:raises NotSent: it is no plain address of a web server"""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise NotSent(f"the API URL cannot be used: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise NotSent("the API URL must start with https:// or http://")
    if not parts.host:
        raise NotSent("the API URL names no host")
    if parts.port is not None and not 0 < parts.port <= PORT_MAX:
        raise NotSent(f"the API URL names a port that is none: {parts.port}")
    if parts.userinfo:
        raise NotSent("the API URL must not hold a user name or password")


def _read(response: httpx.Response, body_bytes_max: int) -> Answer:
    """Read an answer to its end, or until it is too large."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        # Unpacking could make gigabytes of a few bytes, and we asked for a plain answer.
        raise Ambiguous(
            f"HTTP {response.status_code}, compressed ({encoding[:50]}) although a plain answer was asked for"
        )
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > body_bytes_max:
            raise Ambiguous(f"HTTP {response.status_code}, an answer of more than {body_bytes_max} bytes")
    return Answer(status=response.status_code, body=bytes(body), location=response.headers.get("location"))


class _Transport(httpx.HTTPTransport):
    """One call over a connection of its own, to a checked address."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(verify=_trusted_certificates(), trust_env=False)
        self.line = _Line(Deadline(), bytes_max)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trusted_certificates(), max_keepalive_connections=0, network_backend=self.line
        )


class _Line(httpcore.NetworkBackend):
    """Connects to checked addresses only, and remembers whether anything was sent."""

    def __init__(self, deadline: Deadline, bytes_max: int) -> None:
        self.deadline = deadline
        self.bytes_left = bytes_max
        self.sent = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve a name once, check all its addresses, and connect to the first that lets us."""
        addresses = _resolve(host, port, self.deadline.left(timeout))
        refused = [address for address in addresses if not is_public(address)]
        if refused and not settings.PROVIDERS_ALLOW_PRIVATE:
            raise httpcore.ConnectError(f"{host} is at {refused[0]}, which is no public address: refused")
        ends = Deadline(time.monotonic() + self.deadline.left(timeout))
        failure: OSError = OSError(f"{host} has no address")
        for number, address in enumerate(addresses):
            # An address that is silent must leave the others their share.
            share = ends.left() / (len(addresses) - number)
            try:
                return _Stream(_connect(address, port, share), self)
            except OSError as error:
                failure = error
        raise httpcore.ConnectError(f"{host} port {port}: {failure}")


class _Stream(httpcore.NetworkStream):
    """A socket whose every wait ends at the call's deadline, and which takes in so many bytes and no more."""

    def __init__(self, sock: socket.socket, line: _Line) -> None:
        self._socket = sock
        self._line = line

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, or wait for it."""
        self._wait_at_most(timeout, httpcore.ReadTimeout)
        try:
            data = self._socket.recv(max_bytes)
        except TimeoutError:
            raise httpcore.ReadTimeout("it did not answer in time") from None
        except OSError as error:
            raise httpcore.ReadError(str(error)) from None
        self._line.bytes_left -= len(data)
        if self._line.bytes_left < 0:
            raise httpcore.ReadError("the answer is too large")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        while buffer:
            self._wait_at_most(timeout, httpcore.WriteTimeout)
            self._line.sent = True
            try:
                buffer = buffer[self._socket.send(buffer) :]
            except TimeoutError:
                raise httpcore.WriteTimeout("it did not take the request in time") from None
            except OSError as error:
                raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands with the name that was asked for, at the address that was checked."""
        try:
            self._wait_at_most(timeout, httpcore.ConnectTimeout)
            return _Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._line)
        except TimeoutError:
            self.close()
            raise httpcore.ConnectTimeout("the TLS handshake took too long") from None
        except (OSError, ValueError) as error:
            self.close()
            raise httpcore.ConnectError(f"the TLS handshake failed: {error}") from None

    def get_extra_info(self, info: str) -> Any:
        """Know nothing more: there is no second request on this connection."""
        return None

    def _wait_at_most(self, timeout: float | None, error: type[Exception]) -> None:
        left = self._line.deadline.left(timeout)
        if left <= 0:
            raise error(f"the call took more than {CALL_SECONDS:g} s")
        self._socket.settimeout(left)


@cache
def _trusted_certificates() -> ssl.SSLContext:
    """Read the certificate authorities once: that takes longer than many a call."""
    return httpx.create_ssl_context(trust_env=False)


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """Ask the system for a name's addresses, but not for longer than this: its resolver knows no time-out."""
    found: list[str] = []
    failures: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(address[0]) for *_, address in answers))
        except (OSError, UnicodeError) as error:
            failures.append(error)

    asking = threading.Thread(target=ask, name="resolver", daemon=True)
    asking.start()
    asking.join(max(seconds, 0))
    if asking.is_alive():
        raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time")
    if failures:
        raise httpcore.ConnectError(f"the name {host} does not resolve: {failures[0]}")
    return found


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to an address that was checked; nothing is resolved here."""
    if seconds <= 0:
        raise TimeoutError("no time left to connect")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect((address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        with suppress(OSError):
            sock.close()
        raise
    return sock
