"""The tables that figures are added up from, each as one SELECT over a range of its ids.

Every row of a SELECT names what it is about (day, service, provider, customer) and what it adds. Parameters: `after`,
`upto`, `base` (the base currency).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One table; `parts` gives what its rows add to figures, or to paces where `is_pace`; `time` is when they were."""

    name: str
    table: str
    time: str
    parts: str
    is_pace: bool = False


def _in_base(amount: str, currency: str) -> str:
    """Convert an amount; joined are `catalog_currency c` and what the names stand for."""
    return f"CASE WHEN {currency} = %(base)s::text THEN {amount} ELSE round({amount} / c.rate, 5) END"


# The other side of a wallet's entry is a house account, whose kind says what it was for; keys of charges and refunds
# name their order.
_ENTRY = f"""
SELECT (e.created_at AT TIME ZONE 'UTC')::date AS day,
    o.service_id::bigint AS service_id, NULL::bigint AS provider_id, w.user_id AS customer_id,
    0 AS orders,
    CASE WHEN house.kind = 'sales' AND e.debit_id = e.wallet_id THEN v.amount ELSE 0 END AS charged,
    CASE WHEN house.kind = 'sales' AND e.credit_id = e.wallet_id THEN v.amount ELSE 0 END AS refunded,
    CASE WHEN house.kind = 'cash' THEN v.change ELSE 0 END AS deposited,
    CASE WHEN house.kind NOT IN ('sales', 'cash') THEN v.change ELSE 0 END AS other,
    0::numeric AS cost, 0::numeric AS returned,
    0 AS sent, 0::numeric AS sold, 0::numeric AS unsold
FROM wallet_ledgerentry e
JOIN wallet_wallet w ON w.account_id = e.wallet_id
JOIN wallet_account house ON house.id = CASE WHEN e.debit_id = e.wallet_id THEN e.credit_id ELSE e.debit_id END
LEFT JOIN catalog_currency c ON c.code = w.currency
LEFT JOIN orders_order o ON o.id = CASE
    WHEN e.key ~ '^(charge|refund):order:[0-9]{{1,9}}(:|$)' THEN split_part(e.key, ':', 3)::int
END
CROSS JOIN LATERAL (
    SELECT amount, CASE WHEN e.credit_id = e.wallet_id THEN amount ELSE -amount END AS change
    FROM (SELECT {_in_base("e.amount", "w.currency")} AS amount) converted
) v
WHERE e.id > %(after)s::bigint AND e.id <= %(upto)s::bigint
"""

_ORDER = """
SELECT (o.created_at AT TIME ZONE 'UTC')::date AS day,
    o.service_id::bigint AS service_id, NULL::bigint AS provider_id, o.customer_id AS customer_id,
    1 AS orders, 0::numeric AS charged, 0::numeric AS refunded, 0::numeric AS deposited, 0::numeric AS other,
    0::numeric AS cost, 0::numeric AS returned, 0 AS sent, 0::numeric AS sold, 0::numeric AS unsold
FROM orders_order o
WHERE o.id > %(after)s::bigint AND o.id <= %(upto)s::bigint
"""

_COST = f"""
SELECT (m.at AT TIME ZONE 'UTC')::date AS day,
    o.service_id::bigint AS service_id, m.provider_id AS provider_id, o.customer_id AS customer_id,
    0 AS orders, 0::numeric AS charged, 0::numeric AS refunded, 0::numeric AS deposited, 0::numeric AS other,
    greatest(m.amount, 0) AS cost, greatest(-m.amount, 0) AS returned,
    CASE WHEN m.units > 0 THEN 1 ELSE 0 END AS sent,
    CASE WHEN m.units > 0 THEN v.price ELSE 0 END AS sold,
    CASE WHEN m.units < 0 THEN v.price ELSE 0 END AS unsold
FROM reports_costentry m
JOIN orders_run r ON r.id = m.run_id
JOIN orders_order o ON o.id = r.order_id
JOIN wallet_wallet w ON w.user_id = o.customer_id
LEFT JOIN catalog_currency c ON c.code = w.currency
CROSS JOIN LATERAL (
    SELECT {_in_base("share", "w.currency")} AS price
    FROM (SELECT round(o.charge * abs(m.units) / o.quantity, 5) AS share) of_order
) v
WHERE m.id > %(after)s::bigint AND m.id <= %(upto)s::bigint
"""

