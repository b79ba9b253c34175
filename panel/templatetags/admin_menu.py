"""What the admin's pages say of themselves at their top: the words of the menu."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.text import capfirst

from panel import admin_menu

register = template.Library()


@register.filter
def as_in_menu(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name the lists on the way to a page as the menu does, and leave out the app a table lies in."""
    labels = admin_menu.labels_by_address()
    way = parts[1:] if len(parts) > 1 else parts
    return [{"link": part.get("link"), "title": _name(part, labels)} for part in way]


def _name(part: dict[str, Any], labels: Mapping[str, str]) -> str:
    title = part["title"]
    # An object is called what it is called: user names are not written in capitals.
    name = capfirst(str(title)) if isinstance(title, str | Promise) else str(title)
    return labels.get(str(part.get("link", "")), name)
