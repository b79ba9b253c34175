"""The audit finds what a superuser rewrote."""

from contextlib import contextmanager
from decimal import Decimal
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection, transaction

from tests.fixtures import funded
from wallet import audit, ledger, tasks
from wallet.models import LedgerAudit, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(customer, other_customer):
    """A wallet with five entries, beside another one."""
    funded(other_customer, "7")
    funded(customer, "100")
    wallet = Wallet.objects.get(user=customer)
    for number in range(4):
        ledger.debit(wallet_id=wallet.pk, amount=Decimal("1.5") + number, key=f"charge:order:{number}", reason="r")
    return wallet


@contextmanager
def superuser_without_rules():
    """Write as somebody who has switched the triggers off; the check constraints still hold."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            cursor.execute("SET session_replication_role = origin")


def test_clean_ledger_is_clean(wallet):
    result = audit.audit_ledger()

    assert result.is_clean
    assert (result.entries, result.wallets, result.findings) == (6, 2, [])


@pytest.mark.parametrize(
    "change",
    [
        "key = 'charge:order:99'",
        "reason = 'other'",
        "created_at = created_at - interval '1 microsecond'",
        "actor_id = (SELECT min(id) FROM accounts_user)",
        "credit_id = (SELECT id FROM wallet_account WHERE kind = 'loss' AND currency = 'USD')",
        "id = id + 1000000",
        "hash = sha256('x')",
        "amount = amount + 1, balance_after = balance_after - 1",
        "balance_before = balance_before + 1, balance_after = balance_after + 1",
    ],
)
def test_locates_a_rewritten_entry(wallet, change):
    with superuser_without_rules() as cursor:
        cursor.execute(
            f"UPDATE wallet_ledgerentry SET {change} WHERE wallet_id = %s AND seq = 3",
            [wallet.pk],
        )

    result = audit.audit_ledger()

    assert not result.is_clean
    assert any(f"wallet {wallet.pk} entry 3 " in finding for finding in result.findings)


def test_locates_a_removed_entry(wallet):
    with superuser_without_rules() as cursor:
        cursor.execute("DELETE FROM wallet_ledgerentry WHERE wallet_id = %s AND seq = 3", [wallet.pk])

    result = audit.audit_ledger()

    assert any(
        f"wallet {wallet.pk} entry 4 " in finding and "missing before it" in finding for finding in result.findings
    )


@pytest.mark.parametrize("change", ["balance = balance + 1", "seq = seq + 1", "head = sha256('x')", "currency = 'EUR'"])
def test_locates_a_changed_wallet(wallet, change):
    with superuser_without_rules() as cursor:
        cursor.execute(f"UPDATE wallet_wallet SET {change} WHERE account_id = %s", [wallet.pk])

    result = audit.audit_ledger()

    assert any(finding.startswith(f"wallet {wallet.pk}: ") for finding in result.findings)


def test_locates_a_removed_tail(wallet):
    with superuser_without_rules() as cursor:
        cursor.execute("DELETE FROM wallet_ledgerentry WHERE wallet_id = %s AND seq = 5", [wallet.pk])

    assert any("newest entry is 4, wallet says 5" in finding for finding in audit.audit_ledger().findings)


def test_command_says_clean(wallet):
    out = StringIO()

    call_command("audit_ledger", stdout=out)

    assert "0 mismatches" in out.getvalue()


def test_command_exits_with_one_and_names_the_entry(wallet):
    with superuser_without_rules() as cursor:
        cursor.execute("UPDATE wallet_ledgerentry SET reason = 'x' WHERE wallet_id = %s AND seq = 2", [wallet.pk])
    out = StringIO()

    with pytest.raises(SystemExit) as exit_:
        call_command("audit_ledger", stdout=out)

    assert exit_.value.code == 1
    assert f"wallet {wallet.pk} entry 2" in out.getvalue()


def test_command_counts_all_but_prints_the_first_hundred(wallet):
    with transaction.atomic():
        for number in range(110):
            ledger.debit(wallet_id=wallet.pk, amount=Decimal("0.1"), key=f"more:{number}")
    with superuser_without_rules() as cursor:
        cursor.execute("UPDATE wallet_ledgerentry SET reason = 'x'")

    result = audit.audit_ledger()

    assert result.mismatches == 116
    assert len(result.findings) == 100


@pytest.fixture
def on_duty(settings):
    """Somebody whom mails to staff reach."""
    settings.ADMINS = [("boss@example.com", "boss@example.com")]


def last_audit():
    """Return what the newest record of an audit says."""
    return LedgerAudit.objects.order_by("-pk").values_list("entries", "mismatches").first()


def test_looking_at_the_ledger_records_nothing(wallet):
    audit.audit_ledger()

    assert last_audit() is None


def test_every_audit_by_command_is_recorded(wallet):
    call_command("audit_ledger", stdout=StringIO())
    assert last_audit() == (6, 0)

    with superuser_without_rules() as cursor:
        cursor.execute("UPDATE wallet_ledgerentry SET reason = 'x' WHERE wallet_id = %s AND seq = 2", [wallet.pk])
    with pytest.raises(SystemExit):
        call_command("audit_ledger", stdout=StringIO())
    assert last_audit() == (6, 1)
    assert LedgerAudit.objects.count() == 2
    assert 0 < LedgerAudit.objects.latest("pk").seconds < 60


@pytest.mark.usefixtures("on_duty")
def test_nightly_audit_wakes_nobody_for_nothing(wallet):
    tasks.audit_ledger()

    assert last_audit() == (6, 0)
    assert mail.outbox == []


@pytest.mark.usefixtures("on_duty")
def test_nightly_audit_tells_staff_which_entry_was_rewritten(wallet):
    with superuser_without_rules() as cursor:
        cursor.execute("UPDATE wallet_ledgerentry SET reason = 'x' WHERE wallet_id = %s AND seq = 2", [wallet.pk])

    tasks.audit_ledger()

    assert last_audit() == (6, 1)
    (sent,) = mail.outbox
    assert "1 mismatches" in sent.subject
    assert f"wallet {wallet.pk} entry 2" in sent.body


def test_beat_audits_every_night(settings):
    assert settings.CELERY_BEAT_SCHEDULE["wallet.audit_ledger"]["task"] == tasks.audit_ledger.name
