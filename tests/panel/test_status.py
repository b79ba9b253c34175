"""`manage.py status`: one screen for a person, JSON for a monitor, and an exit code for both."""

import json
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from catalog.models import Service
from orders import submission
from providers.models import Provider
from tests.fixtures import accept_due, funded, nothing_moves, place


def status(**options: Any) -> tuple[str, int]:
    """Run the command; return what it prints and its exit code."""
    printed = StringIO()
    try:
        with nothing_moves():
            call_command("status", stdout=printed, **options)
    except SystemExit as end:
        return printed.getvalue(), int(end.code or 0)
    return printed.getvalue(), 0


@pytest.fixture
def lost(customer: User, make_service: Callable[..., Service]) -> None:
    """Two orders: one at the provider, one in review."""
    funded(customer, "10")
    place(customer, make_service())
    accept_due()
    place(customer, make_service())
    claim = submission.claim_next()
    assert claim is not None
    submission.record_unknown(claim.attempt.pk, evidence="read timed out")


@pytest.mark.django_db
def test_an_empty_panel_is_well() -> None:
    printed, code = status()

    assert code == 0
    assert printed.endswith("all is well\n")
    assert "last audit: never" in printed


@pytest.mark.usefixtures("lost")
def test_says_what_needs_a_person() -> None:
    Provider.objects.update(balance=Decimal("3.5"), is_low=True)
    call_command("audit_ledger", stdout=StringIO())

    printed, code = status()

    assert code == 1
    assert "! in review: 1, the first for 0 s" in printed
    assert "! our balance at provider Sandbox is low: 3.50000 USD" in printed
    assert "1 runs are at their providers" in printed
    assert "1 accepted, 1 unknown" in printed
    assert "0 s ago, 0 mismatches in 3 entries" in printed
    assert "broker: answers" in printed
    assert max(map(len, printed.splitlines())) <= 120


@pytest.mark.usefixtures("lost")
def test_tells_a_monitor_the_same() -> None:
    printed, code = status(as_json=True)

    facts = json.loads(printed)
    assert code == 1
    assert facts["ok"] is False
    assert facts["problems"] == ["in review: 1, the first for 0 s"]
    assert facts["waiting"]["in_review"]["count"] == 1
    assert 0 <= facts["waiting"]["in_review"]["oldest_seconds"] < 30
    assert facts["tracked"] == 1
    assert (facts["broker"], facts["audit"]["entries"]) == ({"ok": True}, None)
    (provider,) = facts["providers"]
    assert (provider["name"], provider["state"], provider["open_runs"]) == ("Sandbox", "open", 1)
    assert provider["answers"] == {"accepted": 1, "unknown": 1}


@pytest.mark.django_db
def test_a_broker_that_is_away_is_a_problem(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere"

    printed, code = status()

    assert code == 1
    assert "broker: does not answer" in printed
    assert "! Redis does not answer" in printed


@pytest.mark.django_db
def test_what_providers_write_gives_a_terminal_no_orders(provider: Provider) -> None:
    Provider.objects.update(name="A\x1b[2J\u202e", failures=3, failure="first\n\x1b]0;owned\x07second")

    printed, code = status()

    assert code == 1
    assert "first ]0;owned second" in printed
    assert all(char == "\n" or char.isprintable() for char in printed)
