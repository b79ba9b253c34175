"""What customers write to support, and the files they attach."""

import re
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard.forms import ID_MAX
from dashboard.refusals import sentence_for
from orders.queries import ID_MAX as ORDER_ID_MAX
from support import attachments
from support.attachments import ATTACHMENTS_MAX, Upload
from support.errors import AttachmentTooLarge, AttachmentTypeRefused, TooManyAttachments
from support.files import FilesInput, read_uploads
from support.models import ATTACHMENT_MAX_BYTES, TEXT_MAX_CHARACTERS, TITLE_MAX_CHARACTERS, Ticket
from support.tickets import ORDERS_MAX

ORDERS_MAX_CHARACTERS = 400  # as many ids with commas and blanks between
MEGABYTE = 1024 * 1024

_BETWEEN_IDS = re.compile(r"[\s,;#]+")


class AttachmentsField(forms.Field):
    """Several files, each of a type and size that may be kept."""

    def __init__(self) -> None:
        suffixes = [suffix for group in attachments.SUFFIXES.values() for suffix in group]
        super().__init__(
            label=_("Attachments"),
            required=False,
            help_text=format_lazy(
                _("Up to {count} pictures, PDF or text files of {size} MB each."),
                count=ATTACHMENTS_MAX,
                size=ATTACHMENT_MAX_BYTES // MEGABYTE,
            ),
            widget=FilesInput(attrs={"accept": ",".join(suffixes)}),
        )

    def clean(self, value: Any) -> list[Upload]:
        """Return the files."""
        try:
            uploads = read_uploads(value or [])
        except (TooManyAttachments, AttachmentTooLarge, AttachmentTypeRefused) as refusal:
            raise forms.ValidationError(sentence_for(refusal)) from None
        return uploads


class WordsField(forms.CharField):
    """A text of several lines; a line's end counts as one character, as browsers count it."""

    widget = forms.Textarea(attrs={"rows": 7, "class": "words"})

    def to_python(self, value: Any) -> Any:
        """Return the text with plain line ends."""
        text = super().to_python(value)
        return text.replace("\r\n", "\n").replace("\r", "\n") if text else text


class OrderIdsField(forms.CharField):
    """Several order ids, however they are set apart."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Order IDs"),
            required=False,
            max_length=ORDERS_MAX_CHARACTERS,
            help_text=_("The orders it is about, with commas between."),
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )

    def clean(self, value: Any) -> list[int]:
        """Return the ids, each once."""
        words = [word for word in _BETWEEN_IDS.split(super().clean(value)) if word]
        for word in words:
            if not (word.isascii() and word.isdecimal() and int(word) <= ORDER_ID_MAX):
                raise forms.ValidationError(gettext("“%(word)s” is not an order ID.") % {"word": word})
        ids = list(dict.fromkeys(int(word) for word in words))
        if len(ids) > ORDERS_MAX:
            raise forms.ValidationError(gettext("Name %(most)s orders at most.") % {"most": ORDERS_MAX})
        return ids


class ReplyForm(forms.Form):
    """One message with its files."""

    text = WordsField(label=_("Message"), max_length=TEXT_MAX_CHARACTERS)
    attachments = AttachmentsField()


class TicketForm(ReplyForm):
    """A new ticket: what it is about decides which of the fields count."""

    subject = forms.ChoiceField(label=_("What is it about?"), choices=Ticket.Subject.choices, widget=forms.RadioSelect)
    orders = OrderIdsField()
    title = forms.CharField(label=_("Title"), max_length=TITLE_MAX_CHARACTERS)

    field_order = ("subject", "orders", "title", "text", "attachments")

    def clean_orders(self) -> list[int]:
        """Forget the orders where the subject does not show their field."""
        orders: list[int] = self.cleaned_data["orders"]
        return orders if self.cleaned_data.get("subject") == Ticket.Subject.ORDER else []


class TicketSearchForm(forms.Form):
    """What the list of tickets is narrowed to; anything senseless in an address counts as not given."""

    state = forms.ChoiceField(choices=[("", _("All tickets")), *Ticket.State.choices], required=False)
    before = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)
