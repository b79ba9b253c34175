"""The qualities in which a product is sold, from cheap to dear: one declarative table per kind of product."""

from decimal import Decimal
from typing import NamedTuple


class Quality(NamedTuple):
    """How a variant of a product differs from the product's base line."""

    label: str
    # One decimal at most, so that rates and costs come out with five without rounding.
    rate_factor: Decimal
    delivers: str  # one sentence for the description
    refill_days: int = 0  # 0: no refill
    cancel: bool = True
    dripfeed: bool = False
    max_divisor: int = 1  # dear variants come in smaller orders
    pace: int = 1  # times the product's usual minutes


# People who stay: followers, subscribers, members.
AUDIENCE = (
    Quality("Economy", Decimal("0.4"), "Mixed accounts, some without a photo; some will drop."),
    Quality("High Quality", Decimal("0.7"), "Accounts with a photo and posts.", refill_days=30, dripfeed=True),
    Quality("Real & Active", Decimal("1.0"), "Accounts in daily use.", refill_days=365, dripfeed=True),
    Quality("Slow & Natural", Decimal("1.3"), "Spread over days, as it grows by itself.", 365, True, True, 4, 24),
    Quality("Premium, Lowest Drop", Decimal("1.9"), "Old accounts; fewer than 2 % drop.", 365, True, True, 4, 2),
    Quality("India", Decimal("1.1"), "Accounts from India.", 90, True, True, 5, 2),
    Quality("Brazil", Decimal("1.7"), "Accounts from Brazil.", 90, True, True, 10, 2),
    Quality("USA", Decimal("3.6"), "Accounts from the United States.", 90, True, True, 20, 3),
)

# A click by somebody: likes, reactions, reposts, saves.
ENGAGEMENT = (
    Quality("Instant", Decimal("0.5"), "Starts at once; mixed accounts.", cancel=False),
    Quality("High Quality", Decimal("1.0"), "Accounts with a photo and posts.", refill_days=30, dripfeed=True),
    Quality("Real & Active", Decimal("1.6"), "Accounts in daily use.", 365, True, True, 2, 2),
    Quality("Power Accounts", Decimal("4.2"), "Accounts with 10,000 followers and more.", 365, True, False, 20, 4),
)

# Something was played or shown: views, plays, impressions.
VIEWS = (
    Quality("Instant", Decimal("0.4"), "Starts within a minute.", cancel=False),
    Quality("High Quality", Decimal("1.0"), "From suggested content, counted by the network."),
    Quality("High Retention", Decimal("2.4"), "Watched to the end by most.", 30, True, True, 10, 3),
    Quality("USA", Decimal("3.8"), "Watched from the United States.", 30, True, True, 20, 3),
)

# Texts that the network chooses or the seller has ready.
COMMENTS = (
    Quality("Random", Decimal("0.6"), "Short friendly texts that fit most posts."),
    Quality("Emoji", Decimal("0.5"), "One to three emoji each."),
    Quality("Positive, English", Decimal("1.4"), "Written sentences that fit the post.", 30, True, False, 4, 2),
)

# Few, slow and dear.
REVIEWS = (
    Quality("Worldwide", Decimal("0.8"), "Old accounts with other reviews.", 30, False, True, 1, 2),
    Quality("Europe", Decimal("1.2"), "Accounts from the European Union.", 30, False, True, 2, 3),
    Quality("USA", Decimal("1.8"), "Accounts from the United States.", 90, False, True, 4, 3),
)
