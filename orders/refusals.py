"""What staff read when a decision of theirs is refused; nothing has moved then."""

from orders.errors import (
    CancelUnderWay,
    LinkUnusable,
    NothingToChange,
    OrderAlreadyCompleted,
    OrderHasEnded,
    OrderNotFound,
    ProviderOrderMissing,
    ProviderOrderTaken,
    ProviderOrderUnreadable,
    RemainsImpossible,
    ReviewAlreadyResolved,
    ReviewNotFound,
    RouteLosesMoney,
    RouteNotOffered,
    RunAtProvider,
    RunInFlight,
    RunNotHeld,
    RunNotSent,
    StartCountImpossible,
)
from panel.errors import DomainError
from wallet.errors import ReasonMissing

REFUSALS: dict[type[DomainError], str] = {
    CancelUnderWay: "The provider is being asked to stop it already.",
    LinkUnusable: "That is no link: it is empty, longer than 2,048 characters, or has characters no address has.",
    NothingToChange: "It is so already.",
    OrderAlreadyCompleted: "Everything is canceled already; there is nothing left to give back.",
    OrderHasEnded: "The order has ended, and what did not come was given back. Nothing more is done for it.",
    OrderNotFound: "There is no such order.",
    ProviderOrderMissing: "The provider's order id is needed.",
    ProviderOrderUnreadable: "That is no order id: one number or one word, as the provider shows it.",
    ProviderOrderTaken: "Another run has this provider order id already. Check the id.",
    ReasonMissing: "A reason is needed.",
    RemainsImpossible: "That many cannot remain: less than was given back already, or none, or all of it.",
    ReviewAlreadyResolved: "Somebody else has decided this already.",
    ReviewNotFound: "There is no such review item.",
    RouteLosesMoney: "Sent there it would cost more than the customer pays. Accept the loss, or leave it.",
    RouteNotOffered: "That provider has no route of the service in use that takes it and has not refused it.",
    RunAtProvider: "A provider has it. Sent once more, it would be delivered and paid for twice.",
    RunInFlight: "A part of it is being sent right now or waits for review. Decide that first; nothing was refunded.",
    RunNotHeld: "It is not held: there is no such run, or it was let go or canceled already.",
    RunNotSent: "A part of it has not left us, so nobody can have delivered it. Cancel and refund that first.",
    StartCountImpossible: "A start count is a whole number from zero on.",
}
