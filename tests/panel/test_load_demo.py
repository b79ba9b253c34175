"""`manage.py load_demo`: a demo that is complete, repeatable, and never on a real panel."""

import json
import stat
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import api_keys
from accounts.models import ApiKey, User
from catalog.models import Category, Currency, Route, Service
from catalog.types import TYPES
from orders.models import Order
from panel.money import round_half_up
from providers.models import Provider
from providers.sandbox import OUTCOMES
from wallet import audit
from wallet.models import Deposit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def demo_settings(settings: Any, tmp_path: Path) -> Any:
    """A machine of one's own, with a folder of one's own."""
    settings.DEBUG = True
    settings.PANEL_DATA = tmp_path
    return settings


def load(**options: Any) -> str:
    """Run the command and return what it prints."""
    printed = StringIO()
    call_command("load_demo", stdout=printed, **options)
    return printed.getvalue()


def facts_file(tmp_path: Path) -> Path:
    return tmp_path / "demo.json"


def test_loads_a_whole_panel(tmp_path: Path) -> None:
    load(base_url="http://127.0.0.1:8123/")

    assert set(Currency.objects.values_list("code", flat=True)) == {"USD", "EUR", "GBP", "INR", "BRL", "TRY"}
    assert 300 <= Service.objects.count() <= 400
    assert set(Service.objects.values_list("type", flat=True)) == set(TYPES)
    facts = json.loads(facts_file(tmp_path).read_text())
    assert set(facts) == {"base_url", "api_url", "api_key", "staff", "second_person", "customer", "services"}
    assert facts["base_url"] == "http://127.0.0.1:8123"
    assert facts["api_url"] == "http://127.0.0.1:8123/api/v2"
    staff = User.objects.get(username=facts["staff"]["username"])
    assert (staff.is_staff, staff.is_superuser) == (True, True)
    assert staff.check_password(facts["staff"]["password"])
    second = User.objects.get(username=facts["second_person"]["username"])
    assert (second.is_staff, second.is_superuser, second.has_perm("staff.decide_approval")) == (True, False, True)
    assert second.check_password(facts["second_person"]["password"])
    customer = User.objects.get(username=facts["customer"]["username"])
    assert customer.check_password(facts["customer"]["password"])
    assert (customer.is_staff, customer.wallet.currency) == (False, "USD")
    assert Deposit.objects.get().amount == Decimal(1000)
    key = ApiKey.objects.get(revoked_at=None)
    assert (key.user, key.name) == (customer, "Demo")
    assert bytes(key.digest) == api_keys.digest_key(facts["api_key"])
    orders = Order.objects.filter(customer=customer)
    assert orders.count() >= 5
    assert min(orders.values_list("pk", flat=True)) >= 1001
    assert customer.wallet.balance == Decimal(1000) - sum(orders.values_list("charge", flat=True))
    assert audit.audit_ledger().is_clean


def test_catalogue_has_the_two_published_services() -> None:
    load()

    columns = ("name", "category__name", "type", "rate", "min", "max", "refill", "cancel", "dripfeed")
    services = Service.objects.values_list(*columns)
    assert services.get(pk=1042) == (
        "Instagram Followers — Real & Active",
        "Instagram › Followers",
        "Default",
        Decimal("0.85"),
        50,
        100_000,
        True,
        True,
        True,
    )
    assert services.get(pk=2207) == (
        "TikTok Views — High Quality",
        "TikTok › Views",
        "Default",
        Decimal("0.05"),
        100,
        10_000_000,
        False,
        True,
        False,
    )


def test_rates_and_costs_need_no_rounding() -> None:
    load()

    for route in Route.objects.select_related("service"):
        assert 0 < route.cost < route.service.rate
        assert route.service.rate == round_half_up(route.service.rate)
    stored = sum(Route.objects.values_list("cost", flat=True))
    assert stored == sum(rate * Decimal("0.6") for rate in Service.objects.values_list("rate", flat=True))


def test_every_outcome_of_the_sandbox_can_be_watched() -> None:
    load()

    watched = Route.objects.filter(service__category__name="Demo › Watch every state")
    for outcome in OUTCOMES:
        assert any(outcome.word in route.provider_service for route in watched), outcome.word
    # Everything else is delivered: no word by accident.
    others = Route.objects.exclude(service__category__name__startswith="Demo")
    for name in others.values_list("provider_service", flat=True):
        assert not any(outcome.word in name for outcome in OUTCOMES)


def test_named_services_are_what_they_are_named(tmp_path: Path) -> None:
    load()

    services = {
        name: Service.objects.get(pk=pk)
        for name, pk in json.loads(facts_file(tmp_path).read_text())["services"].items()
    }
    assert services["default"].type == services["dripfeed"].type == services["no_refill"].type == "Default"
    assert services["package"].type == "Package"
    assert services["custom_comments"].type == "Custom Comments"
    assert services["dripfeed"].dripfeed
    assert not services["no_refill"].refill


def test_next_service_gets_an_id_of_its_own() -> None:
    load()

    newest = Service.objects.latest("pk")
    added = Service.objects.create(category=newest.category, name="Added by staff", rate=1)

    assert added.pk == newest.pk + 1


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    load()
    before = facts_file(tmp_path).read_text()
    counts = [model.objects.count() for model in (User, Service, Order, Deposit, ApiKey, Provider)]

    printed = load()

    assert "everything is there already" in printed
    assert facts_file(tmp_path).read_text() == before
    assert [model.objects.count() for model in (User, Service, Order, Deposit, ApiKey, Provider)] == counts


def test_second_run_follows_a_new_address(tmp_path: Path) -> None:
    load()
    before = json.loads(facts_file(tmp_path).read_text())

    load(base_url="http://127.0.0.1:9999")

    after = json.loads(facts_file(tmp_path).read_text())
    assert after == before | {"base_url": "http://127.0.0.1:9999", "api_url": "http://127.0.0.1:9999/api/v2"}


def test_lost_facts_are_made_anew(tmp_path: Path) -> None:
    load()
    lost = json.loads(facts_file(tmp_path).read_text())
    facts_file(tmp_path).unlink()

    printed = load()

    facts = json.loads(facts_file(tmp_path).read_text())
    assert "new passwords and a new API key" in printed
    assert User.objects.get(username="admin").check_password(facts["staff"]["password"])
    assert User.objects.get(username="finance").check_password(facts["second_person"]["password"])
    assert not User.objects.get(username="demo").check_password(lost["customer"]["password"])
    live = ApiKey.objects.filter(revoked_at=None)
    assert [bytes(key.digest) for key in live] == [api_keys.digest_key(facts["api_key"])]


def test_facts_are_for_their_owner_only(tmp_path: Path) -> None:
    load()

    assert stat.S_IMODE(facts_file(tmp_path).stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [facts_file(tmp_path)]


def test_refuses_on_a_real_panel(settings: Any, tmp_path: Path) -> None:
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG is off"):
        load()

    assert not User.objects.exists()
    assert not facts_file(tmp_path).exists()
    load(force=True)
    assert facts_file(tmp_path).exists()


def test_leaves_a_catalogue_of_ones_own_alone(tmp_path: Path) -> None:
    category = Category.objects.create(name="Mine")
    Service.objects.create(category=category, name="Mine", rate=1)

    with pytest.raises(CommandError, match="a catalogue of its own"):
        load()

    assert Service.objects.count() == 1
    assert not User.objects.exists()
    assert not facts_file(tmp_path).exists()
