"""What customers type about themselves. What is taken or forbidden is the domain's to say."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts import time_zones
from accounts.models import User

PARTS_OF_THE_WORLD = {
    "Africa": _("Africa"),
    "America": _("America"),
    "Antarctica": _("Antarctica"),
    "Arctic": _("Arctic"),
    "Asia": _("Asia"),
    "Atlantic": _("Atlantic"),
    "Australia": _("Australia"),
    "Europe": _("Europe"),
    "Indian": _("Indian Ocean"),
    "Pacific": _("Pacific"),
}


class ProfileForm(forms.Form):
    """How to call a customer, in which language, by which clock."""

    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=150,  # the column's
        help_text=_("How we address you."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    username = forms.CharField(
        label=_("User name"),
        min_length=settings.ACCOUNT_USERNAME_MIN_LENGTH,
        max_length=150,  # the column's
        help_text=_("You log in with it, or with your email address."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "spellcheck": "false", "autocapitalize": "none"}),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        help_text=_("Of pages and emails."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), help_text=_("The clock of every time you read here."))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "name": user.first_name,
            "username": user.username,
            "language": user.language,
            "time_zone": user.time_zone,
        }
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["language"].choices = [("", _("The browser’s language")), *settings.LANGUAGES]  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = _zone_choices(user.time_zone)  # type: ignore[attr-defined]

    def clean_username(self) -> str:
        """Keep what the sign-up form would take; one's own name in other capitals too."""
        username: str = self.cleaned_data["username"]
        if username.lower() == self.user.username.lower():
            return get_adapter().clean_username(username, shallow=True)
        return get_adapter().clean_username(username)


def _zone_choices(current: str) -> list[tuple[str, Any]]:
    listed = time_zones.list_zones()
    groups: list[tuple[str, Any]] = [("UTC", "UTC")]
    if current != "UTC" and not any(zone.name == current for zones in listed.values() for zone in zones):
        groups.append((current, current))
    for part, zones in listed.items():
        groups.append((str(PARTS_OF_THE_WORLD[part]), [(zone.name, f"{zone.city} ({zone.offset})") for zone in zones]))
    return groups
