"""The pages of one subject, as `components/tabs.html` takes them: address, label, whether it is this page."""

from django.urls import reverse
from django.utils.translation import gettext

Tabs = list[tuple[str, str, bool]]


def api_tabs(current: str) -> Tabs:
    """Return the pages about the API; `current` is a URL name."""
    labels = {
        "api_keys": gettext("Keys"),
        "api_usage": gettext("Usage"),
        "api_requests": gettext("Requests"),
        "api_console": gettext("Console"),
    }
    return [(reverse(f"dashboard:{name}"), label, name == current) for name, label in labels.items()]
