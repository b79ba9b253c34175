"""The staff log: who did what to what, before and after, why and from where."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Field, Model

from panel.alerts import tell_staff
from panel.fields import REASON_MAX_CHARACTERS
from staff.models import AuditEntry, Channel

# Nothing of these is ever written down, whatever model has them: digests and ciphers, and what files hold.
UNLOGGED_FIELDS = frozenset({"password", "digest", "key_cipher", "sealed_key", "secret", "content", "hash", "data"})
MANY = "many"  # the subject of an entry about many objects at once; before and after are by their ids
TEXT_MAX_CHARACTERS = 2000  # of one value; a service's description may be longer


@dataclass(frozen=True, slots=True)
class Origin:
    """Through which door somebody came, and from which network address."""

    channel: Channel
    address: str = ""


def record(
    *,
    actor: Any,
    operation: str,
    subject_model: str,
    subject_id: object,
    origin: Origin,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    outcome: str = "",
    amount: Decimal | None = None,
    approver: Any = None,
) -> AuditEntry:
    """Append an entry in the caller's transaction. The database numbers it and chains it to the one before.

    Entries are written one after the other until their transactions commit, so this comes last in a transaction.

    :param actor: the user, or None for the command line.
    """
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        approver=approver,
        operation=operation,
        subject_model=subject_model,
        subject_id=str(subject_id),
        before=dict(before or {}),
        after=dict(after or {}),
        reason=reason[:REASON_MAX_CHARACTERS],
        outcome=outcome,
        amount=amount,
        channel=origin.channel,
        address=origin.address,
    )


def snapshot(obj: Model) -> dict[str, Any]:
    """Return an object's columns as they may be logged: no secrets, no files, long texts cut."""
    fields = obj._meta.concrete_fields  # noqa: SLF001 - Django's public name for it
    return {field.name: _plain(field, obj) for field in fields if field.name not in UNLOGGED_FIELDS}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what of two snapshots differs, as it was and as it is."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}


def find_break() -> int | None:
    """Recompute the chain; return the number of the first entry that is not as it was written, None when all are."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT seq FROM (
                SELECT seq, hash,
                    lag(seq, 1, 0::bigint) OVER chain AS previous_seq,
                    staff_entry_hash(lag(hash, 1, ''::bytea) OVER chain, entry) AS expected
                FROM staff_auditentry entry WINDOW chain AS (ORDER BY seq)
            ) entries
            WHERE seq <> previous_seq + 1 OR hash <> expected
            ORDER BY seq LIMIT 1
            """
        )
        row = cursor.fetchone()
    return row[0] if row else None


def audit_log() -> int | None:
    """Do what `find_break` does, and tell the staff of a break."""
    broken = find_break()
    if broken is not None:
        tell_staff("The staff log was tampered with", f"Entry {broken} is not as it was written.")
    return broken


def _plain(field: "Field[Any, Any]", obj: Model) -> Any:
    value = field.value_from_object(obj)
    if isinstance(value, str) and len(value) > TEXT_MAX_CHARACTERS:
        return value[:TEXT_MAX_CHARACTERS] + "…"
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
