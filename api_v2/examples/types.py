"""What `add` takes for each service type, worked out from `catalog.types`."""

from api_v2.examples.shapes import LINK, Example, Parameter, TypeGuide
from catalog.types import TYPES, ServiceType

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
