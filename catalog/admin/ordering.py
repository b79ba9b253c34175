"""The page on which staff put a category's services in order.

A row is an id and a name, and nothing else: categories have thousands of services. Its number in the list is its place.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from catalog import ordering, writers
from catalog.errors import NotOfCategory
from catalog.models import Category
from panel.admin_pages import PanelAdmin, parse_id

ID_MAX = 2**31 - 1  # what fits the column


class OrderForm(forms.Form):
    """The whole order, as a script reads it off the list; and one service for which the way by mouse is too far."""

    ids = forms.CharField(required=False, widget=forms.HiddenInput({"x-ref": "ids"}))
    move = forms.IntegerField(
        label="Move service no.",
        required=False,
        min_value=1,
        max_value=ID_MAX,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    place = forms.IntegerField(
        label="to place",
        required=False,
        min_value=1,
        max_value=ID_MAX,
        help_text="1 is on top; beyond the end is last.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    def clean_ids(self) -> list[int]:
        """Read the order; what is no id is none of the category's services either."""
        words = self.cleaned_data["ids"].split(",") if self.cleaned_data["ids"] else []
        return [parse_id(word) or 0 for word in words]

    def clean(self) -> dict[str, Any]:
        """A service is moved somewhere."""
        data = super().clean() or {}
        if not self.errors and (data["move"] is None) != (data["place"] is None):
            self.add_error("place" if data["place"] is None else "move", "Say which service, and to which place.")
        return data


def show_page(model_admin: PanelAdmin, request: HttpRequest, category: Category) -> HttpResponse:
    """Show the services to be put in order, or write the order that comes back."""
    form = OrderForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            with transaction.atomic():
                moved = _write(model_admin, request, category, form.cleaned_data)
        except NotOfCategory:
            text = "These are not the services of this category. Try again."
            model_admin.message_user(request, text, messages.ERROR)
        else:
            model_admin.message_user(request, f"{moved} services moved.", messages.SUCCESS)
        return redirect("admin:catalog_category_order", category.pk)
    services = category.services.order_by("position", "pk").values_list("pk", "name", "is_active")
    return TemplateResponse(
        request,
        "admin/order_services.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": "Put services in order",
            "category": category,
            "form": form,
            "rows": _rows(list(services)),
        },
    )


def _write(model_admin: PanelAdmin, request: HttpRequest, category: Category, data: dict[str, Any]) -> int:
    """Put them in order, write it into the staff log, and return how many moved.

    :raises NotOfCategory: nothing moves
    """
    writers.sign(writers.Writer.STAFF)
    move = None if data["move"] is None else (data["move"], data["place"])
    moved = ordering.order_services(category_id=category.pk, service_ids=data["ids"], move=move)
    model_admin.log_many(
        request,
        list(moved),
        f"Put the services of {category} in order; {len(moved)} moved.",
        before={str(service.pk): {"position": old} for service, (old, _) in moved.items()},
        after={str(service.pk): {"position": new} for service, (_, new) in moved.items()},
    )
    return len(moved)


def _rows(services: Sequence[tuple[int, str, bool]]) -> SafeString:
    # By a template it takes ten times as long.
    return format_html_join(
        "\n",
        '<li data-id="{}">{} {}{}',
        ((pk, pk, name, "" if is_active else " (off sale)") for pk, name, is_active in services),
    )
