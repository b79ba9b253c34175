"""The page that raises or lowers many prices by a percentage, and shows what that makes first."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from catalog import repricing, writers
from catalog.errors import PricesMoved, PriceTooHigh
from catalog.models import Category, Service
from catalog.repricing import NewPrice
from panel.admin_facts import Fact
from panel.admin_pages import PanelAdmin, link_to
from panel.money import format_rate
from providers.models import Provider

SELECTED_MAX = 5000  # ids in one form
ID = re.compile("[0-9]{1,9}")  # what fits the column
SHOWN_MAX = 500  # rows that anybody looks through; the figures above them are of all


class RepriceForm(forms.Form):
    """Whose prices, and by how much."""

    ids = forms.CharField(required=False, widget=forms.HiddenInput())
    seen = forms.CharField(required=False, widget=forms.HiddenInput())
    category = forms.ModelChoiceField(
        Category.objects.order_by("position", "pk"), required=False, empty_label="any", widget=UnfoldAdminSelectWidget()
    )
    provider = forms.ModelChoiceField(
        Provider.objects.order_by("name", "pk"),
        required=False,
        empty_label="any",
        label="Bought at",
        widget=UnfoldAdminSelectWidget(),
    )
    percent = forms.DecimalField(
        label="Change, %",
        min_value=-99,
        max_value=1000,
        max_digits=6,
        decimal_places=2,
        help_text="5 makes everything five percent dearer, −5 cheaper.",
        widget=UnfoldAdminDecimalFieldWidget(),
    )
    rounding = forms.ChoiceField(label="Rounded", choices=Provider.Rounding.choices, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Who comes with a selection means it; the other two are for those who come without.
        if (self.data if self.is_bound else self.initial).get("ids"):
            for name in ("category", "provider"):
                self.fields[name].widget = forms.HiddenInput()

    def clean_ids(self) -> list[int]:
        """Read what was selected in the list."""
        words = self.cleaned_data["ids"].split(",") if self.cleaned_data["ids"] else []
        if len(words) > SELECTED_MAX or not all(map(ID.fullmatch, words)):
            raise ValidationError("This selection cannot be read.")
        return [int(word) for word in words]

    def clean(self) -> dict[str, Any]:
        """Never mean everything by saying nothing."""
        data = super().clean() or {}
        if not self.errors and not (data["ids"] or data["category"] or data["provider"]):
            raise ValidationError("Choose a category or a provider, or select services in the list.")
        return data

    def find(self) -> QuerySet[Service]:
        """Return the services that are meant."""
        data, found = self.cleaned_data, Service.objects.all()
        if data["ids"]:
            return found.filter(pk__in=data["ids"])
        if data["category"]:
            found = found.filter(category=data["category"])
        if data["provider"]:
            bought = data["provider"].routes.filter(is_active=True, gone_at=None).values("service")
            found = found.filter(pk__in=bought)
        return found


def show_page(model_admin: PanelAdmin, request: HttpRequest) -> HttpResponse:
    """Ask; show what it makes; write it when it is still the same."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        usual = {"ids": request.GET.get("ids", ""), "rounding": Provider.Rounding.NONE}
        return _render(model_admin, request, form=RepriceForm(initial=usual))
    form = RepriceForm(request.POST)
    if not form.is_valid():
        return _render(model_admin, request, form=form)
    how = {"percent": form.cleaned_data["percent"], "step": Decimal(form.cleaned_data["rounding"])}
    try:
        if "write" in request.POST:
            try:
                with transaction.atomic():
                    writers.sign(writers.Writer.STAFF)
                    written = repricing.write(form.find(), **how, seen=form.cleaned_data["seen"])
                    model_admin.log_many(
                        request,
                        [price.service for price in written],
                        f"{len(written)} prices changed by {how['percent']} %.",
                        before={str(price.service.pk): str(price.old) for price in written},
                        after={str(price.service.pk): str(price.new) for price in written},
                    )
            except PricesMoved:
                form.add_error(None, "Something changed since this was shown. Nothing was written; this is how it is.")
            else:
                model_admin.message_user(request, f"{len(written)} prices changed.", messages.SUCCESS)
                return redirect("admin:catalog_service_changelist")
        prices = repricing.work_out(form.find(), **how)
    except PriceTooHigh as error:
        form.add_error("percent", f"The price of service {error.service_id} would be too high.")
        return _render(model_admin, request, form=form)
    return _render(model_admin, request, form=form, prices=prices)


def _render(
    model_admin: PanelAdmin, request: HttpRequest, *, form: RepriceForm, prices: list[NewPrice] | None = None
) -> HttpResponse:
    shown: dict[str, Any] = {}
    if prices is not None:
        changing = [price for price in prices if price.changes]
        following = sum(price.follows for price in prices)
        shown = {
            "seen": repricing.seal(prices),
            "changing": len(changing),
            "following": following,
            "same": len(prices) - len(changing) - following,
            "losing": sum(price.loses for price in changing),
            "facts": [_tell(prices)],
        }
    return TemplateResponse(
        request,
        "admin/reprice.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": "Change prices",
            "form": form,
            "previewed": prices is not None,
            **shown,
        },
    )


def _tell(prices: list[NewPrice]) -> Fact:
    # First what one should look at twice.
    ordered = sorted(prices, key=lambda price: (not price.changes, not price.loses, price.service.pk))
    return Fact(
        "Before and after",
        ("service", "before", "after", "cost", "margin after", ""),
        [
            (
                link_to(price.service),
                format_rate(price.old),
                format_rate(price.old if price.follows else price.new),
                "" if price.cost is None else format_rate(price.cost),
                "" if price.margin is None or price.follows else f"{price.margin:.1f} %",
                _remark(price),
            )
            for price in ordered[:SHOWN_MAX]
        ],
        more=f"The first {SHOWN_MAX} of {len(prices)}." if len(prices) > SHOWN_MAX else "",
    )


def _remark(price: NewPrice) -> str:
    if price.follows:
        return "follows its provider: change its markup"
    if price.loses:
        return "costs more than it brings"
    return "" if price.changes else "stays"
