"""How a service became what it is, for the page that shows it (`panel.admin_history`).

Two sources make one timeline: the staff log, also where one entry is about thousands of services, and what triggers
noted of everybody else. What they noted of the staff is left out: the log says it with a name.
"""

import heapq
from collections.abc import Sequence
from itertools import groupby, islice
from typing import Any

from catalog.models import Route, Service, ServiceUpdate
from panel.admin_history import PAGE_ROWS, Change, Happening, find_column, say, tell_entry
from panel.admin_pages import PanelAdmin, parse_id

NOBODY = "not noted"  # who wrote before writers were, or by hand in the database

Field = ServiceUpdate.Field


def read_history(model_admin: PanelAdmin, service: Service, *, key: str) -> tuple[list[Happening], str]:
    """Read a page of what happened to a service, and the key of the page after it; empty at the end.

    :param key: only what is below: an id of the log and one of the updates, with a dot between them. What makes no
        sense is the top.
    """
    entry, _, update = key.partition(".")
    below_entry, below_update = parse_id(entry), parse_id(update)
    entries: Sequence[Any] = model_admin.list_log(service, before=below_entry, limit=PAGE_ROWS + 1)
    updates = _list_updates(service, before=below_update, limit=PAGE_ROWS + 1)
    # Each source keeps its own order, so that its lowest id that was shown says where it goes on.
    merged = heapq.merge(entries, updates, key=lambda row: row.at, reverse=True)
    shown = list(islice(merged, PAGE_ROWS))
    happenings = [_tell(list(rows)) for _, rows in groupby(shown, key=_deed_of)]
    if len(entries) + len(updates) <= PAGE_ROWS:
        return happenings, ""
    for row in shown:
        if isinstance(row, ServiceUpdate):
            below_update = row.pk
        else:
            below_entry = row.id
    return happenings, f"{below_entry or ''}.{below_update or ''}"


def _list_updates(service: Service, *, before: int | None, limit: int) -> Sequence[ServiceUpdate]:
    updates = ServiceUpdate.objects.filter(service=service).exclude(writer=ServiceUpdate.Writer.STAFF)
    if before is not None:
        updates = updates.filter(pk__lt=before)
    return list(updates.select_related("route__provider", "provider").order_by("-pk")[:limit])


def _deed_of(row: Any) -> object:
    """Return what rows have in common that tell of one deed: updates of one statement."""
    return (row.at, row.writer, row.provider_id) if isinstance(row, ServiceUpdate) else (row.id,)


def _tell(rows: Sequence[Any]) -> Happening:
    first = rows[0]
    if isinstance(first, ServiceUpdate):
        why = "; ".join(row.get_reason_display() for row in rows if row.reason)
        return Happening(first.at, _writer_of(first), [_tell_update(row) for row in reversed(rows)], why)
    # Where prices are changed by percent, nothing but the rate is there to be named.
    return tell_entry(first, _find_column, only="rate")


def _writer_of(update: ServiceUpdate) -> str:
    match update.writer:
        case ServiceUpdate.Writer.SYNC:
            return f"Sync of {update.provider}"
        case ServiceUpdate.Writer.IMPORT:
            return f"Import from {update.provider}"
    return NOBODY


def _tell_update(update: ServiceUpdate) -> Change:
    name = update.get_field_display()
    if update.route is not None:
        name = f"{name}: {update.route}"
    is_money = update.field in (Field.ADDED, Field.RATE, Field.COST)
    return Change(name, *(say(text, is_money=is_money) for text in (update.old, update.new)))


def _find_column(field: str) -> Any:
    """Return the column that an entry names; those of routes stand behind the name of the route."""
    route, _, name = field.rpartition(": ")
    return find_column(Route if route else Service, name)
