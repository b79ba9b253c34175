"""Services as a file: out, changed in a spreadsheet, previewed, in again."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import tablib
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from catalog.models import Service
from staff.models import AuditEntry

LIST = "/admin/catalog/service/"
CSV, XLSX = "0", "1"


def export(client: Client, kind: str) -> bytes:
    """Download the services."""
    response = client.post(f"{LIST}export/", {"format": kind, "resource": "0"} | dict.fromkeys(FIELDS, "on"))
    assert response.status_code == 200
    return response.content


FIELDS = [
    f"serviceresource_{name}"
    for name in (
        *("id", "category", "name", "description", "type", "rate", "min", "max", "refill", "refill_days", "cancel"),
        *("dripfeed", "average_minutes", "position", "is_active"),
    )
]


def preview(client: Client, rows: list[dict[str, Any]], *, name: str = "services.csv") -> Any:
    """Upload a file and return the page that says what it would change."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    file = SimpleUploadedFile(name, text.getvalue().encode())
    return client.post(f"{LIST}import/", {"import_file": file, "format": CSV, "resource": ""})


def confirm(client: Client, page: Any) -> Any:
    """Have done what the page says."""
    form = page.context["confirm_form"]
    return client.post(f"{LIST}process_import/", {name: form[name].value() or "" for name in form.fields})


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_gives_all_services(boss: Client, followers: Service, kind: str) -> None:
    content = export(boss, kind)

    table = tablib.Dataset().load(content.decode() if kind == CSV else content, "csv" if kind == CSV else "xlsx")
    assert table.height == 1
    row = table.dict[0]
    assert (int(row["id"]), row["name"], Decimal(str(row["rate"]))) == (1042, followers.name, followers.rate)
    assert row["category"] == followers.category.name


def test_formulas_are_text(boss: Client, followers: Service) -> None:
    Service.objects.update(name='=HYPERLINK("http://evil","x")', description="+1")

    row = tablib.Dataset().load(export(boss, CSV).decode(), "csv").dict[0]

    assert row["name"] == '\'=HYPERLINK("http://evil","x")'
    assert row["description"] == "'+1"
    assert preview(boss, [{name: row[name] for name in ("id", "name", "description")}]).context["result"].totals == {
        **dict.fromkeys(("new", "update", "delete", "error", "invalid"), 0),
        "skip": 1,
    }


def test_shows_what_would_change_and_changes_nothing_yet(boss: Client, followers: Service) -> None:
    page = preview(boss, [{"id": 1042, "rate": "0.99", "name": "Renamed"}])

    assert page.context["confirm_form"] is not None
    assert "Renamed" in page.content.decode()
    followers.refresh_from_db()
    assert (followers.rate, AuditEntry.objects.count()) == (Decimal("0.85"), 0)


def test_changes_what_was_shown_and_logs_it(boss: Client, staff: User, followers: Service) -> None:
    page = preview(boss, [{"id": 1042, "rate": "0.99", "max": followers.max, "is_active": "0"}])
    response = confirm(boss, page)

    assert response.status_code == 302
    before = followers.name
    followers.refresh_from_db()
    assert (followers.rate, followers.is_active, followers.name) == (Decimal("0.99"), False, before)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.operation) == (staff, "catalog.service: change many")
    assert entry.before == {"1042": {"rate": "0.85000", "is_active": "True"}}
    assert entry.after["1042"]["is_active"] == "False"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"id": 999, "rate": "1"}, "There is no service 999"),
        ({"id": "", "rate": "1"}, "There is no service"),
        ({"id": "1' OR 1=1", "rate": "1"}, "There is no service"),
        ({"id": 1042, "rate": "-1"}, "The rate cannot be below zero."),
        ({"id": 1042, "rate": "cheap"}, "“cheap” is no number."),
        ({"id": 1042, "rate": "sNaN"}, "“sNaN” is no number."),
        ({"id": 1042, "rate": "Infinity"}, "“Infinity” is no number."),
        ({"id": 1042, "min": "few"}, "“few” is no number."),
        ({"id": 1042, "min": "12.7"}, "“12.7” is no whole number."),
        ({"id": 1042, "max": "1E999999999"}, "max"),
        ({"id": 1042, "is_active": "maybe"}, "“maybe” is neither 1 nor 0."),
        ({"id": 1042, "category": "Nowhere"}, "does not exist"),
        ({"id": 1042, "max": "-5"}, "greater than or equal to"),
        ({"id": 1042, "refill_days": "9999999"}, "Ensure this value is less than or equal to 36500."),
    ],
)
def test_a_file_with_a_bad_row_changes_nothing(
    boss: Client, followers: Service, row: dict[str, Any], complaint: str
) -> None:
    page = preview(boss, [row])

    assert page.status_code == 200
    assert page.context.get("confirm_form") is None
    assert complaint in page.content.decode()
    followers.refresh_from_db()
    assert (followers.rate, followers.max, followers.refill_days) == (Decimal("0.85"), 100_000, 365)
    assert not AuditEntry.objects.exists()


def test_the_type_of_a_service_stays(boss: Client, followers: Service) -> None:
    confirm(boss, preview(boss, [{"id": 1042, "type": "Package", "rate": "0.99"}]))

    followers.refresh_from_db()
    assert (followers.type, followers.rate) == ("Default", Decimal("0.99"))


def test_needs_the_permission(make_clerk: Callable[..., Client], followers: Service) -> None:
    clerk = make_clerk("catalog.view_service")

    assert preview(clerk, [{"id": 1042, "rate": "0.99"}]).status_code == 403
    assert clerk.post(f"{LIST}process_import/", {}).status_code == 403
    assert export(clerk, CSV)
    nobody = make_clerk("support.view_ticket", "support.change_ticket")
    assert nobody.post(f"{LIST}export/", {"format": CSV}).status_code == 403
