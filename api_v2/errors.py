"""Every text an API client can read as an error; they are nowhere else.

Clients match on these texts, so they never change; a test freezes the table.
"""

from collections.abc import Callable
from typing import Any

from accounts.errors import AccountSuspended, InvalidApiKey
from orders.errors import (
    CancelNotAvailable,
    DripfeedIncomplete,
    DripfeedNotOffered,
    OrderAlreadyCompleted,
    OrderNotEligibleForRefill,
    OrderNotFound,
    ParameterMissing,
    QuantityTooHigh,
    QuantityTooLow,
    RefillNotAvailable,
    RefillNotFound,
    ServiceNotActive,
)
from panel.errors import DomainError
from wallet.errors import InsufficientBalance


class IncorrectRequest(DomainError):
    """The request has not the shape of the protocol; `detail` says in a sentence what is wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class RateLimitExceeded(DomainError):
    """The key, or the address that guesses keys, asks too much."""


INCORRECT_REQUEST = "Incorrect request"
INTERNAL_ERROR = "Internal error"

TEXTS: dict[type[DomainError], str] = {
    InvalidApiKey: "Invalid API key",
    AccountSuspended: "Account suspended",
    RateLimitExceeded: "Rate limit exceeded",
    IncorrectRequest: INCORRECT_REQUEST,
    ParameterMissing: INCORRECT_REQUEST,
    DripfeedIncomplete: INCORRECT_REQUEST,
    DripfeedNotOffered: INCORRECT_REQUEST,
    ServiceNotActive: "Service is not active",
    QuantityTooLow: "Quantity is too low",
    QuantityTooHigh: "Quantity is too high",
    InsufficientBalance: "Insufficient balance",
    OrderNotFound: "Incorrect order ID",
    OrderAlreadyCompleted: "Order already completed",
    CancelNotAvailable: "Cancel not available",
    RefillNotAvailable: "Refill not available",
    OrderNotEligibleForRefill: "Order not eligible for refill",
    RefillNotFound: "Refill not found",
}

# What stands in `detail` beside "Incorrect request".
_DETAILS: dict[type[DomainError], Callable[[Any], str]] = {
    IncorrectRequest: lambda error: error.detail,
    ParameterMissing: lambda error: f"This service needs the parameter '{error.parameter}'.",
    DripfeedIncomplete: lambda error: "Drip-feed needs both 'runs' and 'interval'.",
    DripfeedNotOffered: lambda error: "This service has no drip-feed; leave out 'runs' and 'interval'.",
}


def describe(error: DomainError) -> dict[str, str]:
    """Turn a refusal into the protocol's error object.

    :raises KeyError: the refusal cannot come from an API action; that is a bug.
    """
    answer = {"error": TEXTS[type(error)]}
    if detail := _DETAILS.get(type(error)):
        answer["detail"] = detail(error)
    return answer
