"""Our keys at other panels: encrypted, and nowhere else to be seen."""

from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from providers import keys
from providers.client import PanelClient
from providers.errors import Ambiguous, NotSent, ProviderError
from providers.models import Provider
from tests.admin.browsing import with_second_factor
from tests.fake_provider.fixtures import BoughtFrom

CANARY = 'canary0123456789abcdef/+&="é'


@pytest.fixture
def canary(fake_provider: BoughtFrom) -> BoughtFrom:
    """A panel where our key is one that every encoding would change."""
    fake_provider.key = CANARY
    fake_provider.provider.sealed_key = keys.seal(CANARY)
    fake_provider.provider.save(update_fields=["sealed_key"])
    return fake_provider


def test_a_key_comes_out_as_it_went_in(canary: BoughtFrom) -> None:
    assert keys.unseal(canary.provider) == CANARY
    assert PanelClient(canary.provider).balance()


def test_the_same_key_is_never_sealed_alike() -> None:
    assert keys.seal(CANARY) != keys.seal(CANARY)


def test_the_secret_can_be_rotated(settings: Any) -> None:
    settings.PROVIDER_KEYS_SECRET = "old"
    provider = Provider(sealed_key=keys.seal(CANARY))
    settings.PROVIDER_KEYS_SECRET = " new , old "
    assert keys.unseal(provider) == CANARY
    resealed = Provider(sealed_key=keys.seal(CANARY))
    settings.PROVIDER_KEYS_SECRET = "new"
    assert keys.unseal(resealed) == CANARY
    with pytest.raises(NotSent, match="PROVIDER_KEYS_SECRET"):
        keys.unseal(provider)


@pytest.mark.parametrize("sealed", ["", "garbage", "é", "gAAAAA=="])
def test_a_key_that_cannot_be_opened_sends_nothing(sealed: str, fake_provider: BoughtFrom) -> None:
    fake_provider.provider.sealed_key = sealed
    with pytest.raises(NotSent):
        PanelClient(fake_provider.provider).balance()
    assert fake_provider.connections == 0


def test_it_is_not_in_the_database(canary: BoughtFrom) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT p::text FROM providers_provider p")
        (row,) = cursor.fetchone()
    assert "canary" not in row
    assert canary.provider.sealed_key in row


@pytest.mark.parametrize("fault", ["unknown_error", "refuse", "accept_echo", "accept_hang", None])
def test_it_is_in_no_evidence_and_no_log(
    fault: str | None, canary: BoughtFrom, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.network.READ_SECONDS", 0.3)
    caplog.set_level("DEBUG")
    if fault is None:
        canary.key = "another"  # the panel says that ours is invalid
    else:
        canary.fail_next(fault, text=f"wrong key {CANARY} ({CANARY!r})")
    with pytest.raises(ProviderError) as caught:
        PanelClient(canary.provider).add(
            service="1", service_type="Default", link="https://example.com", quantity=100, parameters={}
        )
    assert "canary" not in caught.value.evidence
    assert "canary" not in repr(caught.value) + str(caught.value.__cause__)
    assert "canary" not in caplog.text
    assert "canary" not in "".join(repr(record.args) for record in caplog.records)


def test_an_echoed_key_is_blacked_out(canary: BoughtFrom) -> None:
    canary.fail_next("unknown_error", text=f"who is {CANARY}?")
    with pytest.raises(Ambiguous, match=r"who is \*\*\*\?"):
        PanelClient(canary.provider).balance()


def test_it_has_no_representation(canary: BoughtFrom) -> None:
    client = PanelClient(canary.provider)
    client.balance()
    assert "canary" not in repr(client) + repr(vars(client)) + repr(canary.provider) + repr(vars(canary.provider))


def test_staff_see_neither_key_nor_seal(canary: BoughtFrom, staff: User) -> None:
    page = with_second_factor(staff).get(f"/admin/providers/provider/{canary.provider.pk}/change/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Fake panel" in text
    assert "canary" not in text
    assert canary.provider.sealed_key not in text
