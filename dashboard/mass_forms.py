"""What customers send to order many things at once: lines or a file, and later their word that they agree."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext, gettext_lazy, ngettext

from dashboard import mass_lines
from dashboard.mass_lines import Line
from orders.mass_orders import LINES_MAX
from panel.money import DECIMAL_PLACES, MAX_DIGITS

# A file's text goes through a form a second time, when the customer agrees: it must fit into a request.
TEXT_MAX_BYTES = 900_000
KILOBYTE = 1000


class MassOrderForm(forms.Form):
    """Lines, pasted or in a file. `lines` holds what was read, `text` what it was read from."""

    lines: Sequence[Line] = ()

    text = forms.CharField(
        label=gettext_lazy("Lines"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 12,
                "spellcheck": "false",
                "autocomplete": "off",
                "wrap": "off",
                "maxlength": TEXT_MAX_BYTES,
                "placeholder": "1042|https://instagram.com/your_handle|1000",
            }
        ),
        help_text=gettext_lazy("One order a line: service ID, link, quantity. Tabs and commas separate them too."),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a CSV file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
        help_text=gettext_lazy("UTF-8, with or without a first line that names the columns service, link, quantity."),
    )

    def clean_text(self) -> str:
        """Refuse more than a request may bring."""
        text: str = self.cleaned_data["text"]
        if len(text.encode()) > TEXT_MAX_BYTES:
            raise forms.ValidationError(_too_large())
        return text

    def clean_file(self) -> str:
        """Return the file's text."""
        file: UploadedFile | None = self.cleaned_data["file"]
        if file is None:
            return ""
        if (file.size or 0) > TEXT_MAX_BYTES:
            raise forms.ValidationError(_too_large())
        try:
            # With or without the mark that spreadsheets put before UTF-8.
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError(
                gettext("This file is not in UTF-8. Save it again and choose “CSV UTF-8” as its type.")
            ) from None
        if "\0" in text:
            raise forms.ValidationError(gettext("This is no text file. Save your table as CSV."))
        if not text.strip():
            raise forms.ValidationError(gettext("This file is empty."))
        return text

    def clean(self) -> dict[str, Any]:
        """Read the lines from whichever was given."""
        data = super().clean() or {}
        if self.errors:
            return data
        if data["text"].strip() and data["file"]:
            self.add_error("file", gettext("Paste lines or choose a file, not both."))
            return data
        data["text"] = data["file"] or data["text"]
        self.lines = mass_lines.read_lines(data["text"])
        if not self.lines:
            self.add_error("text", gettext("There is no line to order. Write one order a line."))
        elif len(self.lines) > LINES_MAX:
            self.add_error(
                "text",
                ngettext(
                    "These are %(count)s lines. One mass order takes %(most)s line.",
                    "These are %(count)s lines. One mass order takes %(most)s; send the others in another one.",
                    LINES_MAX,
                )
                % {"count": f"{len(self.lines):,}", "most": f"{LINES_MAX:,}"},
            )
        return data


class AgreementForm(forms.Form):
    """What the customer saw when agreeing: how many lines, what they cost, and the form's own token."""

    token = forms.UUIDField()
    count = forms.IntegerField(min_value=1, max_value=LINES_MAX)
    total = forms.DecimalField(min_value=Decimal(0), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)


class LinesPageForm(forms.Form):
    """Which lines of a mass order to list; anything senseless in an address counts as not given."""

    after = forms.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    state = forms.ChoiceField(choices=[("refused", "refused")], required=False)


def _too_large() -> str:
    return gettext("This is more than %(most)d KB. Split it and send the parts one after the other.") % {
        "most": TEXT_MAX_BYTES // KILOBYTE
    }
