"""The page of what one customer pays, and the one that gives a customer the prices of another."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from accounts.models import User
from catalog import customer_prices
from catalog.errors import SameCustomer
from catalog.models import CustomRate, Discount
from panel.admin_actions import ReasonForm, show_form
from panel.admin_facts import Fact
from panel.admin_pages import PanelAdmin, link_to
from panel.money import format_rate

READING = ("catalog.view_customrate", "catalog.view_discount")
COPYING = (
    "catalog.add_customrate", "catalog.change_customrate", "catalog.delete_customrate",
    "catalog.add_discount", "catalog.change_discount", "catalog.delete_discount",
)  # fmt: skip


class CopyForm(ReasonForm):
    """Whose prices to take over."""

    source = forms.CharField(
        label="From customer", help_text="The whole user name.", widget=UnfoldAdminTextInputWidget()
    )
    replaces = forms.BooleanField(
        label="Remove what the other one does not have",
        required=False,
        help_text="Otherwise prices of services for which the other one has none are kept.",
        widget=UnfoldBooleanWidget,
    )

    def clean_source(self) -> User:
        """Find the customer."""
        found = User.objects.filter(username__iexact=self.cleaned_data["source"].strip(), is_staff=False).first()
        if found is None:
            raise forms.ValidationError("There is no such customer.")
        return found


def show_prices(model_admin: PanelAdmin, request: HttpRequest, customer_id: int) -> HttpResponse:
    """List the prices of a customer beside everybody's."""
    if not request.user.has_perms(READING):
        raise PermissionDenied
    customer = get_object_or_404(User, pk=customer_id)
    discount = Discount.objects.filter(customer=customer).first()
    rates = CustomRate.objects.filter(customer=customer).select_related("service").order_by("service_id")
    add_rate, add_discount = (
        f"{reverse(f'admin:catalog_{name}_add')}?customer={customer.pk}" for name in ("customrate", "discount")
    )
    return TemplateResponse(
        request,
        "admin/customer_prices.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": f"What {customer} pays",
            "customer": customer,
            "discount": discount,
            "discount_url": reverse("admin:catalog_discount_change", args=[discount.pk]) if discount else add_discount,
            "add_url": add_rate,
            "may_copy": request.user.has_perms(COPYING),
            "may_add": request.user.has_perm("catalog.add_customrate"),
            "facts": [
                Fact(
                    f"Own prices, {settings.BASE_CURRENCY} per 1000",
                    ("service", "everybody pays", "this customer pays", "difference"),
                    [_row(rate) for rate in rates],
                    "" if rates else "Everybody's prices, less the discount.",
                )
            ],
        },
    )


def copy_from(model_admin: PanelAdmin, request: HttpRequest, customer_id: int) -> HttpResponse:
    """Ask whose prices to take over, and take them."""
    if not request.user.has_perms(COPYING):
        raise PermissionDenied
    customer = get_object_or_404(User, pk=customer_id)
    form = CopyForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _copy(model_admin, request, customer, form):
        return redirect("admin:catalog_customrate_customer", customer.pk)
    return show_form(
        model_admin,
        request,
        form=form,
        title="Copy prices",
        explanation=f"{customer} pays from now on what the other customer pays: the same discount, and the same "
        "prices where some were agreed. Orders that are placed keep their price.",
    )


def _copy(model_admin: PanelAdmin, request: HttpRequest, customer: User, form: CopyForm) -> bool:
    data: dict[str, Any] = form.cleaned_data
    try:
        with transaction.atomic(durable=True):
            done = customer_prices.copy_prices(
                source_id=data["source"].pk, target_id=customer.pk, replaces=data["replaces"]
            )
            text = f"{done.written} prices copied from {data['source']}, {done.removed} removed."
            model_admin.log_deed(
                request,
                customer,
                "catalog.customrate: copy",
                before=done.before,
                after=done.after,
                reason=data["reason"],
                outcome=text,
            )
    except SameCustomer:
        form.add_error("source", "This is the same customer.")
        return False
    model_admin.message_user(request, text, messages.SUCCESS)
    return True


def _row(rate: CustomRate) -> tuple[object, ...]:
    usual = rate.service.rate
    return link_to(rate.service), format_rate(usual), link_to(rate, format_rate(rate.rate)), _compare(rate.rate, usual)


def _compare(rate: Decimal, usual: Decimal) -> str:
    return f"{float(Fraction(rate) / Fraction(usual) - 1):+.1%}" if usual else ""
