"""What a statement is narrowed to."""

from datetime import date
from typing import Any

from django import forms
from django.core.validators import MinValueValidator
from django.utils.translation import gettext_lazy as _

from wallet.statements import Kind

FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(9990, 1, 1)  # midnights of other days may not be times at all


class DayField(forms.DateField):
    """A day, as browsers send it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            input_formats=["%Y-%m-%d"],
            validators=[MinValueValidator(FIRST_DAY)],
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            **kwargs,
        )

    def clean(self, value: Any) -> Any:
        """Return the day; days nobody will see are the last one."""
        day = super().clean(value)
        return min(day, LAST_DAY) if day else None


class PeriodForm(forms.Form):
    """A period, a kind of lines, and where the page ends: never before the first line."""

    kind = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        choices=[
            ("", _("All lines")),
            (Kind.CHARGE, _("Charges")),
            (Kind.REFUND, _("Refunds")),
            (Kind.DEPOSIT, _("Deposits")),
            (Kind.BONUS, _("Bonuses")),
            (Kind.ADJUSTMENT, _("Adjustments")),
        ],
    )
    since = DayField(label=_("From"))
    until = DayField(label=_("To"))
    before = forms.IntegerField(min_value=2, max_value=2**31 - 1, required=False)

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        data = super().clean() or self.cleaned_data
        if data.get("since") and data.get("until") and data["until"] < data["since"]:
            self.add_error("until", _("This day is before the first one."))
        return data
