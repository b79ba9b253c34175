"""`python -m bench.past ORDERS FILE`: give an empty panel a past, and write down what to ask it."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

API, CUSTOMER, ADMIN = "API", "customer", "staff"
CUSTOMERS = 50  # so that each has more orders than a page shows, also where there are few
IDS = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a panel: a call of the API, or a page.

    `expected` must be in the answer. In `body` {number} stands for one that is another in each call.
    """

    group: str
    title: str
    address: str
    expected: str
    body: str = ""
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What was seeded, as facts for the reader, and what to ask."""

    facts: dict[str, str]
    asks: list[Ask]

    def write(self, file: Path) -> None:
        """Leave it to the process that asks."""
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Past":
        """Read what the seeding process left."""
        known: dict[str, Any] = json.loads(file.read_text())
        return cls(known["facts"], [Ask(**ask) for ask in known["asks"]])


def main() -> None:
    """Seed; nothing is added up by day, which reports and overviews read instead of orders."""
    import django

    django.setup()
    from bench import admin, pages, seed

    orders, output = int(sys.argv[1]), Path(sys.argv[2])
    facts = pages.prepare_panel(output.parent)
    started = time.monotonic()
    world = seed.seed(orders, customers=CUSTOMERS)
    admin.vary()
    facts["Table"] = f"{world.orders:,} orders of {CUSTOMERS} customers, seeded in {time.monotonic() - started:.0f} s"
    Past(facts, [*_calls(world), *_customer_pages(world), *_admin_pages(world)]).write(output)


def _calls(world: Any) -> list[Ask]:
    buyer, half = world.customers[17], world.orders // 2
    mine = [half // CUSTOMERS * CUSTOMERS + 18 - CUSTOMERS * number for number in range(IDS)]

    def call(title: str, expected: str, **fields: object) -> Ask:
        return Ask(API, title, "/api/v2", expected, body=urlencode({"key": buyer.key, **fields}, safe="{}"))

    return [
        call("`balance`", '"balance":', action="balance"),
        call("`status`", '"status":', action="status", order=mine[0]),
        call(f"`status` × {IDS}", f'"{mine[-1]}":{{"charge"', action="status", orders=",".join(map(str, mine))),
        call(
            "`add`",
            '"order":',
            action="add",
            service=world.service_ids[5],
            quantity=100,
            link="https://instagram.com/history_{number}",
        ),
    ]


def _customer_pages(world: Any) -> list[Ask]:
    from django.test import Client

    from accounts.models import User
    from bench import servers
    from bench.pages import AUTHENTICATION

    client = Client(SERVER_NAME=servers.HOST)
    client.force_login(User.objects.get(pk=world.customers[17].user_id), backend=AUTHENTICATION)
    cookie, half = _cookie_of(client), world.orders // 2

    def page(title: str, address: str, expected: str = '<tr id="order-') -> Ask:
        return Ask(CUSTOMER, title, address, expected, cookie=cookie)

    return [
        page("orders, first page", "/orders/"),
        page("orders, deep page", f"/orders/?before={half}"),
        page("orders by status", "/orders/?status=Pending"),
        page("orders by a part of the link", "/orders/?q=customer_1", ""),
        page("statement", "/wallet/", "<tr>"),
    ]


def _admin_pages(world: Any) -> list[Ask]:
    from bench import admin

    cookie = _cookie_of(admin.log_in())
    return [Ask(ADMIN, page.title, page.address, "bench-staff", cookie=cookie) for page in admin.pages(world)]


def _cookie_of(client: Any) -> str:
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


if __name__ == "__main__":
    main()
