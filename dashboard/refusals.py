"""What the pages say when the domain says no; the API has its own texts."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext

from accounts.api_keys import KEYS_MAX
from accounts.errors import AccountSuspended, EmailTaken, InvalidApiKey, TooManyApiKeys, UsernameTaken
from orders.errors import (
    CancelNotAvailable,
    DripfeedIncomplete,
    DripfeedNotOffered,
    OrderAlreadyCompleted,
    OrderNotEligibleForRefill,
    ParameterMissing,
    QuantityTooHigh,
    QuantityTooLow,
    RefillNotAvailable,
    ServiceNotActive,
)
from panel.errors import DomainError
from wallet.errors import InsufficientBalance

SENTENCES: dict[type[DomainError], str | Callable[[Any], str]] = {
    AccountSuspended: "Your account is suspended. Contact support to have it looked at.",
    InvalidApiKey: "This key is already revoked.",
    UsernameTaken: lambda _: gettext("Somebody else has this user name. Choose another one."),
    EmailTaken: lambda _: gettext("Another account uses this address. Contact support if it is yours."),
    TooManyApiKeys: f"You have {KEYS_MAX} live keys, the most one account can have. Revoke one first.",
    ServiceNotActive: "This service is no longer on sale. Choose another one.",
    ParameterMissing: "This service needs this field.",
    DripfeedIncomplete: "Fill in both runs and interval, or leave both empty.",
    DripfeedNotOffered: "This service cannot be delivered in runs.",
    QuantityTooLow: lambda error: f"Too few: {error.quantity:,}. The minimum of this service is {error.minimum:,}.",
    QuantityTooHigh: lambda error: f"Too many: {error.quantity:,}. The maximum of this service is {error.maximum:,}.",
    InsufficientBalance: "Your balance does not cover this order.",
    OrderAlreadyCompleted: "This order has ended; there is nothing left to cancel.",
    CancelNotAvailable: "This service cannot be canceled once ordered.",
    RefillNotAvailable: "This service has no refill, or the time for it is over.",
    OrderNotEligibleForRefill: "A refill is possible once the order is delivered and no other refill of it is running.",
}


def sentence_for(error: DomainError | type[DomainError]) -> str:
    """Say a refusal to a customer."""
    kind = error if isinstance(error, type) else type(error)
    sentence = SENTENCES[kind]
    return sentence if isinstance(sentence, str) else sentence(error)
