"""The staff log."""

import json
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from panel.admin_pages import ReadOnlyAdmin, link_to, parse_id
from panel.money import print_amount
from staff.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Everything the staff did, newest first."""

    list_display = ("seq", "at", "actor_name", "operation", "about", "outcome", "shown_amount", "channel")
    list_filter = ("channel", "subject_model")
    list_select_related = ("actor", "approver")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("subject_id",)  # shows the search box; what is found is below
    search_help_text = "The id of what it was about, or the whole name of who did it"
    fields = (
        "at", "actor", "approver", "operation", "about", "shown_amount", "channel", "address", "outcome", "reason",
        "changes", "seq", "hash_text",
    )  # fmt: skip
    readonly_fields = ("about", "shown_amount", "changes", "hash_text")
    long_fields = ("changes", "hash_text")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Find by whole values."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if parse_id(term) is not None:
            return queryset.filter(subject_id=term), False
        return queryset.filter(actor__username=term), False

    @admin.display(description="about")
    def about(self, entry: AuditEntry) -> SafeString | str:
        """Link to the page of what it was about, by its id: it may be gone."""
        try:
            model = apps.get_model(entry.subject_model)
        except (LookupError, ValueError):
            return f"{entry.subject_model} {entry.subject_id}"
        name = f"{model._meta.verbose_name} {entry.subject_id}"  # noqa: SLF001 - Django's public name
        number = parse_id(entry.subject_id)
        return link_to(model(pk=number), name) if number is not None and admin.site.is_registered(model) else name

    @admin.display(description="amount")
    def shown_amount(self, entry: AuditEntry) -> str:
        """Say how much it moved."""
        return "" if entry.amount is None else print_amount(entry.amount)

    @admin.display(description="before → after")
    def changes(self, entry: AuditEntry) -> SafeString | str:
        """Show what changed, name by name."""
        lines = [
            f"{name}: {_text(entry.before.get(name))} → {_text(entry.after.get(name))}"
            for name in {**entry.before, **entry.after}
        ]
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', "\n".join(lines)) if lines else "nothing"

    @admin.display(description="hash")
    def hash_text(self, entry: AuditEntry) -> str:
        """Show the link of the chain as people write hashes."""
        return bytes(entry.hash).hex()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
