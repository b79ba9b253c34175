"""A few orders, so that the first look at the demo's dashboard is not an empty table."""

from django.db import connection

from accounts.models import User
from catalog.models import CatalogVersion, Route, Service
from orders import placement
from orders.models import Order
from orders.placement import Buyer, Draft
from panel.demo.accounts import CUSTOMER_USERNAME
from panel.demo.catalogue import FOLLOWERS_ID, VIEWS_ID

FIRST_ORDER_ID = 1001  # nobody's first order should be number 1


def place_demo_orders() -> int:
    """Place the demo customer's first orders and return how many; none when there are orders already."""
    customer = User.objects.select_related("wallet").get(username=CUSTOMER_USERNAME)
    if Order.objects.filter(customer=customer).exists():
        return 0
    _start_ids()
    buyer = Buyer(
        user_id=customer.pk,
        wallet_id=customer.wallet.pk,
        currency=customer.wallet.currency,
        balance=customer.wallet.balance,
        is_suspended=customer.is_suspended,
        catalog_version=CatalogVersion.objects.get().version,
    )
    drafts = _drafts()
    for draft in drafts:
        placement.place_order(buyer=buyer, draft=draft)
    return len(drafts)


def _drafts() -> list[Draft]:
    package = _first_of_type("Package")
    comments = _first_of_type("Custom Comments")
    by_word = dict(
        Route.objects.filter(provider_service__startswith="demo-")
        .order_by("-id")
        .values_list("provider_service", "service_id")
    )
    post = "https://www.instagram.com/p/C8demo1post/"
    return [
        Draft(FOLLOWERS_ID, "https://www.instagram.com/demo.bakery/", quantity=1000),
        Draft(FOLLOWERS_ID, "https://www.instagram.com/demo.florist/", quantity=500, runs=5, interval_minutes=60),
        Draft(VIEWS_ID, "https://www.tiktok.com/@demo.bakery/video/7312345678901234567", quantity=20_000),
        Draft(package, "https://www.instagram.com/demo.bakery/"),
        Draft(comments, post, parameters={"comments": ["Love it!", "Where is this?", "So good", "Wow", "On my list"]}),
        Draft(by_word["demo-partial"], "https://example.com/ends-in-part", quantity=1000),
        Draft(by_word["demo-slow"], "https://example.com/takes-its-time", quantity=2000),
    ]


def _first_of_type(name: str) -> int:
    return Service.objects.filter(type=name, is_active=True).order_by("id").values_list("id", flat=True)[0]


def _start_ids() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT setval('orders_order_id_seq', %(before_first)s) FROM orders_order_id_seq
            WHERE last_value < %(before_first)s
            """,
            {"before_first": FIRST_ORDER_ID - 1},
        )
