"""Where a call may go: never into the owner's own network, whatever an address or a resolver says."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from providers import network
from providers.client import PanelClient
from providers.errors import Ambiguous, NotSent
from tests.fake_provider.fixtures import BoughtFrom

PRIVATE = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
    *("168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2001:10::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
)
PUBLIC = ("1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8")
# As a URL may write them; the port is the fake provider's.
SPELLINGS = (
    *("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.1", "127.0.1", "2130706433", "0x7f000001"),
    *("0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "0", "0.0.0.0", "[::1]", "[::]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "１２７.0.0.1", "①②⑦.0.0.1"),
    *("127。0。0。1", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[fe80::1%25lo]"),
)


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Have the system's resolver answer with these addresses, one list after the other; give what it was asked."""
    asked: list[str] = []

    def answer(*answers: list[str]) -> list[str]:
        left = list(answers)

        def getaddrinfo(host: str, port: int, *_args: Any, **_more: Any) -> list[Any]:
            asked.append(host)
            addresses = left.pop(0) if len(left) > 1 else left[0]
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
                for one in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return answer


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note where sockets are connected to, and let those to public addresses end in nothing."""
    noted: list[Any] = []
    really = socket.socket.connect

    def connect(sock: socket.socket, address: Any) -> None:
        noted.append(address)
        if network.is_public(address[0]):
            raise ConnectionRefusedError("no outside world in tests")
        really(sock, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return noted


def call(fake: BoughtFrom, url: str) -> None:
    fake.provider.api_url = url
    PanelClient(fake.provider).balance()


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_private(address: str) -> None:
    assert not network.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert network.is_public(address)


def test_private_whatever_it_is_wrapped_in() -> None:
    for text in PRIVATE:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv4Address):
            assert not network.is_public(f"::ffff:{address}")
            assert not network.is_public(f"64:ff9b::{address}")
            assert not network.is_public(f"::{address}")


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_gets_through(host: str, fake_provider: BoughtFrom, settings: Any, connected: list[Any]) -> None:
    settings.PROVIDERS_ALLOW_PRIVATE = False
    with pytest.raises(NotSent):
        call(fake_provider, f"http://{host}:{fake_provider.port}/api/v2")
    assert connected == []
    assert fake_provider.connections == 0


@pytest.mark.parametrize("address", PRIVATE)
def test_no_name_of_a_private_address_gets_through(
    address: str, fake_provider: BoughtFrom, settings: Any, connected: list[Any], resolving: Callable[..., list[str]]
) -> None:
    settings.PROVIDERS_ALLOW_PRIVATE = False
    resolving([address])
    with pytest.raises(NotSent, match="no public address: refused"):
        call(fake_provider, f"http://panel.example:{fake_provider.port}/api/v2")
    assert connected == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "panel.example/api", "ftp://panel.example", "file:///etc/passwd", "gopher://panel.example"),
        *("unix:///run/redis.sock", "http://", "http:///api", "https://user:secret@panel.example/", "//panel.example"),
        *("http://user@panel.example/", "http://panel.example:99999/", "http://pa\nnel.example", "http://[::1"),
        *("http://panel.example:port/", "javascript:alert(1)", "http://" + "x" * 70000, "http://\ud800.example"),
    ],
)
def test_what_is_no_address_of_a_web_server_is_refused(
    url: str, fake_provider: BoughtFrom, connected: list[Any], resolving: Callable[..., list[str]]
) -> None:
    resolving(["127.0.0.1"])
    with pytest.raises(NotSent) as caught:
        call(fake_provider, url)
    assert connected == []
    assert "secret" not in caught.value.evidence


def test_one_private_address_among_public_ones_is_enough(
    fake_provider: BoughtFrom, settings: Any, connected: list[Any], resolving: Callable[..., list[str]]
) -> None:
    settings.PROVIDERS_ALLOW_PRIVATE = False
    resolving(["8.8.8.8", "127.0.0.1"])
    with pytest.raises(NotSent, match=r"127\.0\.0\.1"):
        call(fake_provider, f"http://panel.example:{fake_provider.port}/api/v2")
    assert connected == []


def test_a_name_is_resolved_once_and_the_checked_address_is_called(
    fake_provider: BoughtFrom, settings: Any, connected: list[Any], resolving: Callable[..., list[str]]
) -> None:
    settings.PROVIDERS_ALLOW_PRIVATE = False
    asked = resolving(["8.8.8.8"], ["127.0.0.1"])  # public when it is checked, loopback ever after
    with pytest.raises(NotSent, match="no outside world"):
        call(fake_provider, f"http://panel.example:{fake_provider.port}/api/v2")
    assert asked == ["panel.example"]
    assert connected == [("8.8.8.8", fake_provider.port)]
    assert fake_provider.connections == 0


def test_the_other_addresses_of_a_name_get_their_turn(
    fake_provider: BoughtFrom, connected: list[Any], resolving: Callable[..., list[str]]
) -> None:
    resolving(["8.8.8.8", "127.0.0.1"])
    call(fake_provider, f"http://panel.example:{fake_provider.port}/api/v2")
    assert connected == [("8.8.8.8", fake_provider.port), ("127.0.0.1", fake_provider.port)]
    assert fake_provider.headers[0]["Host"] == f"panel.example:{fake_provider.port}"


def test_private_providers_are_an_owner_s_decision(fake_provider: BoughtFrom, settings: Any) -> None:
    call(fake_provider, fake_provider.url)
    settings.PROVIDERS_ALLOW_PRIVATE = False
    with pytest.raises(NotSent, match="no public address"):
        call(fake_provider, fake_provider.url)


def test_a_redirect_is_not_followed(fake_provider: BoughtFrom) -> None:
    fake_provider.fail_next("redirect")
    with pytest.raises(Exception, match="HTTP 302"):
        call(fake_provider, fake_provider.url)
    assert fake_provider.connections == 1


def test_a_name_that_does_not_resolve(fake_provider: BoughtFrom, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_more: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NotSent, match="does not resolve"):
        call(fake_provider, "https://panel.example/api/v2")


def test_a_resolver_that_hangs(fake_provider: BoughtFrom, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(network, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: over.wait() and [])
    started = time.monotonic()
    with pytest.raises(NotSent, match="not resolved in time"):
        call(fake_provider, "https://panel.example/api/v2")
    assert time.monotonic() - started < 5
    over.set()


# --- What comes back ---


@pytest.mark.parametrize(
    ("beginning", "for_ever", "reason"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "too large"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Padding: " + b"x" * 1000 + b"\r\n", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 1000, "too large"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 10_000, "an answer of more than"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", b" " * 10_000, "an answer of more than"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"", "RemoteProtocolError"),
        (b"", b"", "RemoteProtocolError"),
    ],
)
def test_a_server_that_never_comes_to_an_end(
    beginning: bytes, for_ever: bytes, reason: str, fake_provider: BoughtFrom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "BODY_BYTES_MAX", 100_000)

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            asked = b""
            while b"action=balance" not in asked:
                asked += connection.recv(65536)
            connection.sendall(beginning)
            while for_ever:
                connection.sendall(for_ever)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        started = time.monotonic()
        with pytest.raises(Ambiguous, match=reason):
            call(fake_provider, f"http://127.0.0.1:{server.getsockname()[1]}/api/v2")
        assert time.monotonic() - started < network.READ_SECONDS


# --- TLS ---


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[str | None]]]:
    """A server whose certificate is for panel.example; give its port and the names it was asked for."""
    certificate = tmp_path / "panel.pem"
    certificate.write_bytes(make_certificate("panel.example"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    monkeypatch.setattr(network, "_trusted_certificates", lambda: ssl.create_default_context(cafile=certificate))

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as encrypted:
                    asked = b""
                    while b"action=balance" not in asked:
                        asked += encrypted.recv(65536)
                    encrypted.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"balance": "5"}')
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1], names


def make_certificate(name: str) -> bytes:
    """Make a certificate that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    no_password = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    return private + built.public_bytes(serialization.Encoding.PEM)


def test_the_certificate_must_be_for_the_name_and_not_for_the_address(
    tls_server: tuple[int, list[str | None]], fake_provider: BoughtFrom, resolving: Callable[..., list[str]]
) -> None:
    port, names = tls_server
    asked = resolving(["127.0.0.1"])
    call(fake_provider, f"https://panel.example:{port}/api/v2")
    assert names == asked == ["panel.example"]

    with pytest.raises(NotSent, match=r"TLS handshake failed.*Hostname mismatch"):
        call(fake_provider, f"https://other.example:{port}/api/v2")
    with pytest.raises(NotSent, match="TLS handshake failed"):
        call(fake_provider, f"https://127.0.0.1:{port}/api/v2")


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_server: tuple[int, list[str | None]],
    fake_provider: BoughtFrom,
    resolving: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, _ = tls_server
    resolving(["127.0.0.1"])
    monkeypatch.setattr(network, "_trusted_certificates", ssl.create_default_context)
    with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
        call(fake_provider, f"https://panel.example:{port}/api/v2")


def test_the_trusted_certificates_are_not_the_environment_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    network._trusted_certificates.cache_clear()
    context = network._trusted_certificates()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) > 50
