"""The staff's list of orders: what it is narrowed to, and pages that are read by key."""

import re
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from orders import staff_listing
from orders.admin import order_rows
from orders.admin.deeds import DEEDS_ON_MANY
from orders.models import LINK_MAX_CHARACTERS, Order
from orders.staff_listing import ID_MAX, IDS_MAX, ByHand, Source, StaffFilter
from orders.transitions import Status
from panel.admin_pages import parse_id
from providers.models import Provider

BEFORE, AFTER, SEARCH = "before", "after", "q"
IDS_CHARACTERS_MAX = 12 * IDS_MAX


class OrderFilterForm(forms.Form):
    """What the list is narrowed to; every field may be empty."""

    status = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((word.value, word.value) for word in Status)],
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    provider = forms.ModelChoiceField(
        Provider.objects.order_by("name"), required=False, empty_label="Any", widget=UnfoldAdminSelectWidget()
    )
    source = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), (Source.WEB, "Website"), (Source.API, "API")],
        widget=UnfoldAdminSelectWidget(),
    )
    by_hand = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), (ByHand.WAITING, "To be taken"), (ByHand.OUT, "Taken, not ended")],
        label="Delivered by hand",
        widget=UnfoldAdminSelectWidget(),
    )
    service = forms.IntegerField(
        required=False, min_value=1, max_value=ID_MAX, label="Service id", widget=UnfoldAdminTextInputWidget()
    )
    customer = forms.CharField(
        required=False,
        max_length=150,
        label="Customer",
        widget=UnfoldAdminTextInputWidget({"placeholder": "id or user name"}),
    )
    since = forms.DateField(required=False, label="From day", widget=UnfoldAdminTextInputWidget({"type": "date"}))
    until = forms.DateField(required=False, label="To day", widget=UnfoldAdminTextInputWidget({"type": "date"}))
    link = forms.CharField(
        required=False,
        max_length=LINK_MAX_CHARACTERS,
        label="Link, all of it",
        widget=UnfoldAdminTextInputWidget(),
    )
    ids = forms.CharField(
        required=False,
        max_length=IDS_CHARACTERS_MAX,
        label="Ids, up to 1,000",
        widget=UnfoldAdminTextInputWidget(),
    )

    def clean_customer(self) -> int | None:
        """Return the customer's id.

        :raises ValidationError: there is none
        """
        said = self.cleaned_data["customer"].strip()
        if not said:
            return None
        found = None
        if (user_id := parse_id(said)) is not None:  # first, as other pages link here by it
            found = User.objects.filter(pk=user_id).values_list("pk", flat=True).first()
        if found is None:
            found = User.objects.filter(username=said).values_list("pk", flat=True).first()
        if found is None:
            raise ValidationError("There is no such customer.")
        return found

    def clean_ids(self) -> tuple[int, ...] | None:
        """Return the ids in order, each once.

        :raises ValidationError: too many, or none
        """
        words = [word for word in re.split(r"[\s,;]+", self.cleaned_data["ids"]) if word]
        if not words:
            return None
        ids = sorted({number for word in words if (number := parse_id(word)) is not None and number <= ID_MAX})
        if not ids:
            raise ValidationError("These are no ids.")
        if len(ids) > IDS_MAX:
            raise ValidationError(f"At most {IDS_MAX:,} ids at once.")
        return tuple(ids)

    def wanted(self) -> StaffFilter:
        """Return what the valid form asks for."""
        data = self.cleaned_data
        until = data["until"]
        return StaffFilter(
            ids=data["ids"],
            link=data["link"].strip(),
            customer_id=data["customer"],
            service_id=data["service"],
            provider_id=data["provider"].pk if data["provider"] else None,
            status=Status(data["status"]) if data["status"] else None,
            source=Source(data["source"]) if data["source"] else None,
            by_hand=ByHand(data["by_hand"]) if data["by_hand"] else None,
            since=_start_of(data["since"]) if data["since"] else None,
            until=_start_of(until + timedelta(days=1)) if until else None,
        )


def _start_of(day: Any) -> datetime:
    return datetime.combine(day, time.min, tzinfo=get_current_timezone())


