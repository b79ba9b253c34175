"""What customers type: presence, types and sizes. Prices, limits of services and balances are the domain's."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api_v2.actions import ACTIONS
from api_v2.models import Outcome
from catalog.snapshot import Offer
from catalog.types import LINE_PARAMETERS, TYPES
from dashboard.words import word_for
from orders.listing import IDS_MAX, OrderFilter
from orders.models import LINK_MAX_CHARACTERS
from orders.placement import INTERVAL_MINUTES_MAX, QUANTITY_MAX, RUNS_MAX, Draft
from orders.queries import ID_MAX as ORDER_ID_MAX
from orders.transitions import Status

PARAMETER_MAX_CHARACTERS = 2048  # a user name, a hashtag or an address
LINES_MAX_CHARACTERS = 500_000  # half of what a request may bring: thousands of comments
SEARCH_MAX_CHARACTERS = 200
UNKNOWN_ACTION = "unknown"  # in the address of the list of API calls
ORDER_SEARCH_MAX_CHARACTERS = 4096  # a hundred ids with whatever stands between them; the longest link
ID_DIGITS = len(str(ORDER_ID_MAX))
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)  # of a search; years that every calendar knows
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
_SEPARATORS = re.compile(r"[\s,;]+")
_NUMBER = re.compile(r"[0-9]+")


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


def _day_field(**facts: Any) -> forms.DateField:
    return forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],  # what browsers send for it in every language
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        validators=[
            MinValueValidator(FIRST_DAY, _("Enter a valid date.")),
            MaxValueValidator(LAST_DAY, _("Enter a valid date.")),
        ],
        **facts,
    )


class ServiceSearchForm(forms.Form):
    """What the price list is narrowed to; anything senseless in an address counts as not given."""

    q = forms.CharField(required=False)
    category = forms.CharField(required=False)
    favourites = forms.BooleanField(required=False)
    page = forms.IntegerField(min_value=1, required=False)


class OrderSearchForm(forms.Form):
    """What the list of orders is narrowed to; what makes no sense narrows nothing, and is told beside its field."""

    q = forms.CharField(
        label=_("Order IDs or link"),
        max_length=ORDER_SEARCH_MAX_CHARACTERS,
        required=False,
        # Of several lines, because a field of one line joins the ids of a pasted column into one number.
        widget=forms.Textarea(attrs={"rows": 1, "autocomplete": "off", "spellcheck": "false"}),
    )
    status = forms.ChoiceField(label=_("Status"), required=False)
    service = forms.IntegerField(
        label=_("Service ID"),
        min_value=1,
        max_value=ID_MAX,
        required=False,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), _("Enter the number of a service.")),
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off", "min": False, "max": False}),
    )
    since = _day_field(label=_("From"))
    until = _day_field(label=_("To"))
    before = forms.IntegerField(min_value=1, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Translated now: a list of choices made with the class would keep the first reader's language.
        self.fields["status"].choices = [  # type: ignore[attr-defined]
            ("", gettext("All statuses")),
            *((status.value, word_for(status)) for status in Status),
        ]
        self.order_ids: list[int] = []

    def clean_q(self) -> str:
        """Read numbers alone as order ids, and everything else as a part of a link."""
        text = self.cleaned_data["q"]
        words = [word.removeprefix("#") for word in _SEPARATORS.split(text) if word]
        if words and all(_NUMBER.fullmatch(word) for word in words):
            order_ids = list(dict.fromkeys(map(int, words)))
            if len(order_ids) > IDS_MAX:
                raise forms.ValidationError(
                    gettext("Up to %(most)s orders can be looked for at once; these are %(count)s.")
                    % {"most": IDS_MAX, "count": f"{len(order_ids):,}"}
                )
            self.order_ids = order_ids
        return text

    def clean(self) -> None:
        """Refuse days that end before they begin."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", gettext("This is before the first day."))

    def wanted(self) -> OrderFilter:
        """Return what makes sense of it, days in the reader's time zone."""
        data = self.cleaned_data
        status, since, until = data.get("status"), data.get("since"), data.get("until")
        return OrderFilter(
            status=Status(status) if status else None,
            service_id=data.get("service"),
            # Ids that cannot exist are looked for too: nothing is found, as with any other.
            ids=tuple(min(order_id, ORDER_ID_MAX) for order_id in self.order_ids),
            link="" if self.order_ids else data.get("q", ""),
            since=_midnight(since) if since else None,
            until=_midnight(until + timedelta(days=1)) if until else None,
        )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class PageForm(forms.Form):
    """Which page of a list that is read by key to show."""

    before = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)


def read_before(sent: QueryDict) -> int | None:
    """Return before which row a page starts; anything senseless in an address counts as not given."""
    form = PageForm(sent)
    return form.cleaned_data["before"] if form.is_valid() else None


class SelectedOrdersField(forms.Field):
    """The ids of the boxes that were ticked, each once."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {"required": _("Select the orders first.")}

    def clean(self, value: Any) -> list[int]:
        """Return the ids.

        :raises forms.ValidationError: none, or more than a page has.
        """
        super().clean(value)
        order_ids = [int(text) for text in dict.fromkeys(value) if _NUMBER.fullmatch(text) and len(text) <= ID_DIGITS]
        if not order_ids:
            raise forms.ValidationError(self.error_messages["required"])
        if len(order_ids) > IDS_MAX:
            raise forms.ValidationError(
                gettext("Up to %(most)s orders can be changed at once; these are %(count)s.")
                % {"most": IDS_MAX, "count": f"{len(order_ids):,}"}
            )
        return [order_id for order_id in order_ids if order_id <= ORDER_ID_MAX]


class SelectedOrdersForm(forms.Form):
    """The orders that something is asked for."""

    order = SelectedOrdersField()


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
