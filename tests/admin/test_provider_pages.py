"""A provider's page: its key goes in and never out, and buttons that call it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import Route, Service, ServiceUpdate
from providers import keys
from providers.models import Provider
from staff.models import AuditEntry
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.catalog.conftest import goods, world
from tests.fake_provider.book import Goods
from tests.fake_provider.fixtures import BoughtFrom

ADD = "/admin/providers/provider/add/"
KEY = "a-new-key-at-the-panel"


def form_of(provider: Provider | None = None, **changes: Any) -> dict[str, Any]:
    """Return a provider's form as it would be sent."""
    names = (
        "name", "api_url", "currency", "concurrency_max", "price_rule", "markup_percent", "markup_fixed", "rounding",
    )  # fmt: skip
    shown = provider or Provider(name="New panel", api_url="https://panel.example/api/v2")
    fields = {name: getattr(shown, name) for name in names}
    return {**fields, "kind": "panel", "pause_at_loss": "on", "balance_alert": "", "api_key": "", **changes}


def refused(response: Any) -> str:
    """Return what the form that came back complains about."""
    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    assert errors
    return "\n".join(f"{field}: {text}" for field, texts in errors.items() for text in texts)


def test_adds_a_panel_with_its_key_sealed(boss: Client) -> None:
    response = boss.post(ADD, form_of(api_key=KEY))

    assert response.status_code == 302, response.context["adminform"].form.errors
    provider = Provider.objects.get()
    assert KEY not in provider.sealed_key
    assert keys.unseal(provider) == KEY


def test_key_is_never_shown(boss: Client, fake_provider: BoughtFrom) -> None:
    boss.post(page_of(fake_provider.provider), form_of(fake_provider.provider, api_key=KEY))
    sealed = Provider.objects.get().sealed_key
    failed = boss.post(page_of(fake_provider.provider), form_of(fake_provider.provider, api_key=KEY, currency="x"))

    assert keys.unseal(Provider.objects.get()) == KEY
    pages = [failed, boss.get(page_of(fake_provider.provider))]
    pages += [boss.get(page_of(fake_provider.provider).replace("change", "history"))]
    for page in pages:
        assert KEY not in page.content.decode()
        assert sealed not in page.content.decode()
    assert KEY not in str(list(AuditEntry.objects.values()))


def test_empty_key_leaves_the_one_that_is_there(boss: Client, fake_provider: BoughtFrom) -> None:
    boss.post(page_of(fake_provider.provider), form_of(fake_provider.provider, name="Renamed", markup_percent="12.5"))

    provider = Provider.objects.get()
    assert (provider.name, provider.markup_percent) == ("Renamed", Decimal("12.5"))
    assert keys.unseal(provider) == fake_provider.key


def test_key_goes_to_no_other_machine_unseen(boss: Client, fake_provider: BoughtFrom) -> None:
    before = Provider.objects.values().get()
    moved = form_of(fake_provider.provider, api_url="https://thief.example/api/v2")

    assert "enter the key" in refused(boss.post(page_of(fake_provider.provider), moved))

    assert Provider.objects.values().get() == before
    assert boss.post(page_of(fake_provider.provider), moved | {"api_key": KEY}).status_code == 302
    other_path = form_of(Provider.objects.get(), api_url="https://thief.example/api/v3")
    assert boss.post(page_of(fake_provider.provider), other_path).status_code == 302


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": ""},
        {"api_url": ""},
        {"api_url": "ftp://panel.example/"},
        {"api_url": "https://me:secret@panel.example/api/v2"},
        {"api_url": "https://"},
        {"currency": "usd"},
        {"currency": "DOLLARS"},
        {"concurrency_max": "0"},
        {"markup_percent": "-1"},
        {"markup_fixed": "-0.1"},
        {"rounding": "7"},
        {"price_rule": "guess"},
        {"kind": "miracle"},
        {"name": ""},
        {"api_key": "x" * 501},
    ],
)
def test_refuses_what_makes_no_sense(boss: Client, wrong: dict[str, str]) -> None:
    assert refused(boss.post(ADD, form_of(api_key=KEY) | wrong))

    assert not Provider.objects.exists()


