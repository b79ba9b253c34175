"""What load balancers and restarters are told, and what Prometheus reads."""

from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from api_v2 import recording, times
from api_v2.models import CallTime
from providers.models import Provider
from status import heartbeat, probes, tasks
from status.models import Heartbeat
from tests.fixtures import accept_due, call_api, funded, place
from wallet import audit

pytestmark = pytest.mark.django_db
NOWHERE = "redis://127.0.0.1:1/0"


def get_metrics(client=None, **extra):
    """Ask from this machine, unless `extra` says otherwise."""
    return (client or Client()).get("/metrics", **{"HTTP_HOST": "127.0.0.1:8000"} | extra)


def read_metrics(client=None, **extra):
    """Read the figures as Prometheus does: name and labels to value, labels in the order of their names."""
    response = get_metrics(client, **extra)
    assert response.status_code == 200, response.content
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found, announced = {}, set()
    for family in text_string_to_metric_families(response.content.decode()):
        assert family.type in {"gauge", "histogram"}
        assert family.documentation
        assert family.name not in announced
        announced.add(family.name)
        for sample in family.samples:
            name = series(sample.name, **sample.labels)
            assert name not in found
            found[name] = sample.value
    return found


def series(family, **labels):
    """Name one line of the figures."""
    return family, tuple(sorted(labels.items()))


def test_alive_asks_nobody(django_assert_num_queries, settings):
    settings.ALLOWED_HOSTS = ["panel.example"]
    settings.SECURE_SSL_REDIRECT = True
    with django_assert_num_queries(0):
        answer = Client().get("/healthz", headers={"host": "10.0.0.7:8000"})

    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert answer.headers["Cache-Control"] == "no-store"


def test_ready_when_all_is_well():
    tasks.beat()

    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "broker": "ok", "workers": "ok"},
        "wrong": [],
    }


def test_ready_without_a_broker_but_says_so(settings):
    tasks.beat()
    settings.REDIS_URL = NOWHERE

    answer, strict = Client().get("/readyz"), Client().get("/readyz?strict")

    assert (answer.status_code, strict.status_code) == (200, 503)
    assert answer.json()["status"] == "degraded"
    assert answer.json()["wrong"] == ["broker: does not answer (ConnectionError)"]


def test_ready_without_workers_but_says_so():
    assert Client().get("/readyz").json()["wrong"] == ["workers: no worker has been seen yet"]
    tasks.beat()
    Heartbeat.objects.update(beat_at=timezone.now() - heartbeat.SILENT_AFTER - timedelta(minutes=5))

    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["wrong"]) == (200, ["workers: no sign of life for 5 min"])


def test_not_ready_without_the_database():
    def refuse(*_):
        raise OperationalError("connection to server at 10.1.2.3 failed: password canary-word")

    # Its connection is the test's own and must stay open.
    with connection.execute_wrapper(refuse), mock.patch.object(probes.connection, "close"):
        answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "down",
        "checks": {"database": "does not answer (OperationalError)"},
        "wrong": ["database: does not answer (OperationalError)"],
    }


def test_the_sign_of_life_is_one_row():
    tasks.beat()
    tasks.beat()

    assert Heartbeat.objects.count() == 1
    assert heartbeat.read_age() < timedelta(seconds=30)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_only_read(path):
    assert Client().post(path).status_code == 405


# --- Metrics -------------------------------------------------------------------------------------


def test_metrics_are_for_this_machine(settings):
    settings.RATELIMIT_IP_META_KEY = "HTTP_X_REAL_IP"
    for refused in (
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "1.2.3.4"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_AUTHORIZATION": "Bearer "},
    ):
        assert get_metrics(**{"REMOTE_ADDR": "10.0.0.7"} | refused).status_code == 404
    for refused in ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_X_REAL_IP": "127.0.0.1"}, {"HTTP_VIA": "1.1 x"}):
        assert get_metrics(**refused).status_code == 404
    assert get_metrics(REMOTE_ADDR="::1").status_code == 200


