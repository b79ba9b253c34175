"""How a provider is doing, in the list and on its page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Service
from orders import submission
from orders.models import Attempt
from providers.models import Provider
from tests.admin.browsing import page_of
from tests.fixtures import accept_due, funded, place

PROVIDERS = "/admin/providers/provider/"


@pytest.fixture
def busy(customer: User, followers: Service) -> Provider:
    """A provider with one order that it took in half a second, one whose answer was lost, and one that waits."""
    funded(customer, "10")
    place(customer, followers)
    accept_due()
    Attempt.objects.update(finished_at=F("started_at") + timedelta(seconds=0.5))
    place(customer, followers, link="https://instagram.com/two")
    claim = submission.claim_next()
    assert claim is not None
    submission.record_unknown(claim.attempt.pk, evidence="read timed out <b>")
    place(customer, followers, link="https://instagram.com/three")
    return Provider.objects.get()


def row_of(client: Client) -> Any:
    """Return the only provider as its list shows it."""
    page = client.get(PROVIDERS)
    assert page.status_code == 200
    model_admin, (provider,) = page.context["cl"].model_admin, page.context["cl"].result_list
    return {name: getattr(model_admin, name)(provider) for name in ("condition", "failed", "open_runs", "waiting")}


def test_list_says_how_it_is_doing(boss: Client, busy: Provider) -> None:
    assert row_of(boss) == {"condition": "runs", "failed": "1 of 2", "open_runs": "1", "waiting": "1"}
    assert "services bought" in boss.get(PROVIDERS).text.lower()


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"is_active": False, "is_low": True}, "paused by staff"),
        ({"down_until": timezone.now() + timedelta(hours=1)}, "down"),
        ({"paused_until": timezone.now() + timedelta(hours=1)}, "refuses for now"),
        ({"failures": 3}, "fails"),
        ({"is_low": True}, "low balance"),
    ],
)
def test_condition_is_the_worst(boss: Client, provider: Provider, changes: dict[str, Any], condition: str) -> None:
    Provider.objects.update(**changes)

    assert row_of(boss)["condition"] == condition


def test_page_tells_answers_and_failures(boss: Client, busy: Provider) -> None:
    page = boss.get(page_of(busy)).text

    assert "1 accepted, 1 unknown" in page
    assert "read timed out &lt;b&gt;" in page
    assert f"/admin/catalog/service/?routes__provider__id__exact={busy.pk}" in page


def test_list_costs_the_same_for_many(boss: Client, busy: Provider) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            boss.get(PROVIDERS)
        return len(queries)

    count()
    few = count()
    for number in range(10):
        Provider.objects.create(name=f"Panel {number}", kind=Provider.Kind.SANDBOX)

    assert count() == few


def test_who_may_only_look_gets_no_buttons(make_clerk: Callable[..., Client], busy: Provider) -> None:
    clerk = make_clerk("providers.view_provider")

    page = clerk.get(page_of(busy))

    assert page.status_code == 200
    assert f"/{busy.pk}/pause" not in page.text
