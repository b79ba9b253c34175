"""The service types of the protocol and what an order of each must bring: one declarative table.

Source: shared protocol decisions, "Service types and their add parameters". A parameter's name is the
protocol's name.
"""

from dataclasses import dataclass
from typing import Literal

# Where an order's quantity comes from: the `quantity` parameter, one for a package, or the number of
# lines in the named parameter.
QuantitySource = Literal["quantity", "one", "comments", "usernames"]


@dataclass(frozen=True, slots=True)
class ServiceType:
    """What an order of this type must and may bring, and how its quantity and charge follow."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    quantity: QuantitySource = "quantity"
    flat_rate: bool = False  # the rate once, instead of per 1000
    dripfeed: bool = False


# Parameters that hold one value per line.
LINE_PARAMETERS = frozenset({"comments", "usernames", "hashtags", "keywords", "groups"})

TYPES: dict[str, ServiceType] = {
    "Default": ServiceType(dripfeed=True),
    "Package": ServiceType(quantity="one", flat_rate=True),
    "Custom Comments": ServiceType(required=("comments",), quantity="comments"),
    "Custom Comments Package": ServiceType(required=("comments",), quantity="one", flat_rate=True),
    "SEO": ServiceType(required=("keywords",)),
    "Mentions": ServiceType(required=("usernames",)),
    "Mentions with Hashtags": ServiceType(required=("usernames", "hashtags")),
    "Mentions Custom List": ServiceType(required=("usernames",), quantity="usernames"),
    "Mentions Hashtag": ServiceType(required=("hashtag",)),
    "Mentions User Followers": ServiceType(required=("username",)),
    "Mentions Media Likers": ServiceType(required=("media",)),
    "Comment Likes": ServiceType(required=("username",)),
    "Comment Replies": ServiceType(required=("username", "comments"), quantity="comments"),
    "Poll": ServiceType(required=("answer_number",)),
    "Invites from Groups": ServiceType(required=("groups",)),
    "Web Traffic": ServiceType(
        required=("country", "device", "type_of_traffic"),
        optional=("google_keyword", "referring_url"),
    ),
}

# Every parameter beyond service, link, quantity, runs and interval that some type knows.
TYPE_PARAMETERS: tuple[str, ...] = tuple(
    dict.fromkeys(name for kind in TYPES.values() for name in (*kind.required, *kind.optional))
)
