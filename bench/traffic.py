"""What clients send: files of requests, made beforehand so that the load generator only has to send them."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

from django.db import connection

from api_v2.params import BATCH_IDS_MAX
from bench.load import Requests
from bench.seed import Buyer, World

API_PATH = "/api/v2"
READS = 20_000  # different requests of a kind, far more than caches near the client could matter for
BATCHES = 2_000
# What a phase of `cancel` or `refill` may use up each second, if there are as many: the order statement itself is
# not much faster on a machine that this benchmark is for.
ONCE_PER_SECOND_MAX = 5_000


class Traffic:
    """Makes the request files of one run; the same seed makes the same requests.

    :param phases: how often requests that may be sent once are asked for; each phase gets its share.
    """

    def __init__(self, world: World, directory: Path, *, phases: int) -> None:
        self._world = world
        self._directory = directory
        self._random = random.Random(20)
        self._owner = {buyer.user_id: buyer for buyer in world.customers}
        self._all = self._orders("true")
        self._fresh = self._orders("status = 'Pending'")
        self._completed = self._orders("status = 'Completed'")
        self._shares = {"cancel": len(self._fresh) // phases, "refill": len(self._completed) // phases}

    def balance(self) -> Requests:
        """Ask for balances, of all customers in turn."""
        return self._write("balance", (_form(buyer, "balance") for buyer in self._world.customers), '{"balance":"')

    def services(self, *, size: int) -> Requests:
        """Ask for the catalogue, each customer in turn."""
        lines = (_form(buyer, "services") for buyer in self._world.customers)
        return self._write("services", lines, '[{"service":', size=size)

    def status(self) -> Requests:
        """Ask for one order of a random customer, old or new."""
        lines = (_form(buyer, "status", order=order) for buyer, order in self._all[:READS])
        return self._write("status", lines, '{"charge":"')

    def status_batch(self) -> Requests:
        """Ask for a hundred orders of a customer from all over the past."""
        of_customer: dict[int, list[int]] = {}
        for buyer, order in self._all:
            of_customer.setdefault(buyer.user_id, []).append(order)
        lines = []
        for _ in range(BATCHES):
            buyer = self._random.choice(self._world.customers)
            orders = of_customer[buyer.user_id]
            some = self._random.sample(orders, min(BATCH_IDS_MAX, len(orders)))
            lines.append(_form(buyer, "status", orders=",".join(map(str, some))))
        return self._write("status_batch", lines, '{"')

    def add(self) -> Requests:
        """Order from random customers, any service."""
        buyers = (self._random.choice(self._world.customers) for _ in range(READS))
        return self._write("add", map(self._order_form, buyers), '{"order":')

    def add_one_wallet(self) -> Requests:
        """Order from one customer, any service."""
        return self._write(
            "add_one_wallet", (self._order_form(self._world.reseller) for _ in range(READS)), '{"order":'
        )

    def cancel(self, *, seconds: float) -> Requests:
        """Cancel orders that are still queued, each once."""
        return self._once("cancel", self._fresh, seconds, '[{"order":')

    def refill(self, *, seconds: float) -> Requests:
        """Ask for refills of completed orders, each once."""
        return self._once("refill", self._completed, seconds, '{"refill":"')

    def refill_status(self) -> Requests:
        """Ask for refills that `refill` has opened meanwhile."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT r.id, o.customer_id FROM orders_refill r JOIN orders_order o ON o.id = r.order_id LIMIT %s",
                [READS],
            )
            refills = cursor.fetchall()
        lines = (_form(self._owner[customer], "refill_status", refill=refill) for refill, customer in refills)
        return self._write("refill_status", lines, '{"status":"')

    def ceiling(self, name: str, answer_start: str, *, size: int | None = None) -> Requests:
        """Ask a bare view, of all customers in turn."""
        numbers = range(len(self._world.customers))
        lines = (f"/bench/{name}?{number}" for number in numbers)
        return self._write(f"ceiling_{name}", lines, answer_start, method="GET", path=f"/bench/{name}", size=size)

    def _order_form(self, buyer: Buyer) -> str:
        return _form(
            buyer,
            "add",
            service=self._random.choice(self._world.service_ids),
            link=f"https://instagram.com/customer_{self._random.randrange(10**6)}",
            quantity=self._random.randrange(100, 5_000),
        )

    def _once(self, name: str, pool: list[tuple[Buyer, int]], seconds: float, answer_start: str) -> Requests:
        wanted = min(round(ONCE_PER_SECOND_MAX * seconds), self._shares[name])
        taken, pool[:wanted] = pool[:wanted], []
        lines = (_form(buyer, name, order=order) for buyer, order in taken)
        return self._write(name, lines, answer_start, once=True)

    def _orders(self, condition: str) -> list[tuple[Buyer, int]]:
        """Return orders with their owners, in random order."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT customer_id, id FROM orders_order WHERE {condition} ORDER BY id")
            pairs = [(self._owner[customer], order) for customer, order in cursor.fetchall()]
        self._random.shuffle(pairs)
        return pairs

    def _write(
        self,
        name: str,
        lines: Sequence[str] | Iterator[str],
        answer_start: str,
        *,
        method: str = "POST",
        path: str = API_PATH,
        once: bool = False,
        size: int | None = None,
    ) -> Requests:
        file = self._directory / f"{name}.requests"
        file.write_text("".join(f"{line}\n" for line in lines))
        return Requests(path=path, method=method, file=file, answer_start=answer_start, once=once, answer_bytes=size)


def _form(buyer: Buyer, action: str, **parameters: object) -> str:
    return urlencode({"key": buyer.key, "action": action, **parameters}, safe=",")
