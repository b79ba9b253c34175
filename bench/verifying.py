"""Was every answer true? What the database must show after a run."""

from django.db import connection

from bench import measuring
from bench.seed import World
from orders.models import Order
from wallet.audit import audit_ledger

_WITHOUT_CHARGE = """
SELECT count(*) FROM orders_order o LEFT JOIN wallet_ledgerentry e ON e.id = o.charge_entry_id
WHERE e.key IS DISTINCT FROM 'charge:order:' || o.id OR e.amount <> o.charge
"""
_WITHOUT_ORDER = """
SELECT count(*) FROM wallet_ledgerentry e LEFT JOIN orders_order o ON o.charge_entry_id = e.id
WHERE e.key LIKE 'charge:%' AND o.id IS NULL
"""
_WITHOUT_RUNS = """
SELECT count(*) FROM orders_order o
WHERE o.quantity IS DISTINCT FROM (SELECT sum(quantity) FROM orders_run r WHERE r.order_id = o.id)
"""


def find_mismatches(world: World, *, acknowledged: int, rounds: int) -> list[str]:
    """Return in words what does not fit together."""
    audit = audit_ledger()
    found = [f"audit: {finding}" for finding in audit.findings]
    with connection.cursor() as cursor:
        for what, query in (
            ("orders without their charge", _WITHOUT_CHARGE),
            ("charges without their order", _WITHOUT_ORDER),
            ("orders whose runs are not their quantity", _WITHOUT_RUNS),
        ):
            cursor.execute(query)
            (count,) = cursor.fetchone()
            if count:
                found.append(f"{count} {what}")
    placed = Order.objects.count() - world.orders
    # When the time is up, requests on their way are committed but not counted: one for each connection.
    on_their_way = measuring.phases(rounds) * max(measuring.CONNECTIONS)
    on_their_way *= sum(line.places_orders for line in measuring.LINES)
    if not acknowledged <= placed <= acknowledged + on_their_way:
        found.append(f"{acknowledged} orders were acknowledged, {placed} are there")
    return found
