"""The page on which staff read how a service became what it is.

Two sources make one timeline: the staff log, also where one entry is about thousands of services, and what triggers
noted of everybody else. What they noted of the staff is left out: the log says it with a name.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby, islice
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime

from catalog.models import Route, Service, ServiceUpdate
from panel.admin_actions import get_visible
from panel.admin_pages import Fact, PanelAdmin, parse_id
from panel.fields import MoneyField
from panel.money import format_rate

PAGE_ROWS = 50
NOBODY = "not noted"  # who wrote before writers were, or by hand in the database

Key = tuple[int | None, int | None]  # only what is below: ids of the log, and of the updates
Field = ServiceUpdate.Field


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that became another."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Happening:
    """What somebody did at once."""

    at: datetime
    who: object
    changes: Sequence[Change]
    why: str


def show_page(model_admin: PanelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show what changed a service, newest first."""
    service: Service = get_visible(model_admin, request, object_id)
    happenings, older = read_history(model_admin, service, key=_parse_key(request.GET.get("before", "")))
    links = request.user.has_perm("staff.view_auditentry")
    headings = ("When", "Who", "What", "Before", "After", "Why")
    rows = [row for happening in happenings for row in _rows_of(happening, links=links)]
    return TemplateResponse(
        request,
        "admin/service_history.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": "History",
            "original": service,
            "older": older,
            "facts": [Fact(f"What changed {service}, newest first", headings, rows)],
        },
    )


def read_history(model_admin: PanelAdmin, service: Service, *, key: Key) -> tuple[list[Happening], str]:
    """Read a page of what happened to a service, and the key of the page after it; empty at the end."""
    below_entry, below_update = key
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


def _parse_key(text: str) -> Key:
    """Read where a page begins; at the top, when it makes no sense."""
    entry, _, update = text.partition(".")
    return parse_id(entry), parse_id(update)


def _deed_of(row: Any) -> object:
    """Return what rows have in common that tell of one deed: updates of one statement."""
    return (row.at, row.writer, row.provider_id) if isinstance(row, ServiceUpdate) else (row.id,)


def _tell(rows: Sequence[Any]) -> Happening:
    first = rows[0]
    if isinstance(first, ServiceUpdate):
        why = "; ".join(row.get_reason_display() for row in rows if row.reason)
        return Happening(first.at, _writer_of(first), [_tell_update(row) for row in reversed(rows)], why)
    return Happening(
        first.at,
        (first.id, ", ".join(filter(None, (first.actor_name, first.door)))),
        _tell_entry(first),
        "\n".join(filter(None, (first.reason, first.outcome))),
    )


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
    return Change(name, *(_say(text, is_money=is_money) for text in (update.old, update.new)))


def _tell_entry(entry: Any) -> list[Change]:
    was, became = (_by_field(facts) for facts in (entry.was, entry.became))
    return [
        Change(
            _name_of(field),
            *(_say(facts.get(field), is_money=isinstance(_find_column(field), MoneyField)) for facts in (was, became)),
        )
        for field in {**was, **became}
    ]


def _by_field(facts: Any) -> Mapping[str, Any]:
    """Name what an entry says. Where prices are changed by percent, nothing but the rate is there to be named."""
    if isinstance(facts, Mapping):
        return facts
    return {} if facts is None else {"rate": facts}


def _find_column(field: str) -> Any:
    """Return the column that an entry names; those of routes stand behind the name of the route."""
    route, _, name = field.rpartition(": ")
    try:
        return (Route if route else Service)._meta.get_field(name)  # noqa: SLF001 - Django's public name for it
    except FieldDoesNotExist:
        return None


def _name_of(field: str) -> str:
    column = _find_column(field)
    if column is None:
        return field
    route, colon, _ = field.rpartition(": ")
    return f"{route}{colon}{column.verbose_name}"


def _say(value: Any, *, is_money: bool) -> str:
    if is_money and value not in (None, ""):
        try:
            return format_rate(Decimal(value))
        except InvalidOperation:
            pass
    match value:
        case None:
            return ""
        case True | "true" | "True":
            return "yes"
        case False | "false" | "False":
            return "no"
    return str(value)


def _rows_of(happening: Happening, *, links: bool) -> Iterator[tuple[object, ...]]:
    """Give each change a row; when, who and why stand in the first."""
    who = happening.who
    if isinstance(who, tuple):
        entry_id, who = who
        if links:
            url = reverse("admin:staff_auditentry_change", args=[entry_id])
            who = format_html('<a href="{}" class="text-link">{}</a>', url, who)
    first, *others = happening.changes or [Change("", "", "")]
    yield localize(localtime(happening.at)), who, first.name, first.before, first.after, happening.why
    for change in others:
        yield "", "", change.name, change.before, change.after, ""
