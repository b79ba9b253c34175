"""What status calls read; each is one query and returns only what is the customer's own."""

from collections.abc import Sequence

from django.db import connection

from api_v2.wire import OrderRow

_ORDERS = """
SELECT id, charge - refunded, start_count, status, remains FROM orders_order
WHERE id = ANY(%(ids)s::bigint[]) AND customer_id = %(customer)s AND archived_at IS NULL
"""

_REFILLS = """
SELECT r.id, r.status FROM orders_refill r JOIN orders_order o ON o.id = r.order_id
WHERE r.id = ANY(%(ids)s::bigint[]) AND o.customer_id = %(customer)s
"""


def list_order_rows(*, user_id: int, order_ids: Sequence[int]) -> dict[int, OrderRow]:
    """Return the orders among `order_ids` that are the customer's and not archived, by id."""
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS, {"ids": list(order_ids), "customer": user_id})
        return {row[0]: OrderRow(*row) for row in cursor.fetchall()}


def list_refill_statuses(*, user_id: int, refill_ids: Sequence[int]) -> dict[int, str]:
    """Return the statuses of those refills that are of the customer's orders, by id."""
    with connection.cursor() as cursor:
        cursor.execute(_REFILLS, {"ids": list(refill_ids), "customer": user_id})
        return dict(cursor.fetchall())
