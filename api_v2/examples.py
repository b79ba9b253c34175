"""Every call of the API with its parameters, example requests and their answers.

The published docs page is made of this, and `tests/api_v2/test_examples.py` sends each example to the API and
compares the answer, so the docs cannot drift. What an example's world looks like is in the test, by slug.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.errors import AccountSuspended, InvalidApiKey
from api_v2.errors import INTERNAL_ERROR, TEXTS, IncorrectRequest, RateLimitExceeded, describe
from catalog.types import TYPES, ServiceType
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

KEY_PLACEHOLDER = "YOUR_API_KEY"
LINK = "https://instagram.com/your_handle"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a request may carry."""

    name: str
    kind: str
    text: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """A request without its key, and the answer to it."""

    slug: str
    params: Mapping[str, str]
    answer: Any
    key: str = KEY_PLACEHOLDER

    @property
    def request(self) -> dict[str, str]:
        """Return everything that is sent, the key first."""
        return {"key": self.key, **self.params}


@dataclass(frozen=True, slots=True)
class Call:
    """One documented call; an action that takes one id or many is two calls."""

    group: str
    title: str
    text: str
    parameters: tuple[Parameter, ...]
    example: Example
    notes: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """Return the call's action."""
        return self.example.params["action"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error text: when it comes and what to do about it."""

    text: str
    when: str
    remedy: str
    example: Example | None = None  # None: cannot be asked for


@dataclass(frozen=True, slots=True)
class TypeGuide:
    """What `add` takes for one service type."""

    name: str
    parameters: tuple[Parameter, ...]
    quantity: str
    charge: str
    example: Example


KEY = Parameter("key", "string", "Your private API key.")
ORDER = Parameter("order", "number", "Order ID returned by add.")
ORDERS = Parameter("orders", "list", "Up to 100 order IDs separated by commas.")

# --- The calls -----------------------------------------------------------------------------------

CALLS: tuple[Call, ...] = (
    Call(
        group="Services",
        title="Service list",
        text="Returns the live catalog with rate, limits and refill and cancel flags. Cache it on your side for at "
        "least 60 seconds.",
        parameters=(
            KEY,
            Parameter("action", "string", "Must be services."),
            Parameter(
                "extras", "string", "Send 1 for three more fields: dripfeed, desc and average_time.", required=False
            ),
        ),
        notes=(
            "Rates are per 1,000 units in your wallet currency, at your own prices; for packages, of one.",
            "The type field tells which parameters add takes; see the service types.",
        ),
        example=Example(
            "services",
            {"action": "services"},
            [
                {
                    "service": 1042,
                    "name": "Instagram Followers — Real & Active",
                    "type": "Default",
                    "category": "Instagram › Followers",
                    "rate": "0.85",
                    "min": "50",
                    "max": "100000",
                    "refill": True,
                    "cancel": True,
                },
                {
                    "service": 2207,
                    "name": "TikTok Views — High Quality",
                    "type": "Default",
                    "category": "TikTok › Views",
                    "rate": "0.05",
                    "min": "100",
                    "max": "10000000",
                    "refill": False,
                    "cancel": True,
                },
            ],
        ),
    ),
    Call(
        group="Orders",
        title="Add order",
        text="Places an order. These are the parameters of the type Default; the other types are listed below.",
        parameters=(
            KEY,
            Parameter("action", "string", "Must be add."),
            Parameter("service", "number", "Service ID from the catalog."),
            Parameter("link", "string", "Public link the order will be delivered to."),
            Parameter("quantity", "number", "How many units to deliver, within the service's min and max."),
            Parameter("runs", "number", "Split the delivery into this many runs (drip-feed).", required=False),
            Parameter("interval", "number", "Minutes between runs; required with runs.", required=False),
        ),
        notes=(
            "Store the order ID: it is the only handle for status, refill and cancel.",
            "add is not idempotent. After a time-out, look at your orders before you send it again.",
            "The charge is taken from your wallet at once. What is not delivered comes back automatically.",
        ),
        example=Example(
            "add",
            {"action": "add", "service": "1042", "link": LINK, "quantity": "1000", "runs": "5", "interval": "60"},
            {"order": 1832047},
        ),
    ),
    Call(
        group="Orders",
        title="Order status",
        text="Looks up one order. Use the call for many when you poll.",
        parameters=(KEY, Parameter("action", "string", "Must be status."), ORDER),
        notes=(
            "Status values: Pending, In progress, Processing, Completed, Partial, Canceled.",
            "charge is what you paid less what was refunded. start_count is 0 until it is known.",
            "When status is Partial, remains tells what did not deliver; it has been refunded.",
        ),
        example=Example(
            "status",
            {"action": "status", "order": "1832047"},
            {
                "charge": "0.85000",
                "start_count": "12450",
                "status": "In progress",
                "remains": "240",
                "currency": "USD",
            },
        ),
    ),
    Call(
        group="Orders",
        title="Multiple orders status",
        text="Looks up to 100 orders in one call. The answer is keyed by ID.",
        parameters=(KEY, Parameter("action", "string", "Must be status."), ORDERS),
        notes=("An ID that is not yours has an error in its place; the others are answered.",),
        example=Example(
            "status-many",
            {"action": "status", "orders": "1832047,1832048,1832049"},
            {
                "1832047": {
                    "charge": "0.85000",
                    "start_count": "12450",
                    "status": "Completed",
                    "remains": "0",
                    "currency": "USD",
                },
                "1832048": describe(OrderNotFound()),
                "1832049": {
                    "charge": "1.44219",
                    "start_count": "234",
                    "status": "In progress",
                    "remains": "10",
                    "currency": "USD",
                },
            },
        ),
    ),
    Call(
        group="Orders",
        title="Cancel orders",
        text="Requests cancellation of orders that are not delivered yet. The answer is always a list.",
        parameters=(KEY, Parameter("action", "string", "Must be cancel."), ORDERS),
        notes=("1 means the request was accepted. What has not started is refunded; work in flight is delivered.",),
        example=Example(
            "cancel",
            {"action": "cancel", "orders": "1832047,1832048"},
            [
                {"order": 1832047, "cancel": 1},
                {"order": 1832048, "cancel": describe(OrderAlreadyCompleted())},
            ],
        ),
    ),
    Call(
        group="Refills",
        title="Create refill",
        text="Asks for a refill of a delivered order whose service has one: free for the first 365 days unless the "
        "service says otherwise.",
        parameters=(
            KEY,
            Parameter("action", "string", "Must be refill."),
            Parameter("order", "number", "Order ID to refill."),
        ),
        notes=("You can ask again as soon as the last refill of the order has ended.",),
        example=Example("refill", {"action": "refill", "order": "1832047"}, {"refill": "8821"}),
    ),
    Call(
        group="Refills",
        title="Create multiple refills",
        text="Asks for refills of up to 100 orders. Refill IDs are numbers here.",
        parameters=(KEY, Parameter("action", "string", "Must be refill."), ORDERS),
        example=Example(
            "refill-many",
            {"action": "refill", "orders": "1832047,1832048,1832049"},
            [
                {"order": 1832047, "refill": 8821},
                {"order": 1832048, "refill": 8822},
                {"order": 1832049, "refill": describe(OrderNotEligibleForRefill())},
            ],
        ),
    ),
    Call(
        group="Refills",
        title="Refill status",
        text="Tells how a refill stands.",
        parameters=(
            KEY,
            Parameter("action", "string", "Must be refill_status."),
            Parameter("refill", "number", "Refill ID returned by refill."),
        ),
        notes=("Status values: Pending, In progress, Completed, Rejected.",),
        example=Example("refill_status", {"action": "refill_status", "refill": "8821"}, {"status": "Completed"}),
    ),
    Call(
        group="Refills",
        title="Multiple refill status",
        text="Tells how up to 100 refills stand.",
        parameters=(
            KEY,
            Parameter("action", "string", "Must be refill_status."),
            Parameter("refills", "list", "Up to 100 refill IDs separated by commas."),
        ),
        example=Example(
            "refill_status-many",
            {"action": "refill_status", "refills": "8821,8822,8823"},
            [
                {"refill": 8821, "status": "Completed"},
                {"refill": 8822, "status": "In progress"},
                {"refill": 8823, "status": describe(RefillNotFound())},
            ],
        ),
    ),
    Call(
        group="Account",
        title="Wallet balance",
        text="Reads your wallet balance and its currency.",
        parameters=(KEY, Parameter("action", "string", "Must be balance.")),
        example=Example("balance", {"action": "balance"}, {"balance": "247.30418", "currency": "USD"}),
    ),
)

# --- Service types -------------------------------------------------------------------------------

# What each parameter of a type holds, with a value for the example.
_TYPE_PARAMETERS: dict[str, tuple[str, str, str]] = {
    "comments": ("text", "Comments, one per line.", "Great post!\nLove this\nSaved for later"),
    "usernames": ("text", "User names, one per line.", "ada_lovelace\ngrace.hopper"),
    "hashtags": ("text", "Hashtags, one per line.", "#travel\n#sunset"),
    "keywords": ("text", "Keywords, one per line.", "coffee beans\nespresso"),
    "groups": ("text", "Groups, one per line.", "https://t.me/your_group"),
    "hashtag": ("string", "Hashtag to take users from.", "#travel"),
    "username": ("string", "User name: whose followers to take, or who wrote the comment.", "ada_lovelace"),
    "media": ("string", "Link of the media whose likers to take.", "https://instagram.com/p/your_media"),
    "answer_number": ("number", "Which answer of the poll to vote for, counted from 1.", "2"),
    "country": ("string", "Country code, or WW for worldwide.", "US"),
    "device": ("string", "Device of the visitors, by the number in the service's description.", "1"),
    "type_of_traffic": ("string", "Kind of traffic, by the number in the service's description.", "1"),
    "google_keyword": (
        "string",
        "Keyword the visitors search for, when the traffic comes from Google.",
        "coffee beans",
    ),
    "referring_url": (
        "string",
        "Address the visitors come from, when the traffic has a custom referrer.",
        "https://example.com/article",
    ),
}
_SERVICE = Parameter("service", "number", "Service ID from the catalog.")
_LINK = Parameter("link", "string", "Public link the order will be delivered to.")
_QUANTITY = Parameter("quantity", "number", "How many units to deliver, within the service's min and max.")
_DRIPFEED = (
    Parameter(
        "runs", "number", "Split the delivery into this many runs, if the service has drip-feed.", required=False
    ),
    Parameter("interval", "number", "Minutes between runs; required with runs.", required=False),
)
FIRST_TYPE_SERVICE = 3001  # services of the examples by type are numbered from here


def _guide(name: str, kind: ServiceType, *, service_id: int) -> TypeGuide:
    names = (*kind.required, *kind.optional)
    by_parameter = kind.quantity == "quantity"
    return TypeGuide(
        name=name,
        parameters=(
            _SERVICE,
            _LINK,
            *([_QUANTITY] if by_parameter else []),
            *(
                Parameter(parameter, *_TYPE_PARAMETERS[parameter][:2], required=parameter in kind.required)
                for parameter in names
            ),
            *(_DRIPFEED if kind.dripfeed else ()),
        ),
        quantity={"quantity": "the parameter quantity", "one": "always 1"}.get(
            kind.quantity, f"the number of lines in {kind.quantity}"
        ),
        charge="the rate, once" if kind.flat_rate else "rate × quantity / 1,000",
        example=Example(
            f"add-{name.lower().replace(' ', '-')}",
            {
                "action": "add",
                "service": str(service_id),
                "link": LINK,
                **({"quantity": "1000"} if by_parameter else {}),
                **{parameter: _TYPE_PARAMETERS[parameter][2] for parameter in names},
            },
            {"order": 1832047},
        ),
    )


TYPE_GUIDES: tuple[TypeGuide, ...] = tuple(
    _guide(name, kind, service_id=service_id)
    for service_id, (name, kind) in enumerate(TYPES.items(), start=FIRST_TYPE_SERVICE)
)

# --- Errors --------------------------------------------------------------------------------------


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
        when="Something broke on our side. The HTTP status is 500; with every other error it is 200.",
        remedy="Retry reading calls. Before you retry add, make sure that the order was not placed.",
    ),
)

EXAMPLES: tuple[Example, ...] = (
    *(call.example for call in CALLS),
    *(guide.example for guide in TYPE_GUIDES),
    *(refusal.example for refusal in REFUSALS if refusal.example is not None),
)
