"""Pages and news: the texts that staff write for everybody."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from content import defaults
from content.models import News, Page
from panel.admin_pages import PanelAdmin


@admin.register(Page)
class PageAdmin(PanelAdmin):
    """Legal and help pages; those that were never saved show the text that came with the panel."""

    list_display = ("slug", "language", "title", "is_published", "updated_at")
    list_filter = ("language", "is_published")
    search_fields = ("slug__exact", "title__icontains")
    fields = ("slug", "language", "title", "body", "is_published", "updated_at")
    readonly_fields = ("updated_at",)
    ordering = ("slug", "language")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin a page with the text that came with the panel: `add/?slug=terms&language=en`."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        slug, language = str(initial.get("slug", "")), str(initial.get("language", ""))
        if (text := defaults.read_default(slug, language=language)) is not None:
            initial = {"title": text.title, "body": text.body} | initial
        return initial


@admin.register(News)
class NewsAdmin(PanelAdmin):
    """What all customers are told."""

    list_display = ("title", "published_at", "is_pinned")
    list_filter = ("is_pinned",)
    search_fields = ("title__icontains",)
    fields = ("title", "body", "published_at", "is_pinned")
    ordering = ("-is_pinned", "-published_at", "-pk")
