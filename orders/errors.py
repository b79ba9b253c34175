"""Why an order, a cancellation or a refill was refused."""

from panel.errors import DomainError


class ServiceNotActive(DomainError):
    """The service does not exist, is paused, or was removed."""


class ParameterMissing(DomainError):
    """The service's type needs a parameter that was not sent."""

    def __init__(self, *, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class DripfeedIncomplete(DomainError):
    """`runs` came without `interval`, or the reverse."""


class DripfeedNotOffered(DomainError):
    """The service cannot be delivered in runs."""


class QuantityTooLow(DomainError):
    """The order, or one run of it, is below the service's minimum."""

    def __init__(self, *, quantity: int, minimum: int) -> None:
        super().__init__(quantity, minimum)
        self.quantity = quantity
        self.minimum = minimum


class QuantityTooHigh(DomainError):
    """The order is above the service's maximum."""

    def __init__(self, *, quantity: int, maximum: int) -> None:
        super().__init__(quantity, maximum)
        self.quantity = quantity
        self.maximum = maximum


class OrderNotFound(DomainError):
    """No such order of this customer, or it is archived."""


class OrderAlreadyCompleted(DomainError):
    """The order is final; there is nothing left to cancel."""


class CancelNotAvailable(DomainError):
    """The service does not allow cancellation."""


class RefillNotAvailable(DomainError):
    """The service has no refill, or its window is over."""


class OrderNotEligibleForRefill(DomainError):
    """The order is not delivered yet, or a refill of it is open."""


class RefillNotFound(DomainError):
    """No such refill of this customer."""


class ReviewAlreadyResolved(DomainError):
    """Somebody else decided this review item."""


class ProviderOrderMissing(DomainError):
    """Found at the provider, but under which id?"""


class ProviderOrderUnreadable(DomainError):
    """No panel has such an id, and asking for it together with others would spoil their answers."""


class ProviderOrderTaken(DomainError):
    """Another run already has this provider order id."""

    def __init__(self, *, provider_order: str) -> None:
        super().__init__(provider_order)
        self.provider_order = provider_order


class RunNotHeld(DomainError):
    """The run is not held: it is on its way, finished, or was let go by somebody else."""


class ReviewNotFound(DomainError):
    """No such review item."""


class RunInFlight(DomainError):
    """A run is on its way to its provider or waits for review; decide that first."""


class NotForMassOrders(DomainError):
    """A service of this type needs more than a link and a quantity."""

    def __init__(self, *, service_type: str) -> None:
        super().__init__(service_type)
        self.service_type = service_type


class PriceRose(DomainError):
    """An order would cost more than the customer agreed to."""

    def __init__(self, *, agreed: str, charge: str) -> None:
        super().__init__(agreed, charge)
        self.agreed = agreed
        self.charge = charge


class PlacementFailed(DomainError):
    """A line of a mass order could not be placed for a reason that is ours; nothing was charged."""


class MassOrderNotFound(DomainError):
    """No such mass order of this customer."""


class MassOrderAlreadyEnded(DomainError):
    """Nothing of the mass order is left to stop."""


class OrderHasEnded(DomainError):
    """Everything of the order has ended; what did not come is given back, and nothing more is sent for it."""


class RunAtProvider(DomainError):
    """Nothing of the order waits here: a provider has it, and what is sent twice is delivered and paid for twice."""


class RunNotSent(DomainError):
    """A part of the order has not left us, so nobody can have delivered it."""


class NothingToChange(DomainError):
    """It is so already."""


class LinkUnusable(DomainError):
    """No link: empty, too long, or with characters that no address has."""


class StartCountImpossible(DomainError):
    """A counter is a whole number from zero on."""


class RemainsImpossible(DomainError):
    """Less was given back already, or nothing would be delivered or undelivered."""

    def __init__(self, *, least: int, most: int) -> None:
        super().__init__(least, most)
        self.least = least
        self.most = most


class CancelNotRequested(DomainError):
    """Nobody has asked for the order to be canceled."""


class CancelUnderWay(DomainError):
    """The provider is being asked to stop it already."""


class RouteNotOffered(DomainError):
    """The provider has no route of the service in use that takes the run and has not refused it."""


class RouteLosesMoney(DomainError):
    """The route costs more than the customer pays for the run, or its cost is not known."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)
        self.why = why


class ReportImpossible(DomainError):
    """What is reported of a run cannot be: it is not so far, or has ended, or the number cannot be."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class RunNotByHand(DomainError):
    """Nothing of the order waits to be delivered by hand."""


class NotToTakeNow(DomainError):
    """A run waits to be delivered by hand, but is not to be handed out now."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)
        self.why = why


class RunNotTaken(DomainError):
    """Nothing of the order was taken to be delivered by hand, so there is nothing to report on."""


class ProviderNotAsked(DomainError):
    """A provider that staff wanted to ask did not answer, or not so that anybody could read it."""

    def __init__(self, *, evidence: str) -> None:
        super().__init__(evidence)
        self.evidence = evidence


class RefillNotInDoubt(DomainError):
    """The refill has ended, or its provider has answered: nobody has to say what became of it."""
