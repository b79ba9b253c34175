"""What the world looks like for each example, by the example's slug.

Orders and refills get their ids by setting the sequences; they move by the functions that move real ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounts.models import ApiKey, User
from api_v2 import throttling
from api_v2.examples import FIRST_TYPE_SERVICE, TYPE_GUIDES
from catalog.models import Service
from orders import refills
from orders.models import Order, Refill
from tests.fixtures import call_api, funded, key_of, number_from, place, report

ORDER = 1832047
REFILL = 8821


@dataclass(frozen=True)
class Stage:
    """Who and what a scene can use."""

    customer: User
    other_customer: User
    make_service: Callable[..., Service]

    def followers(self, **changes: Any) -> Service:
        """Put the contract's first service on sale."""
        return self.make_service(**{"id": 1042, "dripfeed": True, **changes})

    def orders(self, *services: Service, owner: User | None = None) -> None:
        """Place an order of each service, numbered from the contract's first order id on."""
        number_from(Order, ORDER)
        for service in services:
            place(owner or self.customer, service)


def catalogue(stage: Stage) -> None:
    stage.followers()
    stage.make_service(
        id=2207,
        category="TikTok › Views",
        name="TikTok Views — High Quality",
        rate=Decimal("0.05"),
        min=100,
        max=10_000_000,
        refill=False,
    )


def money_for_an_order(stage: Stage) -> None:
    stage.followers()
    funded(stage.customer, "0.85")
    number_from(Order, ORDER)


def one_moving_order(stage: Stage) -> None:
    funded(stage.customer, "10")
    stage.orders(stage.followers())
    report(ORDER, "In progress", remains=240, start_count=12450)


def three_orders_of_two_customers(stage: Stage) -> None:
    funded(stage.customer, "10")
    funded(stage.other_customer, "10")
    followers, dear = stage.followers(), stage.make_service(rate=Decimal("1.44219"))
    stage.orders(followers)
    place(stage.other_customer, followers)
    place(stage.customer, dear)
    report(ORDER, "Completed", start_count=12450)
    report(ORDER + 2, "In progress", remains=10, start_count=234)


def one_waiting_and_one_delivered_order(stage: Stage) -> None:
    funded(stage.customer, "10")
    followers = stage.followers()
    stage.orders(followers, followers)
    report(ORDER + 1, "Completed")


def one_delivered_order(stage: Stage) -> None:
    funded(stage.customer, "10")
    number_from(Refill, REFILL)
    stage.orders(stage.followers())
    report(ORDER, "Completed")


def two_delivered_orders_and_a_moving_one(stage: Stage) -> None:
    funded(stage.customer, "10")
    number_from(Refill, REFILL)
    followers = stage.followers()
    stage.orders(followers, followers, followers)
    report(ORDER, "Completed")
    report(ORDER + 1, "Partial", remains=100)
    report(ORDER + 2, "In progress")


def two_refills(stage: Stage) -> None:
    two_delivered_orders_and_a_moving_one(stage)
    call_api(stage.customer, action="refill", orders=f"{ORDER},{ORDER + 1}")
    refills.record_refill_status(REFILL, Refill.Status.COMPLETED)
    refills.record_refill_status(REFILL + 1, Refill.Status.IN_PROGRESS)


def money(stage: Stage) -> None:
    funded(stage.customer, "247.30418")


def a_service_of_every_type(stage: Stage) -> None:
    for service_id, guide in enumerate(TYPE_GUIDES, start=FIRST_TYPE_SERVICE):
        stage.make_service(id=service_id, type=guide.name, min=1)
    funded(stage.customer, "10")
    number_from(Order, ORDER)


def a_suspended_account(stage: Stage) -> None:
    User.objects.filter(pk=stage.customer.pk).update(is_suspended=True)


def a_key_far_behind(stage: Stage) -> None:
    key_of(stage.customer)
    User.objects.filter(pk=stage.customer.pk).update(requests_per_second=1)
    key_id = ApiKey.objects.get(user=stage.customer).pk
    for _ in range(int(throttling.BACKLOG_SECONDS)):
        throttling.check_rate(key_id=key_id, requests_per_second=1)


def one_waiting_order_without_cancel_and_refill(stage: Stage) -> None:
    funded(stage.customer, "10")
    stage.orders(stage.followers(cancel=False, refill=False))


def only_a_service(stage: Stage) -> None:
    stage.followers()


SCENES: dict[str, Callable[[Stage], None]] = {
    "services": catalogue,
    "add": money_for_an_order,
    "status": one_moving_order,
    "status-many": three_orders_of_two_customers,
    "cancel": one_waiting_and_one_delivered_order,
    "refill": one_delivered_order,
    "refill-many": two_delivered_orders_and_a_moving_one,
    "refill_status": two_refills,
    "refill_status-many": two_refills,
    "balance": money,
    **{guide.example.slug: a_service_of_every_type for guide in TYPE_GUIDES},
    "error-key": money,
    "error-suspended": a_suspended_account,
    "error-rate": a_key_far_behind,
    "error-request": a_service_of_every_type,
    "error-service": money_for_an_order,
    "error-low": money_for_an_order,
    "error-high": money_for_an_order,
    "error-balance": only_a_service,
    "error-order": three_orders_of_two_customers,
    "error-completed": one_waiting_and_one_delivered_order,
    "error-cancel": one_waiting_order_without_cancel_and_refill,
    "error-refill": one_waiting_order_without_cancel_and_refill,
    "error-eligible": one_moving_order,
    "error-refill-id": two_refills,
}
