"""Place an order: charge it and queue its runs, in one statement and so in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from accounts.errors import AccountSuspended, InvalidApiKey
from catalog import snapshot
from catalog.snapshot import Offer
from catalog.types import TYPES
from orders import lost_answers, nudge, pricing
from orders.errors import (
    DripfeedIncomplete,
    DripfeedNotOffered,
    ParameterMissing,
    QuantityTooHigh,
    QuantityTooLow,
    ServiceNotActive,
)
from panel.money import ZERO
from wallet import ledger
from wallet.errors import InsufficientBalance
from wallet.models import Account

RUNS_MAX = 1000  # rows written by one order; forms and parameters refuse more
INTERVAL_MINUTES_MAX = 30 * 24 * 60  # a month between two runs
QUANTITY_MAX = 2**31 - 1  # what the column holds; no service sells as much


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders, as read from the database in this request."""

    user_id: int
    wallet_id: int
    currency: str
    balance: Decimal
    is_suspended: bool
    catalog_version: int
    api_key_id: int | None = None  # None: ordered on the web


@dataclass(frozen=True, slots=True)
class Draft:
    """What an order asks for; `parameters` holds lists for line parameters and text for the others."""

    service_id: int
    link: str
    quantity: int | None = None
    runs: int | None = None
    interval_minutes: int | None = None
    parameters: Mapping[str, str | Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A draft that may be ordered: its service, total, runs and price."""

    offer: Offer
    quantity: int
    run_quantities: Sequence[int]
    rate: Decimal
    charge: Decimal
    parameters: Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that is charged and queued."""

    order_id: int
    charge: Decimal


def place_order(*, buyer: Buyer, draft: Draft) -> Placed:
    """Charge the buyer and queue the order; either both are committed or nothing is.

    Refusals come in the protocol's order: parameters, service, quantity, balance.

    :raises AccountSuspended:
    :raises ServiceNotActive:
    :raises ParameterMissing: the service's type needs it.
    :raises DripfeedIncomplete:
    :raises DripfeedNotOffered:
    :raises QuantityTooLow: in total, or in one run.
    :raises QuantityTooHigh:
    :raises InsufficientBalance:
    :raises InvalidApiKey: the key died while the order was on its way.
    :raises StillUnknown: the database went away in the middle and did not come back.
    """
    quote = quote_order(buyer=buyer, draft=draft)
    # The balance was read a moment ago. Refusing on it spares an order id, a burnt row and a lock; whoever
    # gets past is decided by the conditional update.
    if buyer.balance < quote.charge:
        raise InsufficientBalance
    order_id = _insert(buyer=buyer, draft=draft, quote=quote)
    nudge.wake_submitters()
    return Placed(order_id, quote.charge)


def quote_order(*, buyer: Buyer, draft: Draft) -> Quote:
    """Check a draft and price it, without touching anything; raises like `place_order`."""
    if buyer.is_suspended:
        raise AccountSuspended
    if (draft.runs is None) != (draft.interval_minutes is None):
        raise DripfeedIncomplete
    catalogue = snapshot.at_version(buyer.catalog_version)
    offer = catalogue.offers.get(draft.service_id)
    if offer is None:
        raise ServiceNotActive
    kind = TYPES[offer.type]
    if draft.runs is not None and not (offer.dripfeed and kind.dripfeed):
        raise DripfeedNotOffered
    sent = draft.parameters or {}
    for name in kind.required:
        if not sent.get(name):
            raise ParameterMissing(parameter=name)
    quantity, run_quantities = _quantities(draft=draft, offer=offer, sent=sent)
    rate = catalogue.rate_for(offer, customer_id=buyer.user_id, currency=buyer.currency)
    return Quote(
        offer=offer,
        quantity=quantity,
        run_quantities=run_quantities,
        rate=rate,
        charge=pricing.charge_for(rate=rate, quantity=quantity, flat_rate=kind.flat_rate),
        parameters={name: sent[name] for name in (*kind.required, *kind.optional) if sent.get(name)},
    )


def _quantities(*, draft: Draft, offer: Offer, sent: Mapping[str, str | Sequence[str]]) -> tuple[int, Sequence[int]]:
    """Return an order's total and its runs, within the service's limits."""
    source = TYPES[offer.type].quantity
    if source == "one":
        return 1, [1]
    quantity = draft.quantity if source == "quantity" else len(sent[source])
    if quantity is None:
        raise ParameterMissing(parameter="quantity")
    if draft.runs is None:
        total, runs = quantity, [quantity]
    elif settings.DRIPFEED_QUANTITY == "per_run":
        total, runs = quantity * draft.runs, [quantity] * draft.runs
    else:
        # A split below one unit a run is below every minimum; do not build a long list of zeros for it.
        total, runs = quantity, pricing.split_runs(quantity=quantity, runs=min(draft.runs, quantity + 1))
    if (smallest := min(runs, default=0)) < offer.min:
        raise QuantityTooLow(quantity=smallest, minimum=offer.min)
    limited = quantity if settings.DRIPFEED_QUANTITY == "per_run" else total
    if limited > offer.max or total > QUANTITY_MAX:
        raise QuantityTooHigh(quantity=limited, maximum=offer.max)
    return total, runs


# `held` keeps the key alive until commit: a revocation waits for it, and a key that died after it was checked
# yields no row, so nothing below happens. The wallet comes next to last and is locked for this statement and
# its commit only.
_HELD_KEY = """
held AS MATERIALIZED (
    SELECT id FROM accounts_apikey WHERE id = %(api_key)s::bigint AND revoked_at IS NULL FOR SHARE
),"""
_HELD_NOTHING = "held AS (SELECT 1 AS id),"

_IDS = """
ids AS MATERIALIZED (
    SELECT order_id, 'charge:order:' || order_id AS key, nextval('wallet_ledgerentry_id_seq') AS entry_id
    FROM (SELECT nextval('orders_order_id_seq')::int AS order_id FROM held) numbered
),"""
_CHARGED = f"{ledger.MOVEMENT},\ncharged AS (SELECT ids.order_id, entry.id AS entry_id FROM ids, entry),"
_FREE = "charged AS (SELECT order_id, NULL::bigint AS entry_id FROM ids),"

_ORDER = """
placed AS (
    INSERT INTO orders_order (
        id, customer_id, api_key_id, service_id, service_type, link, quantity, parameters, rate, charge, refunded,
        refund_count, charge_entry_id, run_count, interval_minutes, status, remains, created_at
    )
    SELECT
        order_id, %(customer)s::bigint, %(api_key)s::bigint, %(service)s::int, %(service_type)s::text, %(link)s::text,
        %(quantity)s::int, %(parameters)s::jsonb, %(rate)s::numeric(20,5), %(charge)s::numeric(20,5), 0,
        0, entry_id, cardinality(%(runs)s::int[]), %(interval)s::int, 'Pending', %(quantity)s::int, now()
    FROM charged
    RETURNING id
),
queued AS (
    INSERT INTO orders_run (
        order_id, number, quantity, state, due_at, provider_id, route_id, provider_order, remains
    )
    SELECT
        placed.id, run.number, run.quantity, 'queued',
        now() + make_interval(mins => coalesce(%(interval)s::int, 0) * (run.number - 1)::int),
        %(provider)s::bigint, %(route)s::bigint, '', run.quantity
    FROM placed, unnest(%(runs)s::int[]) WITH ORDINALITY AS run (quantity, number)
),
told AS (
    INSERT INTO orders_orderevent (order_id, kind, data, at)
    SELECT id, 'placed', jsonb_build_object('placement', %(placement)s::text), now() FROM placed
)
SELECT (SELECT count(*) FROM held), (SELECT id FROM placed)
"""


def _insert(*, buyer: Buyer, draft: Draft, quote: Quote) -> int:
    placement = lost_answers.new_placement()
    held = _HELD_KEY if buyer.api_key_id is not None else _HELD_NOTHING
    parameters: dict[str, Any] = {
        "api_key": buyer.api_key_id,
        "customer": buyer.user_id,
        "service": quote.offer.id,
        "service_type": quote.offer.type,
        "link": draft.link,
        "quantity": quote.quantity,
        "parameters": orjson.dumps(quote.parameters).decode(),
        "rate": quote.rate,
        "charge": quote.charge,
        "runs": list(quote.run_quantities),
        "interval": draft.interval_minutes,
        "provider": quote.offer.provider_id,
        "route": quote.offer.route_id,
        "wallet": buyer.wallet_id,
        "change": -quote.charge,
        "kind": str(Account.Kind.SALES),
        "gateway": "",
        "reason": "",
        "actor": None,
        "placement": placement,
    }
    sql = "WITH " + held + _IDS + (_CHARGED if quote.charge > ZERO else _FREE) + _ORDER
    with connection.cursor() as cursor:
        session = connection.connection.info.backend_pid
        try:
            cursor.execute(sql, parameters)
            live, order_id = cursor.fetchone()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or not connection.connection.closed:
                raise  # the database said that it did not do it, or the whole transaction is lost
            live = True
            order_id = lost_answers.find_order(customer_id=buyer.user_id, placement=placement, session=session)
            if order_id is None:
                raise
    if not live:
        raise InvalidApiKey
    if order_id is None:
        raise InsufficientBalance
    return order_id
