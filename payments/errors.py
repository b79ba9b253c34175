"""Why a payment did not begin, or why its money was not credited."""

from decimal import Decimal

from panel.errors import DomainError


class GatewayNotOffered(DomainError):
    """There is no such way to pay for this wallet, or it is switched off."""


class AmountTooLow(DomainError):
    """Less than the gateway takes."""

    def __init__(self, *, minimum: Decimal, currency: str) -> None:
        super().__init__(minimum, currency)
        self.minimum = minimum
        self.currency = currency


class AmountTooHigh(DomainError):
    """More than the gateway takes."""

    def __init__(self, *, maximum: Decimal, currency: str) -> None:
        super().__init__(maximum, currency)
        self.maximum = maximum
        self.currency = currency


class TooFineAmount(DomainError):
    """The currency has no coins as small as that."""

    def __init__(self, *, step: Decimal, currency: str) -> None:
        super().__init__(step, currency)
        self.step = step
        self.currency = currency


class FeeTakesAll(DomainError):
    """The fee is not less than what arrives: there would be nothing to credit."""


class TooManyOpenPayments(DomainError):
    """The customer has begun more payments than anybody can follow."""


class PaymentNotFound(DomainError):
    """No such payment, or somebody else's."""


class PaymentOver(DomainError):
    """The payment is in a state in which this cannot be done any more."""


class NotForHands(DomainError):
    """The gateway reports on this payment itself; staff have nothing to decide."""


class GatewayUnreachable(DomainError):
    """The gateway did not answer, or not sensibly; asking again may help and pays nothing twice."""


class GatewayRefused(DomainError):
    """The gateway does not take this payment; asking again will not help."""


class CouponUnknown(DomainError):
    """No coupon of this code can be used now: there is none, it is over, or for another currency."""


class TooManyCouponTries(DomainError):
    """So many codes were wrong that none is looked up for a while."""


class CouponUsed(DomainError):
    """The customer has used it as often as one may."""


class CouponUsedUp(DomainError):
    """All customers together have used it as often as they may."""


class CouponNeedsMore(DomainError):
    """It is for larger payments."""

    def __init__(self, *, minimum: Decimal, currency: str) -> None:
        super().__init__(minimum, currency)
        self.minimum = minimum
        self.currency = currency


class GiftChanged(DomainError):
    """A coupon or bonus rule is not what it was when somebody asked to switch it on."""


class GiftSwitchedAlready(DomainError):
    """It is on, or off, already."""
