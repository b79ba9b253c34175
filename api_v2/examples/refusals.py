"""Every error text: when it comes, what to do about it, and a request that gets it."""

from accounts.errors import AccountSuspended, InvalidApiKey
from api_v2.errors import INTERNAL_ERROR, TEXTS, IncorrectRequest, RateLimitExceeded, describe
from api_v2.examples.shapes import LINK, Example, Refusal
from orders.errors import (
    CancelNotAvailable,
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


def _add(slug: str, answer: DomainError, **changes: str) -> Example:
    """Return an example of an `add` that is refused."""
    params = {"action": "add", "service": "1042", "link": LINK, "quantity": "1000", **changes}
    return Example(slug, params, describe(answer))


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        TEXTS[InvalidApiKey],
        when="The key is missing, wrong, revoked or rotated.",
        remedy="Check the key, or make a fresh one.",
        example=Example(
            "error-key", {"action": "balance"}, describe(InvalidApiKey()), key="00000000000000000000000000000000"
        ),
    ),
    Refusal(
        TEXTS[AccountSuspended],
        when="Your account is suspended.",
        remedy="Contact support.",
        example=Example("error-suspended", {"action": "balance"}, describe(AccountSuspended())),
    ),
    Refusal(
        TEXTS[RateLimitExceeded],
        when="More than 60 requests a second on one key, for more than a minute; or too many wrong keys from one "
        "address.",
        remedy="Slow down and use the calls for many IDs; or ask for a higher limit.",
        example=Example("error-rate", {"action": "balance"}, describe(RateLimitExceeded())),
    ),
    Refusal(
        TEXTS[IncorrectRequest],
        when="The action is unknown, a parameter is missing or malformed, or there are more than 100 IDs.",
        remedy="Read the second field, detail: it says what is wrong.",
        example=Example(
            "error-request",
            {"action": "add", "service": "3003", "link": LINK},
            describe(ParameterMissing(parameter="comments")),
        ),
    ),
    Refusal(
        TEXTS[ServiceNotActive],
        when="The service is paused, removed, or never was.",
        remedy="Read the catalog again.",
        example=_add("error-service", ServiceNotActive(), service="9999"),
    ),
    Refusal(
        TEXTS[QuantityTooLow],
        when="The order, or one run of it, is below the service's min.",
        remedy="Order more, or in fewer runs.",
        example=_add("error-low", QuantityTooLow(quantity=49, minimum=50), quantity="49"),
    ),
    Refusal(
        TEXTS[QuantityTooHigh],
        when="The order is above the service's max.",
        remedy="Split it into several orders.",
        example=_add("error-high", QuantityTooHigh(quantity=100_001, maximum=100_000), quantity="100001"),
    ),
    Refusal(
        TEXTS[InsufficientBalance],
        when="Your wallet would go below zero.",
        remedy="Top up before you retry.",
        example=_add("error-balance", InsufficientBalance()),
    ),
    Refusal(
        TEXTS[OrderNotFound],
        when="The order does not exist on your account, or has been archived.",
        remedy="Check the ID.",
        example=Example("error-order", {"action": "status", "order": "1832048"}, describe(OrderNotFound())),
    ),
    Refusal(
        TEXTS[OrderAlreadyCompleted],
        when="The order to cancel is Completed, Partial or Canceled.",
        remedy="Nothing: it has ended.",
        example=Example(
            "error-completed",
            {"action": "cancel", "orders": "1832048"},
            [{"order": 1832048, "cancel": describe(OrderAlreadyCompleted())}],
        ),
    ),
    Refusal(
        TEXTS[CancelNotAvailable],
        when="The service has no cancel.",
        remedy="Look at the cancel flag in the catalog first.",
        example=Example(
            "error-cancel",
            {"action": "cancel", "orders": "1832047"},
            [{"order": 1832047, "cancel": describe(CancelNotAvailable())}],
        ),
    ),
    Refusal(
        TEXTS[RefillNotAvailable],
        when="The service has no refill, or its time for refills is over.",
        remedy="Look at the refill flag in the catalog first.",
        example=Example("error-refill", {"action": "refill", "order": "1832047"}, describe(RefillNotAvailable())),
    ),
    Refusal(
        TEXTS[OrderNotEligibleForRefill],
        when="The order is not delivered yet, or a refill of it is open.",
        remedy="Ask again once the order is Completed or Partial and its last refill has ended.",
        example=Example(
            "error-eligible", {"action": "refill", "order": "1832047"}, describe(OrderNotEligibleForRefill())
        ),
    ),
    Refusal(
        TEXTS[RefillNotFound],
        when="No refill of your orders has this ID.",
        remedy="Check the ID.",
        example=Example("error-refill-id", {"action": "refill_status", "refill": "8823"}, describe(RefillNotFound())),
    ),
    Refusal(
        INTERNAL_ERROR,
        when="Something broke on our side. The HTTP status is 500; with every other error, and where this one is about "
        "a single order of many, it is 200.",
        remedy="Retry reading calls. Before you retry add, make sure that the order was not placed.",
    ),
)
