"""What goes over the wire below the clients' libraries: chunks, waiting, keep-alive, and odd headers."""

import json
import re
import socket
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from orders.models import Order
from tests.fixtures import LINK, key_of, nothing_moves

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "application/x-www-form-urlencoded"
BALANCE = {"balance": "10.00000", "currency": "USD"}
MSIE = "Mozilla/4.0 (compatible; MSIE 5.01; Windows NT 5.0)"  # what the protocol's old PHP example sends


@pytest.fixture
def address(server):
    parts = urlsplit(server)
    return parts.hostname, parts.port


@pytest.fixture
def connection(address):
    connection = HTTPConnection(*address, timeout=20)
    yield connection
    connection.close()


@pytest.fixture
def body(shop):
    """A call for the balance."""
    return f"key={key_of(shop)}&action=balance"


def read_response(stream):
    """Read one response from a socket's file: its status, headers and body."""
    status = int(stream.readline().split()[1])
    headers = {}
    while (line := stream.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, stream.read(int(headers.get("content-length", 0)))


def converse(address, *pieces, pause=0.0):
    """Send pieces of a request one after the other and return the response's status and parsed answer."""
    with socket.create_connection(address, timeout=20) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            raw.sendall(piece)
            time.sleep(pause)
        status, headers, answer = read_response(raw.makefile("rb"))
    assert headers["content-type"] == "application/json"
    return status, json.loads(answer)


def head(*lines):
    return "\r\n".join(["POST /api/v2 HTTP/1.1", "Host: panel", *lines, "", ""]).encode()


def chunked(data, size=7):
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def ask(connection, body, **headers):
    connection.request("POST", "/api/v2", body, {"Content-Type": FORM, **headers})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_chunked_form(address, body):
    sent = head(f"Content-Type: {FORM}", "Transfer-Encoding: chunked") + chunked(body.encode())

    assert converse(address, sent) == (200, BALANCE)


def test_chunked_order(connection, shop):
    fields = f"key={key_of(shop)}&action=add&service=1042&quantity=1000&link={LINK}"
    connection.request(
        "POST",
        "/api/v2",
        iter([fields[:20].encode(), fields[20:].encode()]),
        {"Content-Type": FORM},
        encode_chunked=True,
    )

    assert json.loads(connection.getresponse().read()) == {"order": Order.objects.get().pk}


def test_chunked_multipart_in_a_charset_that_is_none(address, shop):
    fields = {"key": key_of(shop), "action": "balance"}
    form = "".join(f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    headers = head("Content-Type: multipart/form-data; boundary=x; charset=base64", "Transfer-Encoding: chunked")

    assert converse(address, headers + chunked(f"{form}--x--\r\n".encode(), 50)) == (200, BALANCE)


def test_chunked_megabytes_are_refused(address, body):
    data = f"{body}&x=".encode().ljust(2 * 1024 * 1024, b"x")
    sent = head(f"Content-Type: {FORM}", "Transfer-Encoding: chunked") + chunked(data, 65536)

    assert converse(address, sent) == (
        200,
        {"error": "Incorrect request", "detail": "The request is too large."},
    )


def test_expect_100_continue(address, body):
    """curl waits for this with bodies above a kilobyte."""
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(head(f"Content-Type: {FORM}", f"Content-Length: {len(body)}", "Expect: 100-continue"))
        stream = raw.makefile("rb")
        assert stream.readline().startswith(b"HTTP/1.1 100")
        assert stream.readline() == b"\r\n"
        raw.sendall(body.encode())

        status, _, answer = read_response(stream)

    assert (status, json.loads(answer)) == (200, BALANCE)


def test_a_client_that_expects_and_does_not_wait(address, body):
    """The answer may be preceded by a 100 that nobody waited for, as HTTP allows."""
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(head(f"Content-Length: {len(body)}", "Expect: 100-continue") + body.encode())
        stream = raw.makefile("rb")
        status, _, answer = read_response(stream)
        if status == 100:
            status, _, answer = read_response(stream)

    assert (status, json.loads(answer)) == (200, BALANCE)


def test_keep_alive_for_hundreds_of_calls(connection, body):
    ask(connection, body)
    first = connection.sock

    assert all(ask(connection, body) == (200, BALANCE) for _ in range(400))
    assert connection.sock is first


def test_keep_alive_after_refusals(connection, body):
    for wrong in ("", "key=x", "{", "key=\x00", body + "x", "x" * 1_100_000):
        status, answer = ask(connection, wrong.encode())
        assert status == 200
        assert "error" in answer

    assert ask(connection, body) == (200, BALANCE)


@pytest.mark.parametrize("agent", [None, "", MSIE, "curl/8.0", "x" * 4000])
def test_any_user_agent(address, body, agent):
    lines = [] if agent is None else [f"User-Agent: {agent}"]
    sent = head(*lines, f"Content-Type: {FORM}", f"Content-Length: {len(body)}") + body.encode()

    assert converse(address, sent) == (200, BALANCE)


def test_no_content_type(address, body):
    assert converse(address, head(f"Content-Length: {len(body)}") + body.encode()) == (200, BALANCE)


def test_no_body_at_all(address, shop):
    assert converse(address, head()) == (200, {"error": "Invalid API key"})


def test_headers_in_any_case(address, body):
    sent = b"POST /api/v2 HTTP/1.1\r\nhOST: panel\r\ncontent-LENGTH: %d\r\n\r\n%s" % (len(body), body.encode())

    assert converse(address, sent) == (200, BALANCE)


def test_key_in_a_header(address, shop):
    sent = head(f"x-api-key: {key_of(shop)}", "Content-Length: 14") + b"action=balance"

    assert converse(address, sent) == (200, BALANCE)


def test_http_1_0(address, body):
    sent = b"POST /api/v2 HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode())

    assert converse(address, sent) == (200, BALANCE)


def test_a_body_that_arrives_byte_by_byte(address, body):
    pieces = [bytes([byte]) for byte in body.encode()]

    assert converse(address, head(f"Content-Length: {len(body)}"), *pieces, pause=0.002) == (200, BALANCE)


def test_a_client_that_hangs_up_midway_orders_nothing(address, connection, body, shop):
    order = f"key={key_of(shop)}&action=add&service=1042&quantity=1000&link={LINK}".encode()
    with nothing_moves():
        with socket.create_connection(address, timeout=20) as raw:
            raw.sendall(head(f"Content-Type: {FORM}", f"Content-Length: {len(order) + 10}") + order)
        assert ask(connection, body) == (200, BALANCE)  # the server has gone on


@pytest.mark.parametrize("target", ["/api/v2", "/api/v2/", "/api/v2?x=1", "http://panel/api/v2"])
def test_no_redirect_from_any_spelling_of_the_address(address, body, target):
    sent = head(f"Content-Length: {len(body)}").replace(b"/api/v2", target.encode(), 1) + body.encode()

    assert converse(address, sent) == (200, BALANCE)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_other_methods_are_refused_in_json(address, shop, method):
    status, answer = converse(address, head("Content-Length: 0").replace(b"POST", method.encode(), 1))

    assert status == 200
    assert re.match("Use POST", answer["detail"])


def test_an_order_is_there_when_it_is_answered(connection, shop):
    """The answer leaves after the commit: another connection sees the order at once."""
    fields = f"key={key_of(shop)}&action=add&service=1042&quantity=1000&link={LINK}"
    for _ in range(5):
        _, answer = ask(connection, fields)
        assert Order.objects.filter(pk=answer["order"]).exists()
