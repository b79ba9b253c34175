"""The protocol's dictionary shapes and number formats."""

from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from catalog.snapshot import Offer
from panel.money import format_amount, format_rate


class OrderRow(NamedTuple):
    """What a status answer is made of; `charge` is net of refunds."""

    id: int
    charge: Decimal
    start_count: int | None
    status: str
    remains: int


def to_json(answer: Any) -> bytes:
    """Print an answer as compact JSON."""
    return orjson.dumps(answer)


def service(offer: Offer, *, rate: Decimal, extras: bool) -> dict[str, Any]:
    """Return one line of the catalogue: exactly nine keys, a tenth breaks strict clients."""
    line: dict[str, Any] = {
        "service": offer.id,
        "name": offer.name,
        "type": offer.type,
        "category": offer.category,
        "rate": format_rate(rate),
        "min": str(offer.min),
        "max": str(offer.max),
        "refill": offer.refill,
        "cancel": offer.cancel,
    }
    if extras:
        line["dripfeed"] = offer.dripfeed
        line["desc"] = offer.description
        line["average_time"] = "" if offer.average_minutes is None else str(offer.average_minutes)
    return line


def order_status(order: OrderRow, *, currency: str) -> dict[str, str]:
    """Return how an order stands, all in strings."""
    return {
        "charge": format_amount(order.charge),
        "start_count": str(order.start_count or 0),
        "status": order.status,
        "remains": str(order.remains),
        "currency": currency,
    }


def balance(amount: Decimal, *, currency: str) -> dict[str, str]:
    """Return a wallet's balance."""
    return {"balance": format_amount(amount), "currency": currency}
