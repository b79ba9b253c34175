"""Customers at work: orders at a steady pace whatever happens, and questions beside them. Nobody tries again."""

import http.client
import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlencode

from chaos import recording
from chaos.recording import Call, History
from chaos.servers import HOST
from chaos.world import MIN, Customer, Ware, World

BUYERS, ASKERS = 12, 4  # threads
ASKED_PER_SECOND = 12.0  # questions, cancellations and refills together
TIMEOUT_SECONDS = 30.0
IDLE_SECONDS = 5.0  # after which a server may have hung up, and a careful client connects anew
REMEMBERED_ORDERS = 1500
STATUS_IDS = 20
PLACES = Decimal("0.00001")

# How an order goes is chosen by a word in its link: see the fake provider's book. The rest is delivered.
WORDS = (("partial", 0.10), ("cancel", 0.05), ("slow", 0.05))
WRONG_ORDERS = 0.05  # share of orders that must be refused
QUESTIONS = (("status", 0.45), ("balance", 0.35), ("cancel", 0.10), ("refill", 0.08), ("services", 0.02))


class Load:
    """Threads of customers. `wares` says what they buy from now on."""

    def __init__(self, world: World, history: History, *, port: int, seed: int, orders_per_second: float) -> None:
        self.wares = list(world.wares)
        self.orders_per_second = orders_per_second
        self._world = world
        self._history = history
        self._port = port
        self._seed = seed
        self._over = threading.Event()
        self._recent: deque[tuple[Customer, int]] = deque(maxlen=REMEMBERED_ORDERS)
        self._threads = [
            threading.Thread(target=self._buy, args=(number,), name=f"buyer {number}", daemon=True)
            for number in range(BUYERS)
        ] + [
            threading.Thread(target=self._ask, args=(number,), name=f"asker {number}", daemon=True)
            for number in range(ASKERS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, when every call has its answer."""
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _buy(self, number: int) -> None:
        client = Client(self._port, self._history)
        chance = random.Random(f"{self._seed} buyer {number}")
        ordered = 0

        def order() -> None:
            nonlocal ordered
            ordered += 1
            self._order(client, chance, f"b{number}n{ordered}")

        self._pace(order, seconds=BUYERS / self.orders_per_second, first=number / self.orders_per_second)

    def _ask(self, number: int) -> None:
        client = Client(self._port, self._history)
        chance = random.Random(f"{self._seed} asker {number}")
        self._pace(
            lambda: self._question(client, chance), seconds=ASKERS / ASKED_PER_SECOND, first=number / ASKED_PER_SECOND
        )

    def _pace(self, work: Callable[[], None], *, seconds: float, first: float) -> None:
        """Do something at even times; those that an answer took too long for are left out, not made up for."""
        due = time.monotonic() + first
        while not self._over.wait(max(0.0, due - time.monotonic())):
            work()
            due = max(due + seconds, time.monotonic() - seconds)

    def _order(self, client: "Client", chance: random.Random, name: str) -> None:
        ware = chance.choice(self.wares)
        drawn, word = chance.random(), "deliver"
        for known, share in WORDS:
            if drawn < share:
                word = known
                break
            drawn -= share
        link = f"https://example.com/{word}/{name}"
        customer = chance.choice(self._world.customers)
        if chance.random() < WRONG_ORDERS:
            self._order_wrongly(client, chance, link, ware)
            return
        quantity = chance.randrange(100, 2000)
        order_id = client.order(customer, ware, link=link, quantity=quantity)
        if order_id is not None:
            self._recent.append((customer, order_id))

    def _order_wrongly(self, client: "Client", chance: random.Random, link: str, ware: Ware) -> None:
        """Send an order that must be refused, or that the poor customer cannot pay for much longer."""
        customer = chance.choice(self._world.customers)
        match chance.choice(["dear", "small", "unknown", "stranger"]):
            case "dear":
                client.order(self._world.poor, ware, link=link, quantity=300)
            case "small":
                client.call(customer, "add", service=ware.id, link=link, quantity=MIN - 1)
            case "unknown":
                client.call(customer, "add", service=999_999, link=link, quantity=100)
            case _:
                client.call(Customer(customer.id, "0" * 32), "add", service=ware.id, link=link, quantity=100)

    def _question(self, client: "Client", chance: random.Random) -> None:
        (action,) = chance.choices([name for name, _ in QUESTIONS], [share for _, share in QUESTIONS])
        if action in ("balance", "services"):
            client.call(chance.choice(self._world.customers), action)
            return
        try:
            customer, order_id = chance.choice(self._recent)
        except IndexError:
            return  # nothing ordered yet
        if action == "status":
            own = [number for owner, number in list(self._recent) if owner is customer]
            some = chance.sample(own, min(STATUS_IDS, len(own)))
            client.call(customer, "status", orders=",".join(map(str, some)))
        elif action == "cancel":
            client.call(customer, "cancel", orders=order_id)
        else:
            client.call(customer, "refill", order=order_id)


class Client:
    """One connection of one thread."""

    def __init__(self, port: int, history: History) -> None:
        self._port = port
        self._history = history
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def order(self, customer: Customer, ware: Ware, *, link: str, quantity: int) -> int | None:
        """Order, and return the order's id if there is one."""
        charge = (ware.rate * quantity / 1000).quantize(PLACES, ROUND_HALF_UP)
        call = self.call(customer, "add", expected_charge=str(charge), service=ware.id, link=link, quantity=quantity)
        return call.acknowledged_order

    def call(self, customer: Customer, action: str, *, expected_charge: str = "", **fields: object) -> Call:
        """Make one call, once, and write it down."""
        request = {name: str(value) for name, value in fields.items()}
        body = urlencode({"key": customer.key, "action": action, **request})
        sent = recording.now()
        status, answer, problem = self._exchange(body)
        call = Call(
            customer=customer.id,
            action=action,
            request=request,
            sent=sent,
            ended=recording.now(),
            status=status,
            answer=None if isinstance(answer, list) and action == "services" else answer,  # a long one
            problem=problem,
            expected_charge=expected_charge,
        )
        self._history.add(call)
        return call

    def _exchange(self, body: str) -> tuple[int | None, Any, str]:
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()
        self._used_at = time.monotonic()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(HOST, self._port, timeout=TIMEOUT_SECONDS)
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Host": HOST}
            self._connection.request("POST", "/api/v2", body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return None, None, f"{type(error).__name__}: {error}"
        try:
            return response.status, json.loads(content), ""
        except ValueError:
            return response.status, None, f"no JSON: {content[:80]!r}"

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
