"""The description of the API: complete, with examples that are true, and held by what it answers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis import checks

from accounts.models import User
from admin_api import urls
from admin_api.examples import EXAMPLES
from admin_api.views.schema import _schema
from catalog.models import Service
from panel.wsgi import application
from support import tickets
from support.models import Ticket
from tests.admin_api.calling import BASE, Tool, tool_of
from tests.fixtures import funded, place, report

TRIES = 6  # for each address; with all of them it must stay under a minute
# Who is let in is checked by `test_access.py`; it is meant that numbers may come as text, and that what a schema cannot
# say is refused.
checks.load_all_checks()
NOT_CHECKED = [
    checks.CHECKS.get_one(name) for name in ("ignored_auth", "negative_data_rejection", "positive_data_acceptance")
]
SCHEMA = schemathesis.openapi.from_wsgi(f"{BASE}/schema", application)


def described() -> Any:
    return json.loads(_schema())


def operations() -> list[tuple[str, str, Any]]:
    return [(path, method, one) for path, methods in described()["paths"].items() for method, one in methods.items()]


def test_describes_every_address_and_the_key() -> None:
    paths = {f"/adminapi/v2/{pattern.pattern}".replace("<int:", "{").replace(">", "}") for pattern in urls._endpoints}

    assert set(described()["paths"]) == paths
    assert described()["components"]["securitySchemes"] == {
        "StaffKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}
    }
    for path, method, operation in operations():
        assert operation["summary"], (path, method)
        assert operation["security"] == [{"StaffKey": []}], (path, method)
        assert {"200", "400", "401", "403", "404", "405", "409", "429"} <= set(operation["responses"])


def test_every_example_is_as_its_schema_says() -> None:
    components = described()["components"]
    names = set()
    for path, _, operation in operations():
        names.add(operation["operationId"])
        contents = [operation["responses"]["200"]["content"]["application/json"]]
        if "requestBody" in operation:
            contents.append(operation["requestBody"]["content"]["application/json"])
        for content in contents:
            assert content["examples"], path
            for example in content["examples"].values():
                schema = content["schema"] | {"components": components}
                Draft202012Validator(schema).validate(example["value"])
    assert names == set(EXAMPLES)


def test_schema_and_page_are_for_everybody_and_need_no_other_server(db: None) -> None:
    browser = Client()

    schema = browser.get(f"{BASE}/schema")
    page = browser.get(f"{BASE}/docs")

    assert (schema.status_code, schema.headers["Content-Type"]) == (200, "application/json")
    assert schema.json()["openapi"].startswith("3.")
    assert page.status_code == 200
    html = page.content.decode()
    assert "//" not in html
    assert "<script>" not in html
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert browser.post(f"{BASE}/docs").json()["error_code"] == 405


@pytest.fixture
def busy_tool(staff: User, customer: User, followers: Service, handmade: Service, settings: Any) -> Iterator[Tool]:
    """A tool that is never too fast, at a panel with something in it."""
    settings.ADMIN_API_RATE = "1000000/m"
    order_id = place(funded(customer, "100"), followers)
    report(order_id, "In progress", remains=900)
    place(customer, followers)
    for _ in range(2):
        place(customer, handmade)  # for who pulls
    tickets.open_ticket(customer_id=customer.pk, subject=Ticket.Subject.OTHER, title="Hello", text="Are you there?")
    # The server closes connections after a request that must not live longer; this one is the test's.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield tool_of(staff)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@SCHEMA.parametrize()
@settings(
    max_examples=TRIES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_as_described_whatever_is_sent(case: Any, busy_tool: Tool) -> None:
    response = case.call(headers={"X-Api-Key": busy_tool.text})

    case.validate_response(response, excluded_checks=NOT_CHECKED)
    body = response.json()
    assert {"data", "error_message", "error_code"} <= set(body)
    assert (body["error_code"] == 0) or body["error_message"]
