"""The staff log."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from panel.admin_pages import ReadOnlyAdmin, parse_id
from staff.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Everything the staff did, newest first."""

    list_display = (
        "seq", "at", "actor_name", "operation", "subject_model", "subject_id", "outcome", "amount", "channel",
    )  # fmt: skip
    list_filter = ("channel", "subject_model")
    list_select_related = ("actor", "approver")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("subject_id",)  # shows the search box; what is found is below
    search_help_text = "The id of what it was about, or the whole name of who did it"
    fields = (
        "seq", "at", "actor", "approver", "operation", "subject_model", "subject_id", "changes", "reason", "outcome",
        "amount", "channel", "address", "hash_text",
    )  # fmt: skip
    readonly_fields = ("changes", "hash_text")

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
