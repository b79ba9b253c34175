"""The statement that places an order, taken from a real one, so that the ceilings always run what the panel runs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import connection
from psycopg import sql

from api_v2 import authentication
from bench.seed import Buyer, World
from orders import placement
from orders.placement import Draft

# The parameters in which one customer's order differs from another's; pgbench draws the customer.
_OF_CUSTOMER = ("customer", "wallet", "api_key")


class StatementNotFound(Exception):
    """Placing an order no longer sends one statement with the parameters known here."""


def capture(world: World) -> tuple[str, dict[str, Any]]:
    """Place one order for the reseller and return the statement that did it, with its parameters.

    :raises StatementNotFound:
    """
    seen: list[tuple[str, Any]] = []

    def watch(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        seen.append((statement, parameters))
        return execute(statement, parameters, many, context)

    caller = authentication.identify(world.reseller.key)
    with connection.execute_wrapper(watch):
        placement.place_order(
            buyer=caller,
            draft=Draft(service_id=world.service_ids[0], link="https://instagram.com/customer", quantity=1000),
        )
    for statement, parameters in seen:
        if "INSERT INTO orders_order " in statement and set(_OF_CUSTOMER) <= parameters.keys():
            return statement, dict(parameters)
    raise StatementNotFound


def for_buyer(parameters: Mapping[str, Any], buyer: Buyer) -> dict[str, Any]:
    """Return the captured parameters as another customer's order has them."""
    return dict(parameters) | _ids(buyer)


def as_pgbench_script(statement: str, parameters: Mapping[str, Any], world: World) -> str:
    """Return the statement as a pgbench script that draws a customer for each order.

    Customers, wallets and keys were made together, so that their ids are a fixed distance apart.
    """
    names = {name: sql.SQL(f":{name}") for name in _OF_CUSTOMER}
    # psycopg's %(name)s to literals, and to pgbench's :name, which it would also see inside of this text.
    text = statement.replace("'charge:order:'", "'charge' || ':' || 'order:'") % {
        name: (names[name] if name in names else sql.Literal(_plain(value))).as_string()
        for name, value in parameters.items()
    }
    lines = [f"\\set n random(0, {len(world.customers) - 1})"]
    for name in _OF_CUSTOMER:
        ids = [_ids(buyer)[name] for buyer in world.customers]
        distance = ids[1] - ids[0]
        assert ids == list(range(ids[0], ids[-1] + 1, distance)), "uneven ids: the database was not empty"
        lines.append(f"\\set {name} {ids[0]} + {distance} * :n")
    return "\n".join([*lines, f"{text.strip()};", ""])


def _ids(buyer: Buyer) -> dict[str, int]:
    return {"customer": buyer.user_id, "wallet": buyer.wallet_id, "api_key": buyer.api_key_id}


def _plain(value: Any) -> Any:
    """Print amounts as text; the statement casts them."""
    return str(value) if isinstance(value, Decimal) else value