def test_key_travels_encrypted_where_nobody_said_how(boss: Client) -> None:
    boss.post(ADD, form_of(api_key=KEY, api_url="panel.example/api/v2"))

    assert Provider.objects.get().api_url == "https://panel.example/api/v2"


def test_sandbox_needs_no_address(boss: Client) -> None:
    assert boss.post(ADD, form_of(kind="sandbox", api_url="")).status_code == 302


def test_kind_stays(boss: Client, fake_provider: BoughtFrom) -> None:
    boss.post(page_of(fake_provider.provider), form_of(fake_provider.provider, kind="sandbox"))

    assert Provider.objects.get().kind == "panel"


def test_saving_writes_nothing_that_workers_write(boss: Client, fake_provider: BoughtFrom, monkeypatch: Any) -> None:
    from providers.admin import ProviderAdmin

    save = ProviderAdmin.save_model

    def save_late(*args: Any, **options: Any) -> None:
        Provider.objects.update(failures=7, failed_at=timezone.now(), balance=Decimal(5))
        save(*args, **options)

    monkeypatch.setattr(ProviderAdmin, "save_model", save_late)
    boss.post(page_of(fake_provider.provider), form_of(fake_provider.provider, name="Renamed"))

    provider = Provider.objects.get()
    assert (provider.name, provider.failures, provider.balance) == ("Renamed", 7, Decimal(5))
    assert provider.failed_at is not None


def test_clerks_who_may_only_look_see_no_field_for_a_key(
    make_clerk: Callable[..., Client], fake_provider: BoughtFrom
) -> None:
    clerk = make_clerk("providers.view_provider")

    page = clerk.get(page_of(fake_provider.provider))

    assert page.status_code == 200
    assert "api_key" not in page.content.decode()
    for action in ("test", "sync"):
        assert page_of_action(fake_provider.provider, action) not in page.content.decode()
        assert run_action(clerk, fake_provider.provider, action).status_code == 403
    assert fake_provider.received == []


def test_syncing_needs_the_right_to_change_services(
    make_clerk: Callable[..., Client], fake_provider: BoughtFrom
) -> None:
    clerk = make_clerk("providers.view_provider", "providers.change_provider")

    assert run_action(clerk, fake_provider.provider, "sync").status_code == 403
    assert run_action(clerk, fake_provider.provider, "test").status_code == 302


def test_tests_a_provider(boss: Client, fake_provider: BoughtFrom) -> None:
    assert boss.get(page_of_action(fake_provider.provider, "test")).status_code == 200
    assert fake_provider.received == []

    response = run_action(boss, fake_provider.provider, "test")

    assert "our balance is 1000000.00000 USD" in told(response)
    assert "it lists 4 services" in told(response)
    assert " ms)" in told(response)
    assert Provider.objects.get().balance == Decimal(1_000_000)
    assert [call["action"] for call in fake_provider.received] == ["balance", "services"]


def test_test_says_how_it_failed(boss: Client, fake_provider: BoughtFrom) -> None:
    fake_provider.fail_next("refuse", action="balance", text="<b>No such key</b>")

    response = run_action(boss, fake_provider.provider, "test")

    assert "It failed: " in told(response)
    page = boss.get(response.headers["Location"]).content.decode()
    assert "<b>No such key" not in page
    assert "No such key" in page


def test_test_notices_another_currency(boss: Client, fake_provider: BoughtFrom) -> None:
    Provider.objects.update(currency="EUR")

    assert "not EUR" in told(run_action(boss, fake_provider.provider, "test"))


def test_syncs_a_provider(boss: Client, fake_provider: BoughtFrom, resell: Any, shelf: dict[str, Goods]) -> None:
    service = resell()
    shelf["1"] = goods(1, cost="0.70")

    response = run_action(boss, fake_provider.provider, "sync")

    assert "1 costs and 1 services changed" in told(response)
    service.refresh_from_db()
    assert service.rate == Decimal("0.91")


