"""Queues that are worked off by one key: j and k move, the letter of an action opens its page."""

from collections.abc import Mapping

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def queue_links(obj: Model, keys: Mapping[str, str]) -> SafeString:
    """Link to the pages of actions, each with the key that opens it; `orders/queue.js` listens.

    :param keys: names of actions by their key.
    """
    opts = obj._meta  # noqa: SLF001 - Django's public name for it
    page = f"admin:{opts.app_label}_{opts.model_name}"
    links = ((reverse(f"{page}_{action}", args=[obj.pk]), key, action, key) for key, action in keys.items())
    drawn = format_html_join(
        " ", '<a class="text-link" href="{}" data-key="{}">{}</a> <kbd aria-hidden="true">{}</kbd>', links
    )
    return format_html('<span class="queue-keys">{}</span>', drawn)
