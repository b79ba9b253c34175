"""What customers type to add funds; limits, fees and bonuses are the domain's."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from panel.money import DECIMAL_PLACES, MAX_DIGITS
from payments.gateways.base import Gateway
from payments.models import COUPON_CODE_MAX_CHARACTERS, NOTE_MAX_CHARACTERS, REFERENCE_MAX_CHARACTERS

CODE_TYPED_MAX_CHARACTERS = 2 * COUPON_CODE_MAX_CHARACTERS  # with blanks that were copied along


class QuoteForm(forms.Form):
    """An amount, and how it will be paid."""

    gateway = forms.TypedChoiceField(
        label=_("How you pay"), coerce=int, error_messages={"required": _("Choose how you want to pay.")}
    )
    amount = forms.DecimalField(
        label=_("Amount"),
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
        error_messages={"required": _("Enter the amount you want to pay.")},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"}),
    )
    coupon = forms.CharField(
        label=_("Coupon code"),
        required=False,
        max_length=CODE_TYPED_MAX_CHARACTERS,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, gateways: Sequence[Gateway], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["gateway"].choices = [  # type: ignore[attr-defined]
            (gateway.settings.pk, gateway.settings.label) for gateway in gateways
        ]


class AddFundsForm(QuoteForm):
    """The same, meant."""

    # One per form shown: a form sent twice makes one payment.
    request_id = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput())


class ReferenceForm(forms.Form):
    """By what staff find the money."""

    reference = forms.CharField(
        label=_("Reference"),
        max_length=REFERENCE_MAX_CHARACTERS,
        help_text=_("The sender’s name and the number of the transfer, or the transaction hash."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=NOTE_MAX_CHARACTERS,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class IncomingForm(forms.Form):
    """Where a page of the deposits ends; anything senseless counts as not given."""

    before = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z"])