def test_sync_says_why_nothing_was_changed(
    boss: Client, fake_provider: BoughtFrom, resell: Any, shelf: dict[str, Goods]
) -> None:
    resell()
    shelf.clear()
    before = world()

    assert told(run_action(boss, fake_provider.provider, "sync")) == "Nothing was changed. Its catalogue is empty."
    assert world() == before
    assert "1 gone" in told(run_action(boss, fake_provider.provider, "sync", force="on"))


def test_sync_names_what_it_does_not_believe(
    boss: Client, fake_provider: BoughtFrom, resell: Any, shelf: dict[str, Goods]
) -> None:
    resell()
    shelf["1"] = goods(1, cost="50")

    assert "Not believed: 1 (service" in told(run_action(boss, fake_provider.provider, "sync"))
    assert Route.objects.get().cost == Decimal("0.50")


def test_nothing_is_called_by_get(boss: Client, fake_provider: BoughtFrom) -> None:
    for action in ("test", "sync"):
        boss.get(page_of_action(fake_provider.provider, action), {"confirmed": "on", "force": "on"})

    assert fake_provider.received == []


def test_resuming_forgets_failures(boss: Client, fake_provider: BoughtFrom) -> None:
    Provider.objects.update(is_active=False, failures=9, down_until="2999-01-01T00:00Z", paused_until=timezone.now())

    run_action(boss, fake_provider.provider, "resume")

    provider = Provider.objects.get()
    assert (provider.is_active, provider.failures, provider.down_until, provider.paused_until) == (True, 0, None, None)
    assert page_of_action(provider, "resume") not in boss.get(page_of(provider)).content.decode()


def test_a_service_shows_its_history(boss: Client, followers: Service, other_service: Service) -> None:
    Service.objects.filter(pk=followers.pk).update(rate=Decimal("0.91"))
    followers.routes.update(cost=Decimal("0.6"))

    page = boss.get(page_of(followers)).content.decode()

    assert "0.91000" in page
    assert "0.60000" in page
    link = f"/admin/catalog/serviceupdate/?service={followers.pk}"
    assert link in page
    listed = boss.get(link).context["cl"].result_list
    assert {update.service_id for update in listed} == {followers.pk}
    assert {update.field for update in listed} == {"added", "rate", "cost"}


@pytest.fixture
def other_service(make_service: Callable[..., Service]) -> Service:
    """One whose history is another."""
    return make_service(name="Other")


def test_updates_are_filtered(boss: Client, followers: Service) -> None:
    followers.routes.update(cost=Decimal("0.6"))

    listed = boss.get("/admin/catalog/serviceupdate/", {"field__exact": "cost"}).context["cl"].result_list

    assert [update.field for update in listed] == ["cost"]
    assert ServiceUpdate.objects.count() == 2


def test_staff_make_final_what_a_sync_took_off_sale(boss: Client, followers: Service) -> None:
    Service.objects.update(is_active=False, off_sale_because="gone")

    boss.post("/admin/catalog/service/", {"action": "take_off_sale", "_selected_action": followers.pk})

    followers.refresh_from_db()
    assert (followers.is_active, followers.off_sale_because) == (False, "")


def test_saving_a_service_writes_only_what_staff_changed(
    boss: Client, followers: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog.admin.services import ServiceAdmin
    from tests.admin.test_catalog_and_providers import service_form

    save = ServiceAdmin.save_model

    def save_late(*args: Any, **options: Any) -> None:
        Service.objects.update(rate=Decimal("0.91"))
        save(*args, **options)

    monkeypatch.setattr(ServiceAdmin, "save_model", save_late)
    response = boss.post(page_of(followers), service_form(followers, name="Renamed"))

    assert response.status_code == 302, complaints(response)
    followers.refresh_from_db()
    assert (followers.name, followers.rate) == ("Renamed", Decimal("0.91"))
