"""Model fields that several apps share."""

from typing import Any

from django.db import models

from panel.money import DECIMAL_PLACES, MAX_DIGITS

REASON_MAX_CHARACTERS = 300  # of why staff did something, in every table that keeps it


class MoneyField(models.DecimalField):
    """An amount of money or a rate: `numeric(20,5)`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", MAX_DIGITS)
        kwargs.setdefault("decimal_places", DECIMAL_PLACES)
        super().__init__(*args, **kwargs)
