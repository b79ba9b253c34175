"""What staff read when a payment cannot be decided; nothing has moved then."""

from panel.errors import DomainError
from payments.errors import FeeTakesAll, GiftChanged, GiftSwitchedAlready, NotForHands, PaymentOver
from wallet.errors import AlreadyPosted, AmountRefused, ReasonMissing

REFUSALS: dict[type[DomainError], str] = {
    PaymentOver: "This payment is decided already. Nothing was changed.",
    NotForHands: "This gateway reports its payments itself. Use “Add funds” on the wallet if its money came otherwise.",
    FeeTakesAll: "The fee of this payment is not less than the amount. Nothing was credited.",
    AlreadyPosted: "This reference was credited before. Nothing was credited.",
    AmountRefused: "This amount cannot be posted: it is zero or less, has too many decimals, or is too large.",
    GiftChanged: "What it gives was changed meanwhile. Nothing was switched.",
    GiftSwitchedAlready: "It is so already.",
    ReasonMissing: "A reason is needed.",
}