def read_filter(sent: QueryDict) -> tuple[OrderFilterForm, StaffFilter | None]:
    """Read what the list is narrowed to from an address: the form, and None when it cannot be.

    A search narrows further what the form's fields do.
    """
    form = OrderFilterForm(sent)
    if not form.is_valid():
        return form, None
    wanted = form.wanted()
    term = sent.get(SEARCH, "").strip()
    return form, staff_listing.narrow_by_search(wanted, term) if term else wanted


class OrderChangeList(ChangeList):
    """Django's list, of which pages are read by key and nothing is counted."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Order]:
        """Return what an action may be done to: whatever matches, read by the ids that were selected."""
        self.filter_form, self.wanted = read_filter(request.GET)
        self.filter_specs: list[Any] = []
        self.has_filters = False
        self.has_active_filters = self.wanted is None or not self.wanted.is_empty
        # Not for what the tabs and the search box show anyway.
        self.is_filter_open = self.wanted is None or any(
            request.GET.get(name) for name in OrderFilterForm.base_fields if name != "status"
        )
        self.clear_all_filters_qs = "?"
        return Order.objects.none() if self.wanted is None else staff_listing.match(self.wanted)

    def get_results(self, request: HttpRequest) -> None:
        """Read one page by key."""
        page = staff_listing.StaffPage([], None, None)
        if self.wanted is not None:
            page = staff_listing.list_orders(
                self.wanted, before=_key(request.GET.get(BEFORE)), after=_key(request.GET.get(AFTER))
            )
        self.page = page
        self.result_list: Any = page.orders
        self.result_count = len(page.orders)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = self.model_admin.get_paginator(request, page.orders, self.list_per_page)

    def table(self) -> SafeString:
        """Draw the page's rows."""
        return order_rows.draw_table(self.page.orders, has_boxes="action_checkbox" in self.list_display)

    def count_in_words(self) -> str:
        """Say how many orders there are, as well as that is known without counting them."""
        page = self.page
        if not self.has_active_filters:
            estimate = staff_listing.estimate_count()
            return f"about {estimate:,} orders in all" if estimate > self.result_count else f"{self.result_count} here"
        is_whole = page.older_before is None and page.newer_after is None
        return f"{self.result_count:,} found" if is_whole else f"{self.result_count:,} on this page"

    def address_of(self, **key: int | None) -> str:
        """Return the address of another page of what this one is narrowed to."""
        query = self.query_of_filter()
        for name, value in key.items():
            query[name] = str(value)
        return f"?{query.urlencode()}"

    def query_of_filter(self) -> QueryDict:
        """Return what of the address narrows the list."""
        query = QueryDict(mutable=True)
        for name in (*OrderFilterForm.base_fields, SEARCH):
            if value := self.params.get(name):
                query[name] = value
        return query

    def deeds(self) -> list[tuple[str, str]]:
        """List what can be done about everything the filter shows: name and title."""
        return [(name, deed.title) for name, deed in DEEDS_ON_MANY.items()]

    @property
    def status_tabs(self) -> list[tuple[str, str, bool]]:
        """List the statuses to choose from by one click: title, address and whether it is the chosen one."""
        query, chosen = self.query_of_filter(), self.params.get("status", "")
        tabs = []
        for word in ("", *(status.value for status in Status)):
            query.pop("status", None)
            if word:
                query["status"] = word
            tabs.append((word or "All", f"?{query.urlencode()}", word == chosen))
        return tabs

    @property
    def filter_items(self) -> list[tuple[str, str]]:
        """List what of the address narrows the list, to repeat it in a form."""
        return [(name, value) for name, values in self.query_of_filter().lists() for value in values]

    @property
    def newest_address(self) -> str:
        """Return where the newest are."""
        return self.address_of()

    @property
    def older_address(self) -> str | None:
        """Return where the next older ones are, if any."""
        return None if self.page.older_before is None else self.address_of(before=self.page.older_before)

    @property
    def newer_address(self) -> str | None:
        """Return where the next newer ones are, if any."""
        return None if self.page.newer_after is None else self.address_of(after=self.page.newer_after)


def _key(said: str | None) -> int | None:
    number = parse_id(said or "")
    return None if number is None else min(number, ID_MAX)
