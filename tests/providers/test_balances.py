"""The watch over our money at providers: staff are told once per fall, and of money that is not what we take it for."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from providers import balances, health, tasks
from providers.adapter import ProviderBalance
from providers.errors import Ambiguous
from providers.models import Provider
from tests.fake_provider.fixtures import BoughtFrom


@pytest.fixture(autouse=True)
def on_duty(settings: Any) -> None:
    """Somebody whom mails to staff reach."""
    settings.ADMINS = [("boss@example.com", "boss@example.com")]


def told() -> list[str]:
    """Return what staff were told since the last question."""
    subjects = [str(sent.subject).partition("] ")[2] for sent in mail.outbox]
    mail.outbox.clear()
    return subjects


def record(provider: Provider, amount: str, currency: str | None = "USD") -> Provider:
    balances.record_balance(provider, ProviderBalance(Decimal(amount), currency))
    provider.refresh_from_db()
    return provider


def test_keeps_what_every_provider_in_use_says(fake_provider: BoughtFrom, provider: Provider) -> None:
    fake_provider.book.balance = Decimal("12.5")
    before = timezone.now()

    tasks.check_balances()

    row = Provider.objects.get(pk=fake_provider.provider.pk)
    assert (row.balance, row.balance_currency, row.is_low) == (Decimal("12.5"), "USD", False)
    assert row.balance_at is not None
    assert row.balance_at > before
    provider.refresh_from_db()
    assert provider.balance == 10_000
    assert told() == []


def test_does_not_ask_those_paused_or_down(fake_provider: BoughtFrom) -> None:
    Provider.objects.update(is_active=False)
    assert balances.check_balances() == 0

    Provider.objects.update(is_active=True, down_until=timezone.now() + health.DOWN_MAX)
    assert balances.check_balances() == 0

    assert fake_provider.received == []
    assert Provider.objects.get().balance is None


def test_one_that_does_not_answer_is_judged_and_keeps_no_other_from_being_asked(
    fake_provider: BoughtFrom, provider: Provider
) -> None:
    record(fake_provider.provider, "7")
    Provider.objects.filter(pk=provider.pk).update(balance_at=timezone.now())  # asked after the other
    fake_provider.fail_next("reset", action="balance")

    assert balances.check_balances() == 1

    row = Provider.objects.get(pk=fake_provider.provider.pk)
    assert (row.balance, row.failures) == (Decimal(7), 1)
    provider.refresh_from_db()
    assert provider.balance == 10_000


def test_an_answer_that_nobody_can_read_is_passed_on(fake_provider: BoughtFrom) -> None:
    fake_provider.fail_next("html", action="balance")

    with pytest.raises(Ambiguous):
        balances.check_balance(fake_provider.provider)

    assert Provider.objects.get().balance_at is None


def test_tells_once_per_fall_below_the_alert(provider: Provider) -> None:
    Provider.objects.update(balance_alert=Decimal(50))

    assert not record(provider, "50").is_low
    assert told() == []
    assert record(provider, "49.99999").is_low
    assert told() == ["Our balance at provider Sandbox is low"]
    assert record(provider, "-3").is_low
    assert told() == []
    assert not record(provider, "50").is_low
    assert told() == []
    assert record(provider, "1").is_low
    assert told() == ["Our balance at provider Sandbox is low"]


def test_without_an_alert_no_balance_is_low(provider: Provider) -> None:
    assert not record(provider, "0").is_low
    Provider.objects.update(is_low=True)  # of an alert that is gone

    assert not record(provider, "0").is_low
    assert told() == []


def test_tells_once_of_another_currency(provider: Provider) -> None:
    assert record(provider, "5", "USD").balance_currency == "USD"
    assert told() == []

    assert record(provider, "5", "EUR").balance_currency == "EUR"
    assert told() == ["Provider Sandbox counts in EUR, not in USD"]
    record(provider, "6", "EUR")
    assert told() == []


def test_one_that_names_no_currency_contradicts_nobody(provider: Provider) -> None:
    assert record(provider, "5", None).balance_currency == ""
    assert told() == []


def test_keeps_five_decimals_of_a_balance(provider: Provider) -> None:
    assert record(provider, "1.000019").balance == Decimal("1.00001")


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_tells(provider: Provider) -> None:
    Provider.objects.update(balance_alert=Decimal(50))
    at_once = threading.Barrier(2)

    def work() -> None:
        at_once.wait()
        balances.record_balance(provider, ProviderBalance(Decimal(1), "EUR"))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    # Both wait for the row, so that neither is over before the other begins.
    with transaction.atomic():
        Provider.objects.select_for_update().get(pk=provider.pk)
        for worker in workers:
            worker.start()
    for worker in workers:
        worker.join()

    assert sorted(told()) == [
        "Our balance at provider Sandbox is low",
        "Provider Sandbox counts in EUR, not in USD",
    ]
