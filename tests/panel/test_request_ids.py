"""Requests and tasks have names, in answers and in logs; logs hold no secrets."""

import io
import json
import logging

import pytest
from django.test import Client

from api_v2 import actions
from panel import celery, request_ids
from panel.logs import JsonFormatter, LineFormatter
from tests.fixtures import PASSWORD, key_of, post_api

CANARY = "canary-5f3a9c"


@pytest.fixture
def log():
    """Collect what is logged as both formatters print it."""
    stream = io.StringIO()
    handlers = []
    for formatter in (JsonFormatter(), LineFormatter("%(levelname)s %(name)s: %(message)s")):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        handlers.append(handler)
        logging.getLogger().addHandler(handler)
    yield stream
    for handler in handlers:
        logging.getLogger().removeHandler(handler)


def printed(message, *args, **more):
    record = logging.LogRecord("panel", logging.ERROR, "", 0, message, args, None)
    vars(record).update(more)
    return JsonFormatter().format(record)


def test_a_sane_name_is_kept_and_any_other_is_made():
    for sent in ("abcd1234", "0af7651916cd43dd8448eb211c80319c", "a.b_c-d-12"):
        assert Client().get("/healthz", headers={"X-Request-Id": sent}).headers["X-Request-Id"] == sent
    made = set()
    for sent in ("", "short", "x" * 65, "evil\tname-1", "<script>alert(1)", "naïve-name"):
        name = Client().get("/healthz", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
        assert len(name) == 16
        made.add(name)
    assert len(made) == 6


@pytest.mark.django_db
def test_the_api_answers_with_it():
    assert post_api({"key": "x"}, headers={"X-Request-Id": "from-proxy-1"}).headers["X-Request-Id"] == "from-proxy-1"


@pytest.mark.django_db
def test_what_is_logged_meanwhile_names_the_request(customer, log, monkeypatch):
    def crash(*_):
        raise RuntimeError("broken")

    monkeypatch.setitem(actions.ACTIONS, "balance", crash)

    post_api({"key": key_of(customer), "action": "balance"}, headers={"X-Request-Id": "from-proxy-2"})

    event, line, *_ = log.getvalue().splitlines()
    assert json.loads(event)["request"] == "from-proxy-2"
    assert "RuntimeError: broken" in json.loads(event)["exception"]
    assert line == "ERROR api_v2.views: an API call crashed [from-proxy-2]"
    assert request_ids.current() == ""


def test_tasks_have_names():
    @celery.app.task(name="tests.name")
    def name():
        seen.append(request_ids.current())

    seen = []
    result = name.apply()

    assert seen == [result.id]
    assert request_ids.current() == ""


def test_json_is_one_line_with_what_there_is():
    event = json.loads(printed("two\nlines %s", "and ünicode"))

    assert event.keys() == {"at", "level", "logger", "message"}
    assert (event["level"], event["logger"], event["message"]) == ("ERROR", "panel", "two\nlines and ünicode")
    assert "\n" not in printed("two\nlines")


@pytest.mark.parametrize(
    "text",
    [
        f"key={CANARY}&action=balance",
        f"{{'password': '{CANARY}', 'login': 'x'}}",
        f'{{"api_key": "{CANARY}"}}',
        f"Authorization: Bearer {CANARY}",
        f"X-Api-Key: {CANARY}",
        f"STRIPE_SECRET_KEY={CANARY}",
        f"could not connect to postgresql://panel:{CANARY}@db/panel",
        f"sessionid={CANARY}; csrftoken=x",
        f"token = {CANARY}",
    ],
)
def test_what_is_named_like_a_secret_is_hidden(text):
    error = ValueError(text)
    exception = (type(error), error, None)

    for formatter in (JsonFormatter(), LineFormatter("%(message)s")):
        record = logging.LogRecord("panel", logging.ERROR, "", 0, text, None, exception)
        shown = formatter.format(record)
        assert CANARY not in shown
        assert "[hidden]" in shown


def test_ordinary_words_stay():
    text = "wallet 3 entry 5: unique key is broken, monkey=fine, keyboard: yes"

    assert json.loads(printed(text))["message"] == text


@pytest.mark.django_db
def test_no_log_holds_what_people_and_programs_sent(customer, log, monkeypatch, settings):
    def crash(*_):
        raise RuntimeError("broken")

    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    monkeypatch.setitem(actions.ACTIONS, "balance", crash)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        post_api({"key": key_of(customer), "action": "balance"})
        post_api({"key": CANARY, "action": "balance"})
        post_api({"action": "balance"}, headers={"X-Api-Key": CANARY})
        Client().post(f"/api/v2?key={CANARY}", {"action": "add"})
        Client().post("/account/login/", {"login": "customer", "password": CANARY})
        Client().post("/account/login/", {"login": "customer", "password": PASSWORD})
        Client().get(f"/nowhere/?key={CANARY}&password={CANARY}")
        Client().get("/metrics", headers={"Authorization": f"Bearer {CANARY}"})
    finally:
        logging.getLogger().setLevel(logging.INFO)

    shown = log.getvalue()
    assert "an API call crashed" in shown
    assert CANARY not in shown
    assert key_of(customer) not in shown
    assert PASSWORD not in shown
