"""What staff enter about a provider. A key goes in and never comes out again."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminURLInputWidget

from providers.models import Provider

KEY_CHARACTERS_MAX = 500


class ProviderForm(forms.ModelForm):
    """A provider, with our key there to be set or replaced."""

    api_url = forms.URLField(
        label="API URL",
        required=False,
        max_length=200,  # the column that keeps it
        assume_scheme="https",  # or a key would travel for all to read
        help_text="Where a panel takes its calls: https://…/api/v2. Others have none.",
        widget=UnfoldAdminURLInputWidget(),
    )
    api_key = forms.CharField(
        label="API key",
        required=False,
        max_length=KEY_CHARACTERS_MAX,
        help_text="Ours at this panel. Kept encrypted and never shown; empty: the key that is there stays.",
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
    )

    class Meta:
        model = Provider
        fields = (
            "name", "kind", "api_url", "currency", "concurrency_max", "price_rule", "markup_percent", "markup_fixed",
            "rounding", "pause_at_loss", "balance_alert",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Ask for what a panel is called by, and for the key again where it would go to another machine."""
        data = super().clean() or {}
        if data.get("kind", self.instance.kind) == Provider.Kind.MANUAL:
            for name in ("api_url", "api_key"):
                if data.get(name):
                    self.add_error(name, "Nobody is called where orders are delivered by hand: leave this empty.")
            return data
        if data.get("kind", self.instance.kind) != Provider.Kind.PANEL or "api_url" in self.errors:
            return data
        url = data.get("api_url") or ""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.username is not None:
            self.add_error("api_url", "A panel needs an address that starts with https:// and holds no password.")
        elif not data.get("api_key") and "api_key" not in self.errors:
            if not self.instance.sealed_key:
                self.add_error("api_key", "A panel needs our API key there.")
            elif _origin(self.initial.get("api_url", "")) != _origin(url):
                # Else whoever may edit an address could have the key sent to themselves.
                self.add_error("api_key", "The address leads to another machine: enter the key for it.")
        return data


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
