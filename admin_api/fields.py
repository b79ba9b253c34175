"""How the Admin API writes what it is sent and what it answers: ids, moments, money, statuses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import Currency
from panel.money import MAX_AMOUNT, format_amount, format_rate

ID_MAX = 2**31 - 1  # an order's; other ids are longer columns, but nobody has so many rows
LISTED_IDS_MAX = 1000  # as many as a page holds
CHANGED_IDS_MAX = 100  # each is changed in a transaction of its own
SECONDS_MAX = 32_503_680_000  # the year 3000
_ID = re.compile(r"[1-9][0-9]{0,9}")

_ID_SCHEMA = {"type": "integer", "minimum": 1, "maximum": ID_MAX}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,99}$", "example": "1832047,1832048"},
            _ID_SCHEMA,
            {"type": "array", "items": _ID_SCHEMA, "minItems": 1, "maxItems": CHANGED_IDS_MAX},
        ]
    }
)
class IdsField(serializers.Field[Sequence[int], Any, str, Any]):
    """Ids as an array, as a text with commas between, or a single one."""

    most = CHANGED_IDS_MAX

    def to_internal_value(self, data: Any) -> list[int]:
        """Read ids; each once, in the order they came.

        :raises ValidationError: there are none, too many, or something else is among them.
        """
        found: dict[int, None] = {}
        parts = data if isinstance(data, list) else str(data).split(",") if isinstance(data, str | int) else []
        for part in parts:
            text = str(part).strip() if isinstance(part, str | int) and not isinstance(part, bool) else ""
            if not text and isinstance(part, str):
                continue
            if not _ID.fullmatch(text) or int(text) > ID_MAX:
                raise serializers.ValidationError("Ids are whole numbers, in an array or with commas between.")
            found[int(text)] = None
        if not found:
            raise serializers.ValidationError("Name at least one id.")
        if len(found) > self.most:
            raise serializers.ValidationError(f"At most {self.most} ids at once.")
        return list(found)


@extend_schema_field({"type": "string", "pattern": r"^[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,999}$"})
class ListedIdsField(IdsField):
    """Ids of what to list, with commas between."""

    most = LISTED_IDS_MAX


class WordsField(serializers.Field[Sequence[str], str, str, Any]):
    """One or several known words with commas between."""

    def __init__(self, *, words: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.words = tuple(words)
        one = f"({'|'.join(self.words)})"
        set_override(self, "field", {"type": "string", "pattern": f"^{one}(,{one}){{0,{len(words) - 1}}}$"})

    def to_internal_value(self, data: str) -> list[str]:
        """Read the words.

        :raises ValidationError: one is not known.
        """
        wanted = [word for word in str(data).split(",") if word]
        if not wanted or not set(wanted) <= set(self.words):
            raise serializers.ValidationError(f"Must be of: {', '.join(self.words)}.")
        return wanted


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": SECONDS_MAX, "example": 1_764_547_200})
class SecondsField(serializers.Field[datetime, Any, int, Any]):
    """A moment in seconds since 1970."""

    def to_internal_value(self, data: Any) -> datetime:
        """Read a moment.

        :raises ValidationError: it is no whole number, or of no year that matters.
        """
        number = serializers.IntegerField(min_value=0, max_value=SECONDS_MAX)
        return datetime.fromtimestamp(number.run_validation(data), tz=UTC)

    def to_representation(self, value: datetime) -> int:
        """Write a moment."""
        return int(value.timestamp())


@extend_schema_field({"type": "string", "example": "2026-11-23 09:30:00"})
class MomentField(serializers.DateTimeField):
    """A moment in UTC as people read it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="%Y-%m-%d %H:%M:%S", default_timezone=UTC, **options)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency."""

    amount: Decimal
    currency: str


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "value": {"type": "string"},
            "currency_code": {"type": "string"},
            "formatted": {"type": "string"},
        },
        "required": ["value", "currency_code", "formatted"],
        "example": {"value": "0.85000", "currency_code": "USD", "formatted": "$0.85"},
    }
)
class MoneyField(serializers.Field[Money, Any, dict[str, str], Any]):
    """Money to read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Money) -> dict[str, str]:
        """Write an amount with its currency."""
        shown = format_rate(abs(value.amount))
        symbol = self._symbols().get(value.currency)
        sign = "-" if value.amount < 0 else ""
        return {
            "value": format_amount(value.amount),
            "currency_code": value.currency,
            "formatted": f"{sign}{symbol}{shown}" if symbol else f"{sign}{shown} {value.currency}",
        }

    def _symbols(self) -> dict[str, str]:
        """Read the few currencies once for an answer."""
        context: Any = self.context  # of the whole answer, which begins with an empty one
        if "symbols" not in context:
            context["symbols"] = dict(Currency.objects.values_list("code", "symbol"))
        symbols: dict[str, str] = context["symbols"]
        return symbols


class AmountField(serializers.DecimalField):
    """An amount to move, above zero, in the wallet's currency."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=20, decimal_places=5, min_value=Decimal("0.00001"), max_value=MAX_AMOUNT, **options)


def base_money(amount: Decimal) -> Money:
    """Return money in the base currency."""
    return Money(amount, settings.BASE_CURRENCY)
