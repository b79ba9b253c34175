"""Leaving a provider alone that fails, one call to try it again, and staff told once."""

import itertools
from datetime import timedelta

import pytest
from django.core import mail
from django.db.models.functions import Now

from providers import balances, health
from providers.errors import Ambiguous, LinkBusy, NotSent, ProviderError, Refused, RefusedForNow
from providers.models import Provider
from providers.sandbox import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def staff_mails(settings):
    settings.ADMINS = [("Staff", "staff@example.com")]


def call(provider, failure=None, **options):
    """Make one call that ends as given, as a worker does that has read the provider's row before."""
    provider = Provider.objects.get(pk=provider.pk)
    try:
        with health.watched(provider, **options):
            if failure is not None:
                raise failure
    except (ProviderError, RuntimeError) as error:
        assert error is failure  # noqa: PT017 (what is raised goes on)
    return Provider.objects.get(pk=provider.pk)


def is_reachable():
    return Provider.objects.filter(health.is_reachable()).exists()


def takes_orders():
    return Provider.objects.filter(health.takes_orders()).exists()


@pytest.mark.parametrize("failure", [NotSent("no route to host"), Ambiguous("timed out")])
def test_is_left_alone_after_failures_in_a_row(provider, failure):
    for _ in range(health.FAILURES_MAX - 1):
        call(provider, failure)
    assert is_reachable()

    found = call(provider, failure)

    assert not is_reachable()
    assert not takes_orders()
    assert (found.failures, found.failure) == (health.FAILURES_MAX, failure.evidence)


@pytest.mark.parametrize("answer", [None, Refused("bad link"), LinkBusy("wait")])
def test_an_answer_ends_the_row(provider, answer):
    for _ in range(health.FAILURES_MAX):
        call(provider, NotSent("x"))

    found = call(provider, answer)

    assert (found.failures, found.down_until) == (0, None)
    assert takes_orders()


def test_calls_that_began_before_it_was_down_leave_it_alone_no_longer(provider):
    for _ in range(health.FAILURES_MAX):
        found = call(provider, NotSent("x"))

    late = call(provider, Ambiguous("timed out"))

    assert (late.failures, late.down_until, late.failure) == (found.failures, found.down_until, found.failure)


def test_is_left_alone_longer_each_time_up_to_a_limit(provider):
    lengths = []
    for _ in range(health.FAILURES_MAX + 8):
        Provider.objects.exclude(down_until=None).update(down_until=Now())
        found = call(provider, NotSent("x"))
        if found.down_until is not None:
            lengths.append(round((found.down_until - found.failed_at).total_seconds()))

    assert lengths == [10, 20, 40, 60, 60, 60, 60, 60, 60]


def test_staff_are_told_once_of_an_outage(provider):
    for _ in range(health.FAILURES_MAX + 3):
        call(provider, NotSent("no route to host"))

    assert [message.subject for message in mail.outbox] == ["[Panel] Calls to provider Sandbox fail"]
    assert "no route to host" in mail.outbox[0].body


def test_a_refusal_for_now_keeps_orders_away_but_not_questions(provider):
    found = call(provider, RefusedForNow("Not enough funds"))

    assert is_reachable()
    assert not takes_orders()
    assert found.failures == 0
    assert found.failure == "Not enough funds"


def test_only_an_order_that_was_taken_ends_a_pause(provider):
    call(provider, RefusedForNow("Not enough funds"))
    Provider.objects.update(paused_until=Now() - timedelta(seconds=1))

    assert call(provider).paused_until is not None
    assert call(provider, is_order=True).paused_until is None


def test_an_order_that_was_on_its_way_does_not_end_a_pause(provider):
    call(provider, RefusedForNow("Not enough funds"))

    assert call(provider, is_order=True).paused_until is not None


def test_staff_are_told_once_of_a_pause(provider):
    for _ in range(3):
        call(provider, RefusedForNow("Not enough funds"))
        Provider.objects.update(paused_until=Now() - timedelta(seconds=1))

    assert len(mail.outbox) == 1
    call(provider, is_order=True)
    call(provider, RefusedForNow("Not enough funds"))
    assert len(mail.outbox) == 2


def test_a_bug_of_ours_says_nothing_about_the_provider(provider):
    found = call(provider, RuntimeError("a bug of ours"))

    assert (found.failures, found.failure) == (0, "")


def test_a_mail_server_that_is_away_changes_nothing(provider, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    for _ in range(health.FAILURES_MAX):
        found = call(provider, NotSent("x"))

    assert found.failures == health.FAILURES_MAX
    assert "the mail to staff could not be sent" in caplog.text
    assert "Calls to provider Sandbox fail" in caplog.text


def test_a_question_finds_out_that_a_provider_is_back(provider):
    for _ in range(health.FAILURES_MAX):
        call(provider, NotSent("x"))
    assert balances.probe_failing() == 0  # it is down, and left alone
    Provider.objects.update(down_until=Now() - timedelta(seconds=1))

    assert balances.probe_failing() == 1

    assert Provider.objects.filter(health.is_sound(), failures=0).exists()
    assert balances.probe_failing() == 0


def test_a_question_that_fails_leaves_it_alone_for_longer(provider, monkeypatch):
    def fail(self):
        raise NotSent("still away")

    for _ in range(health.FAILURES_MAX):
        call(provider, NotSent("x"))
    Provider.objects.update(down_until=Now() - timedelta(seconds=1))
    monkeypatch.setattr(Sandbox, "balance", fail)

    assert balances.probe_failing() == 0

    assert Provider.objects.get().failures == health.FAILURES_MAX + 1
    assert not is_reachable()


def test_statements_written_by_hand_ask_the_same():
    moments = (None, Now() - timedelta(seconds=9), Now() + timedelta(seconds=9))
    kinds, failed = (Provider.Kind.SANDBOX, Provider.Kind.MANUAL), (0, health.FAILURES_MAX - 1, health.FAILURES_MAX)
    combinations = itertools.product(kinds, (True, False), moments, moments, failed)
    for number, (kind, is_active, down_until, paused_until, failures) in enumerate(combinations):
        Provider.objects.create(
            name=f"{number}", kind=kind, is_active=is_active, down_until=down_until, paused_until=paused_until,
            failures=failures,
        )  # fmt: skip

    for asked, written in (
        (health.is_called(), health.IS_CALLED),
        (health.is_reachable(), health.IS_REACHABLE),
        (health.takes_orders(), health.TAKES_ORDERS),
        (health.is_sound(), health.IS_SOUND),
    ):
        found = {row.pk for row in Provider.objects.raw(f"SELECT id FROM providers_provider p WHERE {written}")}
        assert found == set(Provider.objects.filter(asked).values_list("pk", flat=True))
        assert 0 < len(found) < Provider.objects.count()
