"""What customers type: presence, types and sizes. Prices, limits of services and balances are the domain's."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api_v2.actions import ACTIONS
from api_v2.models import Outcome
from catalog.snapshot import Offer
from catalog.types import LINE_PARAMETERS, TYPES
from orders.models import LINK_MAX_CHARACTERS
from orders.placement import INTERVAL_MINUTES_MAX, QUANTITY_MAX, RUNS_MAX, Draft
from orders.transitions import Status

PARAMETER_MAX_CHARACTERS = 2048  # a user name, a hashtag or an address
LINES_MAX_CHARACTERS = 500_000  # half of what a request may bring: thousands of comments
SEARCH_MAX_CHARACTERS = 200
UNKNOWN_ACTION = "unknown"  # in the address of the list of API calls
KEY_NAME_MAX_CHARACTERS = 60  # the column's
ID_MAX = 2**63 - 1  # what fits a database integer

LABELS = {
    "comments": _("Comments"),
    "keywords": _("Keywords"),
    "usernames": _("Usernames"),
    "hashtags": _("Hashtags"),
    "hashtag": _("Hashtag"),
    "username": _("Username"),
    "media": _("Address of the post"),
    "answer_number": _("Number of the answer"),
    "groups": _("Groups"),
    "country": _("Country"),
    "device": _("Device"),
    "type_of_traffic": _("Type of traffic"),
    "google_keyword": _("Google keyword"),
    "referring_url": _("Referring address"),
}
_LINES = re.compile(r"\r\n|\r|\n")


class LinesField(forms.CharField):
    """One value per line; empty lines do not count."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 6, "spellcheck": "false"})
        super().__init__(widget=widget, max_length=LINES_MAX_CHARACTERS, help_text=_("One per line."), **kwargs)

    def clean(self, value: Any) -> list[str]:
        """Return the lines without blanks around them."""
        return [line.strip() for line in _LINES.split(super().clean(value)) if line.strip()]


class OrderForm(forms.Form):
    """An order of one service: the link, and what the service's type asks for."""

    link = forms.CharField(
        label=_("Link"),
        max_length=LINK_MAX_CHARACTERS,
        widget=forms.TextInput(attrs={"placeholder": "https://", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer = offer
        kind = TYPES[offer.type]
        for name in kind.required:
            self.fields[name] = _parameter_field(name, required=True)
        for name in kind.optional:
            self.fields[name] = _parameter_field(name, required=False)
        if kind.quantity == "quantity":
            limits = gettext("From %(min)s to %(max)s.") % {"min": f"{offer.min:,}", "max": f"{offer.max:,}"}
            self.fields["quantity"] = _number_field(label=_("Quantity"), maximum=QUANTITY_MAX, help_text=limits)
        if offer.dripfeed and kind.dripfeed:
            each = _("The quantity above is delivered in each run.")
            split = _("The quantity above is split evenly over this many runs.")
            self.fields["runs"] = _number_field(
                label=_("Runs"),
                required=False,
                maximum=RUNS_MAX,
                help_text=each if settings.DRIPFEED_QUANTITY == "per_run" else split,
            )
            self.fields["interval"] = _number_field(
                label=_("Interval"),
                required=False,
                maximum=INTERVAL_MINUTES_MAX,
                help_text=_("Minutes from one run to the next."),
            )

    @property
    def main_fields(self) -> Sequence[forms.BoundField]:
        """Return all fields but those of drip-feed."""
        return [self[name] for name in self.fields if name not in ("runs", "interval")]

    @property
    def dripfeed_fields(self) -> Sequence[forms.BoundField]:
        """Return the fields of drip-feed, none when it is not offered."""
        return [self[name] for name in ("runs", "interval") if name in self.fields]

    @property
    def is_dripfeed(self) -> bool:
        """Say whether anything is filled in for drip-feed."""
        return any(bound.value() for bound in self.dripfeed_fields)

    @property
    def quantity_field(self) -> str:
        """Name the field that decides the quantity: its own, or the lines that are counted."""
        source = TYPES[self.offer.type].quantity
        return source if source in self.fields else "link"

    def draft(self) -> Draft:
        """Return the order asked for, as far as the fields of the bound form are valid."""
        self.is_valid()
        data = self.cleaned_data
        kind = TYPES[self.offer.type]
        return Draft(
            service_id=self.offer.id,
            link=data.get("link", ""),
            quantity=data.get("quantity"),
            runs=data.get("runs"),
            interval_minutes=data.get("interval"),
            parameters={name: data[name] for name in (*kind.required, *kind.optional) if name in data},
        )


def _parameter_field(name: str, *, required: bool) -> forms.Field:
    if name in LINE_PARAMETERS:
        return LinesField(label=LABELS[name], required=required)
    return forms.CharField(label=LABELS[name], required=required, max_length=PARAMETER_MAX_CHARACTERS)


def _number_field(*, maximum: int, **facts: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(min_value=1, max_value=maximum, widget=widget, **facts)


class ServiceSearchForm(forms.Form):
    """What the price list is narrowed to; anything senseless in an address counts as not given."""

    q = forms.CharField(required=False)
    category = forms.CharField(required=False)
    favourites = forms.BooleanField(required=False)
    page = forms.IntegerField(min_value=1, required=False)


class OrderSearchForm(forms.Form):
    """What the list of orders is narrowed to; anything senseless in an address counts as not given."""

    q = forms.CharField(max_length=SEARCH_MAX_CHARACTERS, required=False)
    status = forms.ChoiceField(choices=[("", "All statuses"), *((s.value, s.value) for s in Status)], required=False)
    before = forms.IntegerField(min_value=1, required=False)


class StatementForm(forms.Form):
    """Where a page of the statement ends. Nothing comes before the first line, so no page ends there."""

    before = forms.IntegerField(min_value=2, required=False)


class CallSearchForm(forms.Form):
    """What the list of API calls is narrowed to; anything senseless in an address counts as not given."""

    key = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)
    action = forms.ChoiceField(choices=[(action, action) for action in ("", *ACTIONS, UNKNOWN_ACTION)], required=False)
    outcome = forms.ChoiceField(choices=[("", ""), *Outcome.choices], required=False)
    before = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)


class UsageForm(forms.Form):
    """Which figures of the API are shown."""

    DAYS, BY_ACTION = "days", "action"

    key = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)
    period = forms.ChoiceField(choices=[("hours", ""), (DAYS, "")], required=False)
    split = forms.ChoiceField(choices=[("outcome", ""), (BY_ACTION, "")], required=False)


class ConsoleForm(forms.Form):
    """Which recorded call the console begins with."""

    call = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)


class PasswordForm(forms.Form):
    """Asks the customer at the keyboard for the password again."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        max_length=4096,  # allauth accepts no longer one
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class IssueKeyForm(PasswordForm):
    """A new key's name, and the password."""

    name = forms.CharField(label=_("Name"), max_length=KEY_NAME_MAX_CHARACTERS, help_text=_("To tell your keys apart."))
    field_order = ("name", "password")


class NewsForm(forms.Form):
    """Where a page of the news ends."""

    before = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)
