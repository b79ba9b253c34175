"""What is sold for which network: the rows of the demo catalogue, before qualities multiply them."""

from typing import NamedTuple

from panel.demo.qualities import AUDIENCE, COMMENTS, ENGAGEMENT, REVIEWS, VIEWS, Quality


class Product(NamedTuple):
    """Something to count on a network, and the base line of its variants."""

    name: str
    qualities: tuple[Quality, ...]
    rate: str  # base currency per 1000, three decimals at most
    min: int
    max: int
    minutes: int


class Network(NamedTuple):
    """A network; its services have ids from `number` × 1000 on."""

    number: int
    name: str
    products: tuple[Product, ...]


NETWORKS = (
    Network(
        1,
        "Instagram",
        (
            Product("Followers", AUDIENCE, "0.85", 50, 100_000, 45),
            Product("Likes", ENGAGEMENT, "0.24", 20, 200_000, 10),
            Product("Views", VIEWS, "0.03", 100, 10_000_000, 5),
            Product("Reel Views", VIEWS, "0.04", 100, 10_000_000, 6),
            Product("Story Views", VIEWS, "0.09", 50, 40_000, 8),
            Product("Saves", ENGAGEMENT, "0.12", 20, 50_000, 8),
            Product("Shares", ENGAGEMENT, "0.18", 20, 100_000, 9),
            Product("Comments", COMMENTS, "9.50", 5, 2_000, 60),
        ),
    ),
    Network(
        2,
        "TikTok",
        (
            Product("Followers", AUDIENCE, "1.40", 50, 200_000, 60),
            Product("Likes", ENGAGEMENT, "0.32", 20, 300_000, 15),
            Product("Views", VIEWS, "0.05", 100, 10_000_000, 5),
            Product("Shares", ENGAGEMENT, "0.11", 50, 500_000, 10),
            Product("Saves", ENGAGEMENT, "0.14", 50, 200_000, 10),
            Product("Live Viewers", VIEWS, "6.20", 20, 5_000, 3),
            Product("Comments", COMMENTS, "8.40", 5, 1_000, 60),
        ),
    ),
    Network(
        3,
        "YouTube",
        (
            Product("Subscribers", AUDIENCE, "14.50", 20, 50_000, 240),
            Product("Views", VIEWS, "1.10", 100, 5_000_000, 120),
            Product("Shorts Views", VIEWS, "0.85", 100, 5_000_000, 60),
            Product("Likes", ENGAGEMENT, "1.30", 20, 100_000, 30),
            Product("Watch Hours", VIEWS, "18.00", 100, 4_000, 1_440),
            Product("Live Viewers", VIEWS, "5.80", 50, 10_000, 5),
            Product("Comments", COMMENTS, "16.00", 5, 1_000, 120),
        ),
    ),
    Network(
        4,
        "Facebook",
        (
            Product("Page Followers", AUDIENCE, "1.10", 50, 100_000, 90),
            Product("Group Members", AUDIENCE, "1.35", 100, 100_000, 120),
            Product("Post Likes", ENGAGEMENT, "0.48", 20, 50_000, 20),
            Product("Video Views", VIEWS, "0.16", 100, 5_000_000, 20),
            Product("Reactions", ENGAGEMENT, "0.62", 20, 20_000, 20),
            Product("Comments", COMMENTS, "12.00", 5, 1_000, 90),
        ),
    ),
    Network(
        5,
        "X",
        (
            Product("Followers", AUDIENCE, "2.90", 50, 50_000, 90),
            Product("Likes", ENGAGEMENT, "1.70", 20, 50_000, 20),
            Product("Reposts", ENGAGEMENT, "2.40", 20, 20_000, 30),
            Product("Views", VIEWS, "0.02", 100, 10_000_000, 5),
            Product("Impressions", VIEWS, "0.03", 100, 10_000_000, 5),
            Product("Comments", COMMENTS, "19.00", 5, 500, 120),
        ),
    ),
    Network(
        6,
        "Telegram",
        (
            Product("Channel Members", AUDIENCE, "0.95", 100, 200_000, 60),
            Product("Post Views", VIEWS, "0.02", 50, 1_000_000, 3),
            Product("Reactions", ENGAGEMENT, "0.14", 10, 100_000, 5),
            Product("Shares", ENGAGEMENT, "0.21", 20, 50_000, 10),
            Product("Story Views", VIEWS, "0.34", 20, 50_000, 10),
        ),
    ),
    Network(
        7,
        "Spotify",
        (
            Product("Followers", AUDIENCE, "0.72", 50, 200_000, 180),
            Product("Plays", VIEWS, "0.56", 500, 5_000_000, 720),
            Product("Monthly Listeners", VIEWS, "1.25", 500, 500_000, 1_440),
            Product("Saves", ENGAGEMENT, "0.68", 50, 100_000, 240),
        ),
    ),
    Network(
        8,
        "LinkedIn",
        (
            Product("Followers", AUDIENCE, "11.00", 50, 10_000, 360),
            Product("Connections", AUDIENCE, "15.00", 50, 5_000, 720),
            Product("Post Likes", ENGAGEMENT, "9.80", 20, 5_000, 120),
        ),
    ),
    Network(
        9,
        "Discord",
        (
            Product("Server Members", AUDIENCE, "2.20", 50, 50_000, 90),
            Product("Friend Requests", ENGAGEMENT, "18.00", 20, 2_000, 240),
        ),
    ),
    Network(
        10,
        "Twitch",
        (
            Product("Followers", AUDIENCE, "0.58", 20, 100_000, 45),
            Product("Live Viewers", VIEWS, "8.50", 20, 2_000, 3),
            Product("Clip Views", VIEWS, "0.25", 50, 100_000, 20),
        ),
    ),
    Network(
        11,
        "Threads",
        (
            Product("Followers", AUDIENCE, "3.80", 20, 20_000, 120),
            Product("Likes", ENGAGEMENT, "2.60", 20, 20_000, 45),
            Product("Reposts", ENGAGEMENT, "4.10", 20, 5_000, 60),
        ),
    ),
    Network(
        12,
        "Pinterest",
        (
            Product("Followers", AUDIENCE, "1.90", 20, 50_000, 120),
            Product("Saves", ENGAGEMENT, "1.20", 20, 20_000, 60),
        ),
    ),
    Network(
        13,
        "SoundCloud",
        (
            Product("Followers", AUDIENCE, "1.60", 20, 50_000, 120),
            Product("Plays", VIEWS, "0.02", 100, 10_000_000, 15),
            Product("Likes", ENGAGEMENT, "1.10", 20, 20_000, 60),
        ),
    ),
    Network(
        14,
        "Reddit",
        (
            Product("Subscribers", AUDIENCE, "9.20", 20, 10_000, 240),
            Product("Upvotes", ENGAGEMENT, "22.00", 5, 2_000, 60),
        ),
    ),
    Network(
        15,
        "Snapchat",
        (
            Product("Followers", AUDIENCE, "13.00", 20, 10_000, 240),
            Product("Story Views", VIEWS, "4.40", 50, 50_000, 60),
        ),
    ),
    Network(
        16,
        "WhatsApp",
        (
            Product("Channel Members", AUDIENCE, "6.40", 50, 20_000, 180),
            Product("Reactions", ENGAGEMENT, "2.80", 20, 5_000, 30),
        ),
    ),
    Network(
        17,
        "Kick",
        (
            Product("Followers", AUDIENCE, "2.40", 20, 20_000, 60),
            Product("Live Viewers", VIEWS, "7.60", 20, 2_000, 3),
        ),
    ),
    Network(18, "Website", (Product("Visitors", VIEWS, "0.12", 500, 1_000_000, 720),)),
    Network(
        19,
        "Google",
        (
            Product("Reviews", REVIEWS, "950.00", 1, 100, 4_320),
            Product("Map Clicks", VIEWS, "1.40", 100, 50_000, 1_440),
        ),
    ),
    Network(20, "Trustpilot", (Product("Reviews", REVIEWS, "1400.00", 1, 50, 5_760),)),
)
