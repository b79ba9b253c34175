"""Every call with its parameters, an example and its answer."""

from api_v2.errors import describe
from api_v2.examples.shapes import KEY, LINK, ORDER, ORDERS, Call, Example, Parameter
from orders.errors import OrderAlreadyCompleted, OrderNotEligibleForRefill, OrderNotFound, RefillNotFound

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
