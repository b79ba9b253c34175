"""What reaches Django, and what must not crash it before any of our code runs."""

import io
import json

import pytest

from panel.wsgi import application
from tests.fixtures import key_of

pytestmark = pytest.mark.django_db(transaction=True)  # a request closes what it may close at its end


def post(body, *, content_type="application/x-www-form-urlencoded", **extra):
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v2",
        "SERVER_NAME": "panel",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": content_type,
        **extra,
    }
    statuses = []
    response = application(environ, lambda status, headers: statuses.append(status))
    return statuses[0], json.loads(b"".join(response))


@pytest.mark.parametrize(
    "parameter",
    ["charset*=bogus''%41", "charset*=utf-8''%00", "charset=\x00", "charset=%ff", "charset=base64", "x*0*=1"],
)
def test_reads_a_form_whatever_its_content_type_says(customer, parameter):
    body = f"key={key_of(customer)}&action=balance".encode()

    answer = post(body, content_type=f"application/x-www-form-urlencoded; {parameter}")

    assert answer == ("200 OK", {"balance": "0.00000", "currency": "USD"})


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_refuses_a_body_that_was_cut_off(customer, content_type):
    body = f"key={key_of(customer)}&action=balance".encode()

    _, answer = post(body, content_type=content_type, CONTENT_LENGTH=str(len(body) + 1))

    assert answer == {"error": "Incorrect request", "detail": "The request was cut off."}
