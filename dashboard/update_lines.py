"""Changes of services in the customer's words, at the prices everybody sees. Pure: no queries, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from itertools import groupby

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog import rates
from catalog.models import Service, ServiceUpdate
from catalog.types import TYPES
from panel.money import ZERO

Field = ServiceUpdate.Field

_LIMITS: dict[str, Promise] = {Field.MIN: _("Minimum"), Field.MAX: _("Maximum")}
_SWITCHES: dict[str, tuple[Promise, Promise]] = {
    Field.REFILL: (_("Refill is offered now"), _("Refill is no longer offered")),
    Field.CANCEL: (_("Can be canceled now"), _("Can no longer be canceled")),
    Field.IS_ACTIVE: (_("On sale"), _("Taken off sale")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One change. A price has an amount before or after it; anything else says all in `title`."""

    service: Service
    at: datetime
    title: str
    old: Decimal | None = None
    new: Decimal | None = None
    is_price: bool = False
    is_new: bool = False
    is_off: bool = False  # it can no longer be ordered

    @property
    def is_flat(self) -> bool:
        """Say whether its price is for one instead of per 1000."""
        return TYPES[self.service.type].flat_rate

    @property
    def direction(self) -> str:
        """Say whether a price, or a limit, went up or down; neither when it looks the same in this currency."""
        if self.old is None or self.new is None or self.old == self.new:
            return ""
        return "up" if self.new > self.old else "down"


@dataclass(frozen=True, slots=True)
class Day:
    """The changes of one day, newest first."""

    date: date
    lines: list[Line]


def list_days(updates: Iterable[ServiceUpdate], *, currency_rate: Decimal, zone: tzinfo) -> list[Day]:
    """Tell changes, newest first, by day on the reader's calendar.

    :param currency_rate: units of the reader's currency per unit of the base currency.
    """
    lines = (describe_update(update, currency_rate=currency_rate) for update in updates)
    return [Day(day, list(group)) for day, group in groupby(lines, key=lambda line: line.at.astimezone(zone).date())]


def describe_update(update: ServiceUpdate, *, currency_rate: Decimal) -> Line:
    """Tell one change."""
    service, at = update.service, update.at
    if update.field == Field.ADDED:
        return Line(service, at, gettext("New"), new=_convert(update.new, currency_rate), is_price=True, is_new=True)
    if update.field == Field.RATE:
        old, new = (_convert(text, currency_rate) for text in (update.old, update.new))
        return Line(service, at, gettext("Rate"), old=old, new=new, is_price=True)
    if update.field in _LIMITS:
        return Line(service, at, str(_LIMITS[update.field]), old=Decimal(update.old), new=Decimal(update.new))
    on, off = _SWITCHES[update.field]
    is_on = update.new == "true"
    return Line(service, at, str(on if is_on else off), is_off=update.field == Field.IS_ACTIVE and not is_on)


def _convert(text: str, currency_rate: Decimal) -> Decimal:
    return rates.customer_rate(rate=Decimal(text), custom_rate=None, discount_percent=ZERO, currency_rate=currency_rate)
