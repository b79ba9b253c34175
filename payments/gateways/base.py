"""What every way to pay can do."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

from payments.currencies import smallest_step
from payments.errors import AmountTooHigh, AmountTooLow, TooFineAmount
from payments.models import GatewaySettings, Payment


@dataclass(frozen=True, slots=True)
class Instructions:
    """The customer reads what to do, does it elsewhere, and tells us a reference."""

    text: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """The customer goes to a page of the gateway; `reference` is the gateway's name for the payment."""

    url: str
    reference: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a gateway sends the customer back to."""

    paid: str
    not_paid: str


class Gateway(ABC):
    """One way to pay, as staff have set it up; a new kind of gateway is one subclass and one line in `__init__`."""

    expires_after: ClassVar[timedelta]  # from then on nobody expects the money any more; late money is still credited
    starts_within: ClassVar[timedelta]  # so long may `start` be called; the same payment is never begun twice

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings

    @property
    def is_ready(self) -> bool:
        """Say whether it can be offered: everything it needs is configured."""
        return True

    @property
    def asks_for_reference(self) -> bool:
        """Say whether the customer tells us when the money is on its way."""
        return False

    def check_amount(self, amount: Decimal) -> None:
        """Refuse what this gateway cannot take.

        :raises AmountTooLow: below the minimum.
        :raises AmountTooHigh: above the maximum.
        :raises TooFineAmount: finer than the currency's coins.
        """
        currency = self.settings.currency
        step = smallest_step(currency)
        if amount < self.settings.minimum:
            raise AmountTooLow(minimum=self.settings.minimum, currency=currency)
        if amount > self.settings.maximum:
            raise AmountTooHigh(maximum=self.settings.maximum, currency=currency)
        if amount % step != 0:
            raise TooFineAmount(step=step, currency=currency)

    @abstractmethod
    def start(self, payment: Payment, *, addresses: Addresses) -> Instructions | Redirect:
        """Say what the customer must do. Idempotent; may call the gateway, so never inside a transaction.

        :raises GatewayUnreachable: it may work later.
        :raises GatewayRefused: it will not.
        """
