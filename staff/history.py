"""What the staff log says of one object: also where one entry stands for thousands of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from django.db.models import F, Func, JSONField, Value

from staff.audit import MANY
from staff.models import AuditEntry, Channel, subject_keys

_FACTS = ("id", "at", "actor_name", "operation", "reason", "outcome", "channel", "was", "became")


class Entry(NamedTuple):
    """An entry as far as it is about the object."""

    id: int
    at: datetime
    actor_name: str
    operation: str
    reason: str
    outcome: str
    door: str  # through which somebody came; empty for the admin, by which most do
    was: Any  # as the log holds it: by the names of fields, or what the operation says of one of many
    became: Any


def list_entries(model: str, subject_id: int, *, before: int | None, limit: int) -> Sequence[Entry]:
    """List the newest entries about an object, in one query.

    :param model: as app.model.
    :param before: only entries with a lower id.
    """
    entries = AuditEntry.objects.filter(subject_model=model)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    alone = entries.filter(subject_id=str(subject_id)).annotate(was=F("before"), became=F("after"))
    many: Any = entries.filter(subject_id=MANY).alias(keys=subject_keys("after"))
    found = many.filter(keys__contains=[str(subject_id)]).order_by("-pk").values("pk")[:limit]
    # Of an entry about thousands only what it says of this one is read, and only of those that are shown.
    among = AuditEntry.objects.filter(pk__in=found).annotate(
        was=_part_of("before", subject_id), became=_part_of("after", subject_id)
    )
    first, second = (part.order_by("-pk").values_list(*_FACTS)[:limit] for part in (alone, among))
    rows = cast("Sequence[tuple[Any, ...]]", first.union(second, all=True).order_by("-id")[:limit])
    return [_tell(*row) for row in rows]


def _tell(*facts: Any) -> Entry:
    entry = Entry(*facts)
    return entry._replace(door="" if entry.door == Channel.ADMIN else str(Channel(entry.door).label))


def _part_of(column: str, subject_id: int) -> Func:
    return Func(F(column), Value(str(subject_id)), function="jsonb_extract_path", output_field=JSONField())
