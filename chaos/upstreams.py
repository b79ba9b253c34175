"""The fake providers as seen from here: what they shall do, and what they have done."""

import json
import urllib.request
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tests.fake_provider.server import KEY

__all__ = ["KEY", "SPEED", "Note", "Shelf", "Upstream", "read_shelves"]

SPEED = 4.0  # an order is delivered within four seconds of the clock
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Note:
    """One call that a provider received."""

    at: float
    action: str
    link: str
    ids: int  # how many orders it asked about
    fault: str | None


@dataclass(frozen=True, slots=True)
class Upstream:
    """One fake provider."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """Where it takes the panel's calls."""
        return f"http://127.0.0.1:{self.port}/api/v2"

    def fail(self, chances: dict[str, float]) -> None:
        """Let calls fail by chance from now on; an empty table ends that."""
        self._post("/programme", {"chances": chances})

    def advance(self, seconds: float) -> None:
        """Let time pass for its orders."""
        self._post("/advance", {"seconds": seconds})

    def read_book(self) -> dict[str, Any]:
        """Return everything it knows."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/book.json", timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)

    def _post(self, path: str, content: Any) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=json.dumps(content).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read()


@dataclass(frozen=True)
class Shelf:
    """What a provider took, by link and by id, and the calls it received."""

    name: str
    taken: dict[str, list[dict[str, Any]]]  # link -> orders
    orders: dict[str, dict[str, Any]]
    notes: list[Note]


def read_shelves(upstreams: dict[str, Upstream]) -> dict[str, Shelf]:
    """Read every provider's book."""
    return {name: _read(upstream) for name, upstream in upstreams.items()}


def _read(upstream: Upstream) -> Shelf:
    book = upstream.read_book()
    taken: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in book["orders"]:
        taken[order["link"]].append(order)
    notes = [
        Note(at=row["at"], action=row["action"], link=row.get("link", ""), ids=row.get("ids", 0), fault=row["fault"])
        for row in book["received"]
    ]
    return Shelf(upstream.name, dict(taken), {order["id"]: order for order in book["orders"]}, notes)
