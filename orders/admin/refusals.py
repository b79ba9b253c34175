"""What staff read when a decision of theirs is refused; nothing has moved then."""

from orders.errors import (
    OrderAlreadyCompleted,
    ProviderOrderMissing,
    ProviderOrderTaken,
    ProviderOrderUnreadable,
    ReviewAlreadyResolved,
    ReviewNotFound,
    RunInFlight,
    RunNotHeld,
)
from panel.errors import DomainError
from wallet.errors import ReasonMissing

REFUSALS: dict[type[DomainError], str] = {
    OrderAlreadyCompleted: "Everything is canceled already; there is nothing left to give back.",
    ProviderOrderMissing: "The provider's order id is needed.",
    ProviderOrderUnreadable: "That is no order id: one number or one word, as the provider shows it.",
    ProviderOrderTaken: "Another run has this provider order id already. Check the id.",
    ReasonMissing: "A reason is needed.",
    ReviewAlreadyResolved: "Somebody else has decided this already.",
    ReviewNotFound: "There is no such review item.",
    RunInFlight: "A part of it is being sent right now or waits for review. Decide that first; nothing was refunded.",
    RunNotHeld: "It is not held: there is no such run, or it was let go or canceled already.",
}
