"""What staff read when the ledger says no; nothing has moved then."""

from panel.errors import DomainError
from wallet.errors import AlreadyPosted, AmountRefused, InsufficientBalance, ReasonMissing

REFUSALS: dict[type[DomainError], str] = {
    AlreadyPosted: "This form was sent before, or this reference was credited before. Nothing was posted.",
    AmountRefused: "This amount cannot be posted: it is zero or less, has too many decimals, or is too large.",
    InsufficientBalance: "The wallet does not hold as much. Nothing was taken.",
    ReasonMissing: "A reason is needed.",
}