@pytest.mark.parametrize(
    "host", ["panel.example", "localhost.panel.example", "127.0.0.1.panel.example", "10.0.0.7:8000", "", "[", "x y"]
)
def test_metrics_are_not_for_whom_a_bare_proxy_asks(host):
    """A proxy on this machine that adds nothing still hands on the name it was asked for."""
    assert get_metrics(HTTP_HOST=host).status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "127.0.0.2"])
def test_metrics_are_for_whoever_asks_this_machine_by_its_own_names(host):
    assert read_metrics(HTTP_HOST=host)


def test_metrics_are_for_whoever_knows_the_token(settings):
    settings.METRICS_TOKEN = "right-token"
    afar = {"REMOTE_ADDR": "10.0.0.7", "HTTP_X_FORWARDED_FOR": "1.2.3.4", "HTTP_HOST": "panel.example"}

    for header in ("Bearer wrong-token", "Basic right-token", "right-token", "Bearer", "Bearer ünicode"):
        assert get_metrics(HTTP_AUTHORIZATION=header, **afar).status_code == 404
    assert read_metrics(HTTP_AUTHORIZATION="Bearer right-token", **afar)


def test_metrics_of_calls(customer, followers):
    for _ in range(3):
        call_api(customer, action="balance")
    call_api(customer, action="status", order=1)
    recording.recorder.write()
    call_api(customer, action="balance")
    recording.recorder.write()

    found = read_metrics()

    balance = {"action": "balance", "outcome": "ok"}
    of_balance = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "panel_api_request_seconds_bucket" and dict(labels)["action"] == "balance"
    }
    assert found[series("panel_api_request_seconds_count", **balance)] == 4
    assert found[series("panel_api_request_seconds_count", action="status", outcome="refused")] == 1
    assert found[series("panel_api_request_seconds_sum", **balance)] > 0
    assert list(of_balance.values()) == sorted(of_balance.values())
    assert list(map(float, of_balance)) == [*(bound / 1_000_000 for bound in times.BOUNDS_US), float("inf")]
    assert {"0.0005", "0.1", "1", "10", "+Inf"} <= set(of_balance)
    assert found[series("panel_api_request_seconds_bucket", **balance, le="+Inf")] == 4
    assert CallTime.objects.count() == 4  # two of this hour, two of all time


def test_metrics_of_queues_and_providers(customer, followers, provider):
    name = 'San"d\nbox\\'
    funded(customer, "10")
    place(customer, followers)
    Provider.objects.filter(pk=provider.pk).update(balance="12.5", failures=2, name=name)
    audit.audit_and_record()
    tasks.beat()

    found = read_metrics()

    assert found[series("panel_queue_rows", queue="due")] == 1
    assert found[series("panel_queue_oldest_seconds", queue="due")] >= 0
    assert found[series("panel_queue_rows", queue="in_review")] == 0
    assert found[series("panel_provider_balance", provider=name, currency="USD")] == 12.5
    assert found[series("panel_provider_failures_in_a_row", provider=name)] == 2
    assert found[series("panel_provider_open", provider=name, state="open")] == 1
    assert found[series("panel_provider_open", provider=name, state="down")] == 0
    assert found[series("panel_ledger_mismatches")] == 0
    assert found[series("panel_ledger_audit_age_seconds")] >= 0
    assert found[series("panel_worker_age_seconds")] >= 0
    assert found[series("panel_approvals_waiting")] == 0
    accept_due()
    found = read_metrics()
    assert found[series("panel_provider_attempts_last_hour", provider=name, outcome="accepted")] == 1
    assert found[series("panel_provider_answer_seconds", provider=name, quantile="0.5")] >= 0


def test_metrics_of_an_empty_panel():
    found = read_metrics()

    assert series("panel_ledger_audit_age_seconds") not in found
    assert found[series("panel_queue_rows", queue="due")] == 0


def test_metrics_tell_of_the_panel_only():
    """Nothing of the process that happens to answer: the next scrape may reach another one."""
    assert all(name.startswith("panel_") for name, _ in read_metrics())
