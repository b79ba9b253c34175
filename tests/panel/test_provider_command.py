"""`manage.py provider`: everything about the panels we buy from, against one that listens on this machine."""

import io
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from catalog.models import Currency, Route, Service
from providers import health, keys
from providers.models import Provider
from tests.catalog.conftest import goods, world
from tests.fake_provider.fixtures import BoughtFrom
from tests.fixtures import accept_due, funded, place

SECRET = "0123456789abcdef0123456789abcdef"


def run(*arguments: object) -> str:
    """Run the command and return what it prints."""
    printed = io.StringIO()
    call_command("provider", *map(str, arguments), stdout=printed)
    return printed.getvalue()


def refused(*arguments: object) -> str:
    """Run the command, which must refuse in one line and change nothing, and return the line."""
    before = world(), list(Provider.objects.order_by("pk").values("pk", "name", "is_active", "sealed_key"))
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert (world(), list(Provider.objects.order_by("pk").values("pk", "name", "is_active", "sealed_key"))) == before
    assert "\n" not in str(refusal.value)
    assert SECRET not in str(refusal.value)
    return str(refusal.value)


@pytest.fixture
def fake(fake_provider: BoughtFrom, usd: Currency) -> BoughtFrom:
    """A panel that listens, and is called "Fake panel" here."""
    shelf = {"7": goods(7, name="TikTok Likes", category="TikTok"), "8": goods(8, name="TikTok Views", cost="0.0001")}
    shelf["9"] = goods(9, type="Miracle")
    fake_provider.book.shelf = shelf
    return fake_provider


