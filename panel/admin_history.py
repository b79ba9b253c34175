"""The page on which staff read how an object became what it is: what the staff log says of it, newest first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime
from unfold.admin import ModelAdmin

from panel.admin_facts import Fact
from panel.fields import MoneyField
from panel.money import format_rate
from staff.history import Entry

PAGE_ROWS = 50
HEADINGS = ("When", "Who", "What", "Before", "After", "Why")

FindColumn = Callable[[str], Any]


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
    who: str
    changes: Sequence[Change]
    why: str
    entry_id: int | None = None  # of the staff log, if it is there


def show_page(
    model_admin: ModelAdmin, request: HttpRequest, obj: Model, *, happenings: Sequence[Happening], older: str
) -> HttpResponse:
    """Show what happened to an object.

    :param older: the key of the page after this one; empty at the end.
    """
    links = request.user.has_perm("staff.view_auditentry")
    rows = [row for happening in happenings for row in _rows_of(happening, links=links)]
    return TemplateResponse(
        request,
        "admin/history.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": "History",
            "original": obj,
            "older": older,
            "facts": [Fact(f"What changed {obj}, newest first", HEADINGS, rows)],
        },
    )


def find_column(model: type[Model], name: str) -> Any:
    """Return the field that an entry of the staff log names; None if it is none, as rows that point here are not."""
    try:
        found = model._meta.get_field(name)  # noqa: SLF001 - Django's public name for it
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, Field) else None


def tell_entry(entry: Entry, find: FindColumn, *, only: str = "") -> Happening:
    """Say what an entry of the staff log says of the object.

    :param find: gets the name of a field and returns its column, if it is one.
    :param only: the field that is meant where an entry about many says a value and not of what.
    """
    was, became = (_by_field(facts, only=only) for facts in (entry.was, entry.became))
    changes = [
        Change(
            _name_of(field, find),
            *(say(facts.get(field), is_money=isinstance(find(field), MoneyField)) for facts in (was, became)),
        )
        for field in {**was, **became}
    ]
    return Happening(
        entry.at,
        ", ".join(filter(None, (entry.actor_name, entry.door))),
        changes or [Change(_title_of(entry.operation), "", "")],
        "\n".join(filter(None, (entry.reason, entry.outcome))),
        entry.id,
    )


def say(value: Any, *, is_money: bool) -> str:
    """Write a value of the log for people."""
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


def _by_field(facts: Any, *, only: str) -> Mapping[str, Any]:
    if isinstance(facts, Mapping):
        return facts
    return {} if facts is None else {only: facts}


def _name_of(field: str, find: FindColumn) -> str:
    """Name a field as its page does; before a colon stands the row it belongs to."""
    column = find(field)
    if column is None:
        return field
    row, colon, _ = field.rpartition(": ")
    return f"{row}{colon}{column.verbose_name}"


def _title_of(operation: str) -> str:
    """Name an operation that changed no field: `accounts.user: Add note` and `orders.resend` alike."""
    return operation.rpartition(": ")[2].rpartition(".")[2].replace("_", " ")


def _rows_of(happening: Happening, *, links: bool) -> Iterator[tuple[object, ...]]:
    """Give each change a row; when, who and why stand in the first."""
    who: object = happening.who
    if links and happening.entry_id is not None:
        url = reverse("admin:staff_auditentry_change", args=[happening.entry_id])
        who = format_html('<a href="{}" class="text-link">{}</a>', url, who)
    first, *others = happening.changes or [Change("", "", "")]
    yield localize(localtime(happening.at)), who, first.name, first.before, first.after, happening.why
    for change in others:
        yield "", "", change.name, change.before, change.after, ""
