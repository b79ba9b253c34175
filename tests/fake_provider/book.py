"""What the fake provider has taken: the oracle for duplicates and for what was really delivered.

A word in the link chooses how an order goes, as at the built-in sandbox: see `OUTCOMES`. Time passes by
`advance`, and by the clock at `speed`.
"""

import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

# Word, seconds from the first unit to the last, share that arrives in the end; the last is for links without a word.
OUTCOMES = (
    ("partial", 10.0, 0.6),
    ("cancel", 3.0, 0.0),
    ("slow", 600.0, 1.0),
    ("deliver", 10.0, 1.0),
)
PENDING_SECONDS = 2.0
PROCESSING_SECONDS = 4.0
REFILL_STARTS_SECONDS = 2.0
REFILL_ENDS_SECONDS = 6.0
FINAL = ("Completed", "Partial", "Canceled")


@dataclass(frozen=True)
class Goods:
    """A service on sale; cost is per 1000."""

    id: str
    name: str
    cost: str = "0.50"
    min: int = 10
    max: int = 1_000_000
    type: str = "Default"
    category: str = "Fake"
    refill: bool = True
    cancel: bool = True
    dripfeed: bool = True


SHELF = (
    Goods("1", "Fake Followers"),
    Goods("2", "Fake Likes", cost="0.10"),
    Goods("3", "Fake Comments", cost="4.00", min=1, max=1000, type="Custom Comments"),
    Goods("4", "Fake Package", cost="9.90", min=1, max=1, type="Package"),
)


@dataclass
class Taken:
    """One order that was taken; times are the book's own."""

    id: str
    service: str
    link: str
    quantity: int
    parameters: dict[str, str]
    charge: str
    start_count: int
    taken_at: float
    canceled_at: float | None = None
    refills: dict[str, float] = field(default_factory=dict)


class Book:
    """Orders and money of one fake provider. Safe to use from several threads."""

    def __init__(self, *, speed: float = 0.0, balance: str = "1000000", first_id: int = 5001) -> None:
        self.speed = speed  # seconds of the book per second of the clock
        self.shelf = {goods.id: goods for goods in SHELF}
        self.balance = Decimal(balance)
        self.orders: dict[str, Taken] = {}
        self._lock = threading.RLock()
        self._next_id = first_id
        self._advanced = 0.0
        self._started_at = time.monotonic()

    def take(self, *, service: str, link: str, quantity: int, parameters: dict[str, str]) -> Taken:
        """Take an order, whatever it is: services that are not on the shelf cost nothing."""
        with self._lock:
            goods = self.shelf.get(service)
            cost = Decimal(goods.cost) if goods else Decimal(0)
            flat = goods is not None and goods.type in ("Package", "Custom Comments Package")
            charge = cost if flat else cost * quantity / 1000
            order = Taken(
                id=self._new_id(),
                service=service,
                link=link,
                quantity=quantity,
                parameters=parameters,
                charge=f"{charge:.5f}",
                start_count=self._next_id * 7919 % 50_000,
                taken_at=self.now(),
            )
            self.balance -= charge
            self.orders[order.id] = order
            return order

    def now(self) -> float:
        """Return the book's time in seconds."""
        return self._advanced + (time.monotonic() - self._started_at) * self.speed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._advanced += seconds

    def duplicates(self) -> list[str]:
        """Return the links for which the same was ordered more than once."""
        with self._lock:
            wanted = Counter(
                (order.link, order.service, order.quantity, tuple(sorted(order.parameters.items())))
                for order in self.orders.values()
            )
            return sorted({link for (link, *_), times in wanted.items() if times > 1})

    def orders_for(self, link: str) -> list[Taken]:
        """Return what was taken for one link."""
        with self._lock:
            return [order for order in self.orders.values() if order.link == link]

    def report(self, order_id: str) -> dict[str, str] | None:
        """Return the protocol's account of an order."""
        with self._lock:
            order = self.orders.get(order_id)
            if order is None:
                return None
            status, remains = self._progress(order)
            return {
                "charge": order.charge,
                "start_count": str(order.start_count),
                "status": status,
                "remains": str(remains),
                "currency": "USD",
            }

    def cancel(self, order_id: str) -> str | None:
        """Stop an order; return the words of the refusal, if any."""
        with self._lock:
            order = self.orders.get(order_id)
            if order is None:
                return "Incorrect order ID"
            if self._progress(order)[0] in FINAL:
                return "Order already completed"
            order.canceled_at = self.now()
            return None

    def refill(self, order_id: str) -> tuple[str | None, str | None]:
        """Take on a refill; return its id, or the words of the refusal."""
        with self._lock:
            order = self.orders.get(order_id)
            if order is None:
                return None, "Incorrect order ID"
            if self._progress(order)[0] not in ("Completed", "Partial"):
                return None, "Order not eligible for refill"
            refill_id = self._new_id()
            order.refills[refill_id] = self.now()
            return refill_id, None

    def refill_status(self, refill_id: str) -> str | None:
        """Return how a refill is doing; `norefill` in the link rejects it in the end."""
        with self._lock:
            for order in self.orders.values():
                if refill_id in order.refills:
                    age = self.now() - order.refills[refill_id]
                    if age < REFILL_STARTS_SECONDS:
                        return "Pending"
                    if age < REFILL_ENDS_SECONDS:
                        return "In progress"
                    return "Rejected" if "norefill" in order.link else "Completed"
            return None

    def dump(self) -> dict[str, Any]:
        """Return everything, as JSON takes it."""
        with self._lock:
            return {
                "next_id": self._next_id,
                "now": self.now(),
                "balance": str(self.balance),
                "duplicates": self.duplicates(),
                "orders": [
                    asdict(order) | {"status": self._progress(order)[0], "remains": self._progress(order)[1]}
                    for order in self.orders.values()
                ],
            }

    def load(self, dumped: dict[str, Any]) -> None:
        """Become what was dumped."""
        with self._lock:
            self._next_id = dumped["next_id"]
            self._advanced, self._started_at = dumped["now"], time.monotonic()
            self.balance = Decimal(dumped["balance"])
            names = Taken.__dataclass_fields__
            orders = [Taken(**{name: row[name] for name in names}) for row in dumped["orders"]]
            self.orders = {order.id: order for order in orders}

    def _new_id(self) -> str:
        self._next_id += 1
        return str(self._next_id - 1)

    def _progress(self, order: Taken) -> tuple[str, int]:
        """Return an order's status and what remains."""
        word = next((row for row in OUTCOMES if row[0] in order.link.lower()), OUTCOMES[-1])
        _, seconds, share = word
        age = (self.now() if order.canceled_at is None else order.canceled_at) - order.taken_at
        progress = min(max((age - PROCESSING_SECONDS) / seconds, 0.0), 1.0)
        remains = order.quantity - int(order.quantity * progress * share)
        if order.canceled_at is not None or (progress == 1.0 and remains):
            return ("Canceled" if remains == order.quantity else "Partial"), remains
        if progress == 1.0:
            return "Completed", 0
        if age >= PROCESSING_SECONDS:
            return "In progress", remains
        return ("Processing" if age >= PENDING_SECONDS else "Pending"), remains
