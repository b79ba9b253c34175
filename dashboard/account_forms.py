"""What customers type about themselves. What is taken or forbidden is the domain's to say."""

from decimal import Decimal
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts import time_zones
from accounts.models import NoticeChoices, User
from dashboard.templatetags.panel import amount
from panel.money import DECIMAL_PLACES, MAX_DIGITS

FOLLOW_BROWSER = "browser"
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
        label=_("Username"),
        min_length=settings.ACCOUNT_USERNAME_MIN_LENGTH,
        max_length=150,  # the column's
        help_text=_("You log in with it, or with your email address."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "spellcheck": "false", "autocapitalize": "none"}),
    )
    language = forms.TypedChoiceField(
        label=_("Language"),
        coerce=lambda chosen: "" if chosen == FOLLOW_BROWSER else chosen,
        help_text=_("Of pages and emails."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), help_text=_("The clock of every time you read here."))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "name": user.first_name,
            "username": user.username,
            "language": user.language or FOLLOW_BROWSER,
            "time_zone": user.time_zone,
        }
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["language"].choices = [(FOLLOW_BROWSER, _("The browser’s language")), *settings.LANGUAGES]  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = _zone_choices(user.time_zone)  # type: ignore[attr-defined]

    def clean_username(self) -> str:
        """Keep what the sign-up form would take; one's own name in other capitals too."""
        username: str = self.cleaned_data["username"]
        if username.lower() == self.user.username.lower():
            return get_adapter().clean_username(username, shallow=True)
        return get_adapter().clean_username(username)


class NotificationsForm(forms.Form):
    """What a customer wants to be told by mail."""

    low_balance = forms.BooleanField(label=_("My balance falls low"), required=False)
    low_balance_below = forms.DecimalField(
        label=_("Below"),
        required=False,
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
        min_value=Decimal("0.00001"),
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )
    ended_orders = forms.BooleanField(label=_("Orders end Partial or Canceled"), required=False)

    def __init__(self, *args: Any, choices: NoticeChoices, currency: str, **kwargs: Any) -> None:
        below = choices.low_balance_below
        kwargs["initial"] = {
            "low_balance": choices.low_balance,
            "low_balance_below": None if below is None else amount(below).replace(",", ""),
            "ended_orders": choices.ended_orders,
        }
        super().__init__(*args, **kwargs)
        self.fields["low_balance_below"].label = _("Below how many %(currency)s") % {"currency": currency}

    def clean(self) -> dict[str, Any]:
        """Refuse a warning without a threshold."""
        data = self.cleaned_data
        if data.get("low_balance") and "low_balance_below" in data and data["low_balance_below"] is None:
            self.add_error("low_balance_below", _("Say below which balance you want to be told."))
        return data


def _zone_choices(current: str) -> list[tuple[str, Any]]:
    listed = time_zones.list_zones()
    groups: list[tuple[str, Any]] = [("UTC", "UTC")]
    if current != "UTC" and not any(zone.name == current for zones in listed.values() for zone in zones):
        groups.append((current, current))
    for part, zones in listed.items():
        groups.append((str(PARTS_OF_THE_WORLD[part]), [(zone.name, f"{zone.city} ({zone.offset})") for zone in zones]))
    return groups
