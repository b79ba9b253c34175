"""What calls, examples, refusals and guides to types are made of, and what most of them share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY_PLACEHOLDER = "YOUR_API_KEY"
LINK = "https://instagram.com/your_handle"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a request may carry."""

    name: str
    kind: str
    text: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """A request without its key, and the answer to it."""

    slug: str
    params: Mapping[str, str]
    answer: Any
    key: str = KEY_PLACEHOLDER

    @property
    def request(self) -> dict[str, str]:
        """Return everything that is sent, the key first."""
        return {"key": self.key, **self.params}


@dataclass(frozen=True, slots=True)
class Call:
    """One documented call; an action that takes one id or many is two calls."""

    group: str
    title: str
    text: str
    parameters: tuple[Parameter, ...]
    example: Example
    notes: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """Return the call's action."""
        return self.example.params["action"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error text: when it comes and what to do about it."""

    text: str
    when: str
    remedy: str
    example: Example | None = None  # None: cannot be asked for


@dataclass(frozen=True, slots=True)
class TypeGuide:
    """What `add` takes for one service type."""

    name: str
    parameters: tuple[Parameter, ...]
    quantity: str
    charge: str
    example: Example


KEY = Parameter("key", "string", "Your private API key.")
ORDER = Parameter("order", "number", "Order ID returned by add.")
ORDERS = Parameter("orders", "list", "Up to 100 order IDs separated by commas.")
