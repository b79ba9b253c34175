"""The public status page: what was counted, what staff wrote, and nobody's name."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from api_v2 import recording, times
from api_v2.models import CallTime
from orders.models import Run
from providers.models import Provider
from status import page, tasks
from status.models import Incident
from status.page import Level
from tests.fixtures import call_api, funded, place, report
from tests.reports.test_figures import fold_now

pytestmark = pytest.mark.django_db
URL = reverse("dashboard:status")


@pytest.fixture(autouse=True)
def alive(db):
    """Workers are at work, where a test does not say otherwise."""
    tasks.beat()


def levels():
    page.forget()
    return {name: level.name for name, level in page.read_status().levels.items() if level}


def add_calls(hours_ago, *, outcome="ok", **steps):
    counts = [0] * times.STEPS
    for number, count in steps.items():
        counts[int(number.removeprefix("s"))] = count
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    CallTime.objects.create(hour=hour, action="add", outcome=outcome, steps=counts, total_us=1)


def write_incident(**changes):
    facts = {
        "title": "Payments by card were away",
        "body": "A **bank** had trouble. <script>alert(1)</script>",
        "component": "payments",
        "severity": "major",
        "started_at": datetime.now(UTC) - timedelta(hours=3),
    }
    page.forget()
    return Incident.objects.create(**facts | changes)


def test_a_quiet_panel_works():
    shown = Client().get(URL)

    assert shown.status_code == 200
    assert "Everything works" in shown.text
    assert "No calls in this time" in shown.text
    assert "No order has started in this time." in shown.text
    assert levels() == {}


def test_figures_of_the_api_are_those_that_were_counted(customer):
    add_calls(30, s20=1000)  # too long ago
    add_calls(3, s4=98, s10=2)
    add_calls(1, s4=100)
    add_calls(1, outcome="failed", s0=2)

    found = page.read_status()

    assert (found.day.calls, found.day.failed) == (202, 2)
    assert found.day.p50_us == round(2000 + 1000 * 100 / 198)
    assert found.day.p99_us == 3000
    by_age = {len(found.hours) - 1 - number: hour for number, hour in enumerate(found.hours)}
    assert (by_age[3].calls, by_age[3].p50_us, by_age[3].p99_us) == (100, 2510, 17_500)
    assert (by_age[2].calls, by_age[2].p50_us) == (0, None)
    shown = Client().get(URL).text
    assert "2.5 ms" in shown
    assert "1.0 %" in shown


def test_counts_what_the_api_answers(customer):
    call_api(customer, action="balance")
    call_api(customer, action="status", order=1)
    recording.recorder.write()

    assert page.read_status().day.calls == 2


def test_start_times_are_those_that_were_counted(customer, followers):
    funded(customer, "10")
    report(place(customer, followers), "Completed")
    fold_now()

    found = page.read_status().paces

    assert (found.start.orders, found.finish.orders) == (1, 1)
    assert "One half starts within" in Client().get(URL).text


@pytest.mark.parametrize(
    ("ok", "failed", "level"),
    [(1000, 2, None), (1000, 9, None), (200, 3, "MINOR"), (10, 3, "MINOR"), (6, 3, "MAJOR"), (0, 3, "MAJOR")],
)
def test_failed_calls_count_against_the_api(ok, failed, level):
    add_calls(0, s4=ok)
    add_calls(0, outcome="failed", s0=failed)

    assert levels() == ({} if level is None else {"api": level})


def test_failures_of_yesterday_do_not_count_today():
    add_calls(3, outcome="failed", s0=100)

    assert levels() == {}


def test_workers_that_are_away_are_told_of():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE status_heartbeat SET beat_at = now() - interval '5 minutes'")

    assert levels() == {"orders": "MAJOR"}
    assert "not sent at the moment" in Client().get(URL).text


def test_orders_that_wait_are_told_of(customer, followers):
    funded(customer, "10")
    place(customer, followers)
    assert levels() == {}
    Run.objects.update(due_at=datetime.now(UTC) - timedelta(minutes=12))

    assert levels() == {"orders": "MINOR"}
    assert "for 12 min" in Client().get(URL).text


def test_a_provider_that_is_away_is_told_of_without_its_name(provider):
    Provider.objects.update(name="Secret Supplier", failures=5, down_until=datetime.now(UTC) + timedelta(minutes=1))

    assert levels() == {"orders": "MINOR"}
    shown = Client().get(URL).text
    assert "Some services start later" in shown
    assert "Secret Supplier" not in shown


def test_incidents_are_shown_while_they_last_and_afterwards():
    write_incident()
    assert levels() == {"payments": "MAJOR"}
    shown = Client().get(URL).text
    assert "Something does not work" in shown
    assert "Payments by card were away" in shown
    assert "<strong>bank</strong>" in shown
    assert "<script>alert" not in shown

    Incident.objects.update(ended_at=datetime.now(UTC) - timedelta(hours=1))
    assert levels() == {}
    assert "Payments by card were away" in Client().get(URL).text


def test_incidents_that_are_not_public_or_long_ago_are_not_shown():
    long_ago = datetime.now(UTC) - timedelta(days=40)
    write_incident(title="Not yet public", is_public=False)
    write_incident(title="Long ago", started_at=long_ago, ended_at=long_ago)
    write_incident(title="Since long ago", started_at=long_ago, severity="minor", component="website")

    shown = Client().get(URL).text

    assert "Not yet public" not in shown
    assert "Long ago" not in shown
    assert "Since long ago" in shown
    assert levels() == {"website": "MINOR"}


def test_planned_work_counts_when_it_begins():
    incident = write_incident(severity="maintenance", started_at=datetime.now(UTC) + timedelta(hours=2))
    assert levels() == {}
    assert incident.title in Client().get(URL).text
    Incident.objects.update(started_at=datetime.now(UTC) - timedelta(minutes=1))

    assert levels() == {"payments": "MAINTENANCE"}


def test_everybody_is_shown_the_same_for_some_seconds(customer):
    page.forget()
    Client().get(URL)
    with CaptureQueriesContext(connection) as asked:
        Client().get(URL)
    assert len(asked) == 0
    client = Client()
    client.force_login(customer)

    assert client.get(URL).status_code == 200


def test_asks_the_same_few_questions_however_much_there_is(customer, followers):
    funded(customer, "50")
    page.forget()
    with CaptureQueriesContext(connection) as few:
        Client().get(URL)
    for _ in range(5):
        report(place(customer, followers), "Completed")
    fold_now()
    for number in range(5):
        write_incident(title=f"Incident {number}")
        add_calls(number, s4=5)
    page.forget()
    with CaptureQueriesContext(connection) as many:
        Client().get(URL)

    assert len(many) == len(few) <= 16


def test_speaks_spanish():
    shown = Client().get(URL, headers={"Accept-Language": "es"}).text

    assert "Todo funciona" in shown
    assert "Entrega de pedidos" in shown


def test_every_severity_has_its_level():
    assert {Level[severity.upper()] for severity in Incident.Severity.values} == set(Level) - {Level.OK}