@pytest.fixture
def stranger(fake: BoughtFrom) -> BoughtFrom:
    """A panel that listens, and nobody has added."""
    fake.provider.delete()
    return fake


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Our key there, as an editor leaves it."""
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    return file


def add(fake: BoughtFrom, key_file: Path, *more: object, name: str = "New panel") -> list[object]:
    """Spell the arguments that add a panel."""
    return ["add", name, "--url", fake.url, "--key-file", key_file, *more]


def test_adds_and_says_what_it_found(stranger: BoughtFrom, key_file: Path) -> None:
    stranger.book.balance = Decimal("12.5")

    printed = run(*add(stranger, key_file, "--markup", "45.5", "--concurrency", "9"))

    row = Provider.objects.get()
    assert printed.splitlines() == [
        f"Added provider {row.pk} New panel.",
        "It answers: our balance is 12.50000 USD, and it sells 3 services.",
    ]
    assert (row.kind, row.api_url, row.currency) == ("panel", stranger.url, "USD")
    assert (row.markup_percent, row.concurrency_max, row.balance) == (Decimal("45.5"), 9, Decimal("12.5"))
    assert keys.unseal(row) == SECRET
    assert SECRET not in row.sealed_key
    assert [call["action"] for call in stranger.received] == ["balance", "services"]


def test_takes_the_key_from_stdin(stranger: BoughtFrom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"  {SECRET}\n"))

    run("add", "New panel", "--url", stranger.url)

    assert keys.unseal(Provider.objects.get()) == SECRET


def test_asks_for_the_key_at_a_terminal_without_showing_it(
    stranger: BoughtFrom, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("getpass.getpass", lambda prompt: SECRET)

    printed = run("add", "New panel", "--url", stranger.url)

    assert SECRET not in printed
    assert keys.unseal(Provider.objects.get()) == SECRET


@pytest.mark.parametrize("option", ["--key", "--api-key", "--key-fil"])
def test_takes_no_key_as_an_argument(stranger: BoughtFrom, option: str) -> None:
    with pytest.raises(CommandError, match="unrecognized arguments"):
        run("add", "New panel", "--url", stranger.url, option, SECRET)

    assert not Provider.objects.exists()


@pytest.mark.parametrize("content", [b"", b" \n", b"two keys\n", b"\xff\xfe\x00", None])
def test_refuses_what_is_no_key(stranger: BoughtFrom, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    assert "key" in refused(*add(stranger, file))
    assert stranger.received == []


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--markup", "-1"], "markup_percent"),
        (["--markup", "much"], "markup_percent"),
        (["--concurrency", "0"], "concurrency_max"),
        (["--currency", "dollars"], "currency"),
        (["--url", "ftp://panel.example/api"], "api_url"),
        (["--url", "panel"], "api_url"),
        (["--url", "https://user:password@panel.example/api"], "api_url"),
    ],
)
def test_refuses_what_the_admin_refuses(stranger: BoughtFrom, key_file: Path, more: list[str], word: str) -> None:
    assert word in refused(*add(stranger, key_file, *more))
    assert stranger.received == []


def test_refuses_a_name_that_is_taken(fake: BoughtFrom, key_file: Path) -> None:
    assert "name" in refused(*add(fake, key_file, name="Fake panel"))


@pytest.mark.parametrize("fault", ["reset", "html", "http_500", "refuse_for_now"])
def test_adds_none_that_cannot_be_called_unless_told_to(stranger: BoughtFrom, key_file: Path, fault: str) -> None:
    stranger.fail_next(fault)

    assert "Nothing was added" in refused(*add(stranger, key_file))
    assert mail.outbox == []
    assert "Added provider" in run(*add(stranger, key_file, "--no-test"))
    assert Provider.objects.get().balance is None


def test_never_calls_into_the_owners_network(settings: Any, stranger: BoughtFrom, key_file: Path) -> None:
    settings.PROVIDERS_ALLOW_PRIVATE = False

    assert "Nothing was added" in refused(*add(stranger, key_file))
    assert stranger.received == []


def test_believes_a_panel_on_its_currency_unless_told_otherwise(
    stranger: BoughtFrom, key_file: Path, settings: Any
) -> None:
    settings.ADMINS = [("boss@example.com", "boss@example.com")]
    printed = run(*add(stranger, key_file, "--currency", "EUR"))

    assert Provider.objects.get().currency == "EUR"
    assert "It counts in USD, not in EUR" in printed
    assert "Add the currency EUR" in printed
    assert len(mail.outbox) == 1


def test_lists_how_they_are_doing(fake: BoughtFrom, customer: User, followers: Service) -> None:
    Provider.objects.filter(name="Sandbox").update(balance=Decimal("1234.5"), is_low=True, synced_at=timezone.now())
    Provider.objects.filter(pk=fake.provider.pk).update(down_until=timezone.now() + health.DOWN_MAX, failures=4)
    funded(customer, "10")
    place(customer, followers)
    accept_due()
    place(customer, followers)

    headings, *rows = run("list").splitlines()

    assert headings.split() == [
        "id", "name", "kind", "state", "balance", "open", "runs", "queued", "in", "flight", "failures", "last", "sync",
    ]  # fmt: skip
    by_name = {row.split()[1]: row.split() for row in rows}
    assert by_name["Fake"][3:5] == ["panel", "down"]
    assert by_name["Fake"][-2:] == ["4", "-"]
    assert by_name["Sandbox"][2:11] == ["sandbox", "open", "1,234.50000", "USD", "LOW", "1", "1", "0", "0"]


def test_tests_by_name_or_id_and_keeps_the_balance(fake: BoughtFrom) -> None:
    for name in ("Fake panel", "fake PANEL", fake.provider.pk):
        assert "our balance is 1000000.00000 USD" in run("test", name)
    assert Provider.objects.get().balance == 1_000_000

    fake.fail_next("html")
    assert refused("test", "Fake panel").startswith("It failed: ")
    assert Provider.objects.get().failures == 1


@pytest.mark.parametrize("what", ["test", "pause", "resume", "sync"])
def test_refuses_a_provider_that_is_none(fake: BoughtFrom, what: str) -> None:
    for name in ("Nobody", "99", "9" * 30, "", "٣"):
        assert refused(what, name) == f"No provider is called {name!r}; `manage.py provider list` shows them."


def test_shows_what_would_be_imported(fake: BoughtFrom) -> None:
    before = world()

    printed = run("import", "Fake panel", "--all", "--dry-run", "--percent", "100", "--rounding", "0.01")

    assert world() == before
    assert [line.split() for line in printed.splitlines()] == [
        ["its", "id", "name", "cost", "in", "USD", "price"],
        ["7", "TikTok", "Likes", "0.50", "1.00", "new"],
        ["8", "TikTok", "Views", "0.0001", "0.01", "new"],
        ["9", "Goods", "9", "0.50", "-", "services", "of", "the", "type", "“Miracle”", "cannot", "be", "sold", "here"],
        ["Nothing", "was", "imported."],
    ]


def test_imports_what_is_searched_for(fake: BoughtFrom) -> None:
    printed = run("import", "Fake panel", "--search", "tiktok LIKES")

    service = Service.objects.get()
    assert (service.name, service.rate, service.category.name) == ("TikTok Likes", Decimal("0.65"), "TikTok")
    assert printed.splitlines()[1].split() == ["7", str(service.pk), "TikTok", "Likes", "0.50", "0.65"]
    assert printed.splitlines()[2] == "1 imported, 0 on sale already, 0 refused."


def test_imports_everything_once_and_says_what_it_cannot(fake: BoughtFrom) -> None:
    printed = run("import", "Fake panel", "--all", "--percent", "10", "--fixed", "0.1")

    assert printed.splitlines()[-2:] == [
        "2 imported, 0 on sale already, 1 refused.",
        "9: services of the type “Miracle” cannot be sold here",
    ]
    assert set(Service.objects.values_list("rate", flat=True)) == {Decimal("0.65"), Decimal("0.10011")}
    assert "0 imported, 2 on sale already, 1 refused." in run("import", "Fake panel", "--all")
    assert "on sale already as" in run("import", "Fake panel", "--ids", "7", "--dry-run")
    assert Route.objects.count() == 2


def test_ids_that_cannot_be_imported_are_an_error(fake: BoughtFrom) -> None:
    assert refused("import", "Fake panel", "--ids", "9,99") == "Not all that was asked for could be imported."
    with pytest.raises(CommandError):
        run("import", "Fake panel", "--ids", "7, 99")
    assert Service.objects.get().name == "TikTok Likes"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--ids", ","],
        ["--ids", "7", "--all"],
        ["--search", "nothing like that"],
        ["--all", "--percent", "-1"],
        ["--all", "--percent", "100000"],
        ["--all", "--percent", "1.001"],
        ["--all", "--percent", "NaN"],
        ["--all", "--fixed", "1e3"],
        ["--all", "--fixed", "0.000001"],
        ["--all", "--rounding", "0.3"],
    ],
)
def test_imports_nothing_by_options_that_cannot_be(fake: BoughtFrom, options: list[str]) -> None:
    refused("import", "Fake panel", *options)


def test_imports_nothing_from_a_panel_whose_answer_or_money_means_nothing(fake: BoughtFrom) -> None:
    fake.fail_next("html")
    assert "cannot be used" in refused("import", "Fake panel", "--all")

    Provider.objects.update(currency="EUR")
    assert "charges in EUR" in refused("import", "Fake panel", "--all")
    assert "charges in EUR" in refused("import", "Fake panel", "--all", "--dry-run")


def test_syncs_one(fake: BoughtFrom) -> None:
    run("import", "Fake panel", "--ids", "7")
    fake.book.shelf["7"] = goods(7, name="TikTok Likes", cost="0.60")

    printed = run("sync", "Fake panel")

    assert printed.startswith("Fake panel: 3 services listed; 1 costs and 1 services changed;")
    assert Service.objects.get().rate == Decimal("0.78")


def test_believes_a_jump_only_by_force(fake: BoughtFrom) -> None:
    run("import", "Fake panel", "--ids", "7")
    fake.book.shelf["7"] = goods(7, name="TikTok Likes", cost="60")

    assert "Not believed: 7 " in run("sync", "Fake panel")
    assert Route.objects.get().cost == Decimal("0.5")
    run("sync", "Fake panel", "--force")
    assert Route.objects.get().cost == 60


def test_syncs_all_in_use_and_says_which_failed(fake: BoughtFrom, provider: Provider) -> None:
    Provider.objects.create(name="Paused", kind=Provider.Kind.SANDBOX, is_active=False)
    printed = run("sync", "--all")
    assert sorted(line.partition(":")[0] for line in printed.splitlines()) == ["Fake panel", "Sandbox"]

    fake.fail_next("html")
    with pytest.raises(CommandError, match="1 of 2 failed"):
        run("sync", "--all")


def test_sync_wants_one_or_all(fake: BoughtFrom) -> None:
    for arguments in ([], ["Fake panel", "--all"]):
        assert refused("sync", *arguments) == "Name a provider, or use --all."


def test_pauses_and_resumes(provider: Provider) -> None:
    assert run("pause", "Sandbox") == "Sandbox is paused. Orders it has go on being tracked.\n"
    provider.refresh_from_db()
    assert not provider.is_active

    Provider.objects.update(paused_until=timezone.now(), down_until=timezone.now(), failures=5)
    assert run("resume", "Sandbox") == "Sandbox is running.\n"
    provider.refresh_from_db()
    assert (provider.is_active, provider.paused_until, provider.down_until, provider.failures) == (True, None, None, 0)


def test_what_a_panel_calls_its_services_gives_a_terminal_no_orders(
    fake: BoughtFrom, make_service: Callable[..., Service]
) -> None:
    fake.book.shelf = {"7": goods(7, name="Likes\x1b[2J\u202e", type="\x1b]0;owned\x07")}

    printed = run("import", "Fake panel", "--all", "--dry-run") + run("import", "Fake panel", "--all")

    assert all(char == "\n" or char.isprintable() for char in printed)


def test_adds_a_manual_provider_and_never_calls_it(fake: BoughtFrom) -> None:
    assert "Give services routes to it" in run("add", "My team", "--manual", "--currency", "EUR")

    provider = Provider.objects.get(name="My team")
    assert (provider.kind, provider.currency, provider.api_url, provider.sealed_key) == ("manual", "EUR", "", "")
    assert "manual" in run("list")
    assert "delivered by hand" in refused("test", "My team")
    assert "1 of 1 failed" in refused("sync", "My team")
    assert "My team" not in run("sync", "--all")
    assert "delivered by hand" in refused("import", "My team", "--all")
    provider.refresh_from_db()
    assert (provider.failures, provider.sync_failure, provider.synced_at) == (0, "", None)
    for wrong in (
        ("add", "x", "--manual", "--url", "https://panel.example/"),
        ("add", "x"),
        ("add", "My team", "--manual"),
    ):
        refused(*wrong)
