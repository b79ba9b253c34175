"""The staff log: who did what, before and after; nobody can change it unseen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from staff import audit
from staff.audit import Origin
from staff.models import AuditEntry, Channel
from tests.fixtures import funded
from tests.staff.conftest import ORIGIN


def write(**facts: Any) -> AuditEntry:
    """Write an entry about nothing in particular."""
    return audit.record(
        **{"actor": None, "operation": "test", "subject_model": "x.y", "subject_id": 1, "origin": ORIGIN} | facts
    )


def test_says_who_did_what_from_where_and_what_changed(adjust: Callable[..., Any], asker: User, customer: User) -> None:
    funded(customer, "10")
    outcome = adjust("-2.5")

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.actor_name, entry.approver) == (asker, "asker", None)
    assert (entry.operation, entry.subject_model, entry.subject_id) == (
        "wallet.adjust_balance",
        "wallet.wallet",
        str(customer.wallet.pk),
    )
    assert (entry.before, entry.after) == ({"balance": "10.00000"}, {"balance": "7.50000"})
    assert (entry.reason, entry.outcome, entry.amount) == ("a gift", outcome.text, Decimal("2.5"))
    assert (entry.channel, entry.address) == ("admin", "192.0.2.7")


def test_chain_is_sound_as_written(db: None) -> None:
    assert audit.find_break() is None
    for number in range(5):
        write(subject_id=number, before={"a": 1, "b": [1, "ü"]}, after={"b": None}, amount=Decimal(number))

    assert audit.find_break() is None
    assert list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE staff_auditentry SET reason = 'another'",
        "DELETE FROM staff_auditentry",
        "TRUNCATE staff_auditentry",
    ],
)
def test_database_refuses_changes(transactional_db: None, statement: str) -> None:
    entry = write(reason="as it was")

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert AuditEntry.objects.get(pk=entry.pk).reason == "as it was"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE staff_auditentry SET reason = 'another' WHERE seq = 2",
        "UPDATE staff_auditentry SET amount = 1 WHERE seq = 2",
        'UPDATE staff_auditentry SET after = \'{"balance": "1"}\' WHERE seq = 2',
        "UPDATE staff_auditentry SET at = at + interval '1 microsecond' WHERE seq = 2",
        "UPDATE staff_auditentry SET actor_name = 'another' WHERE seq = 2",
        "UPDATE staff_auditentry SET hash = '\\x00' WHERE seq = 2",
        "DELETE FROM staff_auditentry WHERE seq = 2",
    ],
)
def test_audit_finds_what_a_superuser_changed(transactional_db: None, statement: str) -> None:
    for _ in range(4):
        write()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE staff_auditentry DISABLE TRIGGER ALL")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE staff_auditentry ENABLE TRIGGER ALL")

    assert audit.find_break() in (2, 3)
    with pytest.raises(CommandError, match="not as it was written"):
        call_command("audit_staff")


def test_command_counts_sound_entries(db: None) -> None:
    write()
    output = StringIO()

    call_command("audit_staff", stdout=output)

    assert output.getvalue() == "1 entries, all as they were written\n"


def test_entries_written_at_once_make_one_chain(transactional_db: None) -> None:
    def write_ten(number: int) -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    write(subject_id=number, origin=Origin(Channel.COMMAND))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_ten, range(4)))

    assert list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 41))
    assert audit.find_break() is None


def test_nothing_of_a_secret_is_logged(staff: User) -> None:
    facts = audit.snapshot(staff)

    assert "password" not in facts
    assert staff.password not in str(facts)