# What an order says of itself changes back and forth and may be corrected after its end: its first times count.
_BEGINS = "({0}.kind = 'progress' AND {0}.data->>'status' = 'In progress')"
_ENDS = "({0}.kind = 'finished' AND {0}.data->>'status' IN ('Completed', 'Partial'))"

_EVENT = f"""
SELECT (e.at AT TIME ZONE 'UTC')::date AS day, o.service_id::bigint AS service_id, r.provider_id AS provider_id,
    m.measure AS measure,
    floor(ln(greatest(extract(epoch FROM e.at - o.created_at), 1)) / ln(1.1))::int AS step
FROM orders_orderevent e
JOIN orders_order o ON o.id = e.order_id AND o.run_count = 1
JOIN orders_run r ON r.order_id = o.id AND r.number = 1
CROSS JOIN LATERAL (
    SELECT 'start' AS measure
    WHERE ({_BEGINS.format("e")} OR {_ENDS.format("e")}) AND NOT EXISTS (
        SELECT FROM orders_orderevent p
        WHERE p.order_id = e.order_id AND p.id < e.id AND ({_BEGINS.format("p")} OR {_ENDS.format("p")})
    )
    UNION ALL
    SELECT 'finish'
    WHERE {_ENDS.format("e")} AND NOT EXISTS (
        SELECT FROM orders_orderevent p WHERE p.order_id = e.order_id AND p.id < e.id AND {_ENDS.format("p")}
    )
) m
WHERE e.id > %(after)s::bigint AND e.id <= %(upto)s::bigint AND e.kind IN ('progress', 'finished')
"""

# Entries once more, from the side of the house, in the currency of each account.
ACCOUNT_SUMS = """
SELECT house.id AS account_id, (e.created_at AT TIME ZONE 'UTC')::date AS day,
    coalesce(sum(e.amount) FILTER (WHERE e.debit_id = house.id), 0) AS debited,
    coalesce(sum(e.amount) FILTER (WHERE e.credit_id = house.id), 0) AS credited
FROM wallet_ledgerentry e
JOIN wallet_account house ON house.id = CASE WHEN e.debit_id = e.wallet_id THEN e.credit_id ELSE e.debit_id END
WHERE e.id > %(after)s::bigint AND e.id <= %(upto)s::bigint
GROUP BY 1, 2
"""

ENTRIES = Source("entry", "wallet_ledgerentry", "created_at", _ENTRY)
FIGURE_SOURCES = (
    ENTRIES,
    Source("order", "orders_order", "created_at", _ORDER),
    Source("cost", "reports_costentry", "at", _COST),
)
PACE_SOURCE = Source("event", "orders_orderevent", "at", _EVENT, is_pace=True)
SOURCES = (*FIGURE_SOURCES, PACE_SOURCE)

FIGURES = ("orders", "charged", "refunded", "deposited", "other", "cost", "returned")
FIGURES_SUMMED = ", ".join(f"sum({column}) AS {column}" for column in FIGURES)

# What is added to whom, from rows as above: the kind, what names the subject, and the columns of its figures.
_OWN = "sum(orders) AS orders, sum(charged) AS charged, sum(refunded) AS refunded"
_OF_PROVIDER = "sum(sent) AS orders, sum(sold) AS charged, sum(unsold) AS refunded"
_REST = "sum(deposited) AS deposited, sum(other) AS other, sum(cost) AS cost, sum(returned) AS returned"
_KINDS = {
    "panel": ("0", _OWN),
    "service": ("service_id", _OWN),
    "provider": ("provider_id", _OF_PROVIDER),
    "customer": ("customer_id", _OWN),
}


def sum_up(parts: str, kind: str) -> str:
    """Spell the SELECT that adds up the rows of `parts`, a table or a query in brackets, for one kind of subject."""
    subject, own = _KINDS[kind]
    return (
        f"SELECT '{kind}' AS kind, ({subject})::bigint AS subject_id, day, {own}, {_REST} FROM {parts} part"
        f" WHERE ({subject}) IS NOT NULL GROUP BY 2, 3"
    )


def sum_up_paces(parts: str, kind: str) -> str:
    """Spell the same for paces, of a service or a provider."""
    return (
        f"SELECT '{kind}' AS kind, {kind}_id AS subject_id, day, measure, step, count(*) AS orders FROM {parts} part"
        f" WHERE {kind}_id IS NOT NULL GROUP BY 2, 3, 4, 5"
    )
