"""The seven actions: parameters in, one call of the domain, an answer in the protocol's shape out."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from api_v2 import params, queries, wire
from api_v2.authentication import Caller
from api_v2.errors import INTERNAL_ERROR, describe
from api_v2.params import Ids, Sent
from catalog import snapshot
from catalog.snapshot import Snapshot
from orders import cancellations, placement, refills
from orders.errors import OrderNotFound, RefillNotFound
from panel.errors import DomainError

# Rendered catalogues kept per version: one for each currency, and one for each busy customer with own prices.
RENDERED_MAX = 32

Answer = bytes | dict[str, Any] | list[dict[str, Any]]

_rendering = threading.Lock()

logger = logging.getLogger(__name__)


def services(caller: Caller, sent: Sent) -> Answer:
    """Return the catalogue in the caller's currency and prices."""
    catalogue = snapshot.at_version(caller.catalog_version)
    extras = params.text(sent, "extras") == "1"
    owner = caller.user_id if catalogue.has_own_prices(caller.user_id) else None
    rendered = catalogue.derived.get((caller.currency, owner, extras))
    if rendered is None:
        rendered = _render_services(catalogue, caller=caller, extras=extras)
        with _rendering:
            catalogue.derived[(caller.currency, owner, extras)] = rendered
            while len(catalogue.derived) > RENDERED_MAX:
                catalogue.derived.popitem(last=False)
    return rendered


def _render_services(catalogue: Snapshot, *, caller: Caller, extras: bool) -> bytes:
    return wire.to_json(
        [
            wire.service(
                offer,
                rate=catalogue.rate_for(offer, customer_id=caller.user_id, currency=caller.currency),
                extras=extras,
            )
            for offer in catalogue.offers.values()
        ]
    )


def add(caller: Caller, sent: Sent) -> Answer:
    """Place an order."""
    offers = snapshot.at_version(caller.catalog_version).offers
    placed = placement.place_order(buyer=caller, draft=params.read_draft(sent, offers=offers))
    return {"order": placed.order_id}


def status(caller: Caller, sent: Sent) -> Answer:
    """Return how one order stands, or many by id."""
    ids = params.read_ids(sent, one="order", many="orders")
    found = queries.list_order_rows(user_id=caller.user_id, order_ids=_numbers(ids))
    statuses = {
        label: wire.order_status(found[number], currency=caller.currency)
        if number in found
        else describe(OrderNotFound())
        for label, number in ids.items
    }
    return statuses if ids.is_batch else next(iter(statuses.values()))


def cancel(caller: Caller, sent: Sent) -> Answer:
    """Ask for cancellation of each order; always a list."""
    ids = params.read_ids(sent, one="order", many="orders")
    return [{"order": order, "cancel": answer} for order, answer in _attempt_each(_request_cancellation, caller, ids)]


def refill(caller: Caller, sent: Sent) -> Answer:
    """Open a refill of one order (its id as text) or of each of many (ids as numbers)."""
    ids = params.read_ids(sent, one="order", many="orders")
    if not ids.is_batch:
        return {"refill": str(_request_refill(caller, ids.items[0][1]))}
    return [{"order": order, "refill": answer} for order, answer in _attempt_each(_request_refill, caller, ids)]


def refill_status(caller: Caller, sent: Sent) -> Answer:
    """Return how one refill stands, or many as a list."""
    ids = params.read_ids(sent, one="refill", many="refills")
    found = queries.list_refill_statuses(user_id=caller.user_id, refill_ids=_numbers(ids))
    if not ids.is_batch:
        number = ids.items[0][1]
        if number not in found:
            raise RefillNotFound
        return {"status": found[number]}
    return [
        {
            "refill": label if number is None else number,
            "status": found[number] if number in found else describe(RefillNotFound()),
        }
        for label, number in ids.items
    ]


def balance(caller: Caller, sent: Sent) -> Answer:
    """Return the wallet's balance as it was read with the key."""
    return wire.balance(caller.balance, currency=caller.currency)


ACTIONS: dict[str, Callable[[Caller, Sent], Answer]] = {
    "services": services,
    "add": add,
    "status": status,
    "cancel": cancel,
    "refill": refill,
    "refill_status": refill_status,
    "balance": balance,
}
READING_ACTIONS = frozenset({"services", "status", "refill_status", "balance"})


def _numbers(ids: Ids) -> list[int]:
    return [number for _, number in ids.items if number is not None]


def _attempt_each(
    operation: Callable[[Caller, int | None], int], caller: Caller, ids: Ids
) -> Iterator[tuple[int | str, Any]]:
    """Run a batch item by item, each in a transaction of its own; yield how to print its id, and its answer.

    What becomes of one does not touch the others, for what was done before it is committed: without the answer its
    client would not know which refills there are.

    :raises OperationalError: the database went away before anything was done.
    :raises InterfaceError: the same.
    """
    is_anything_done = is_database_away = False
    for label, number in ids.items:
        answer: Any = {"error": INTERNAL_ERROR}
        try:
            if not is_database_away:  # or each of a hundred might wait for it
                answer = operation(caller, number)
                is_anything_done = True
        except DomainError as error:
            answer = describe(error)
        except Exception as error:
            if isinstance(error, OperationalError | InterfaceError):
                if not is_anything_done:
                    raise
                # As the transaction ended, Django made a line that was broken anew; if there is none, it could not.
                is_database_away = connection.connection is None
            logger.exception("item %s of a batch crashed", label)
        yield label if number is None else number, answer


def _request_cancellation(caller: Caller, order_id: int | None) -> int:
    if order_id is None:
        raise OrderNotFound
    cancellations.request_cancellation(user_id=caller.user_id, order_id=order_id)
    return 1


def _request_refill(caller: Caller, order_id: int | None) -> int:
    if order_id is None:
        raise OrderNotFound
    return refills.request_refill(user_id=caller.user_id, order_id=order_id)
