"""Bank transfers, crypto currencies and the like: the customer pays by instructions, staff look whether it arrived."""

from datetime import timedelta

from payments.gateways.base import Addresses, Gateway, Instructions, Redirect
from payments.models import Payment


class ManualTransfer(Gateway):
    """Needs nothing but its instructions."""

    expires_after = timedelta(days=14)  # a bank transfer between two countries, with holidays
    starts_within = expires_after

    @property
    def asks_for_reference(self) -> bool:
        """Staff find the money by what the customer says."""
        return True

    def start(self, payment: Payment, *, addresses: Addresses) -> Instructions | Redirect:
        """Show the instructions; they may name the payment's number as {payment}, which people then write."""
        return Instructions(self.settings.instructions.replace("{payment}", str(payment.pk)))
