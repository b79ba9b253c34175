"""Was an order committed whose answer never came?

The database may be stopped, or the line to it cut, between the commit of an order and the answer. An error would
then be a lie: the order exists and is charged. So the event that an order begins with carries a token its placement
chose, and whoever lost the answer looks for it as soon as the database can be asked again.
"""

import time
import uuid
from typing import Any

from django.db import InterfaceError, OperationalError, connection

PATIENCE_SECONDS = 25  # longer than PostgreSQL needs to recover, shorter than clients wait
ASK_AGAIN_SECONDS = 0.1

# Newer orders than this many cannot have been placed since the answer was lost; it keeps the look short for a customer
# who has millions.
RECENT_ORDERS = 10_000

# What the old session has not committed when it is ended never will be. A session that began after the loss is not it,
# even where the system gave it the same process id.
_END_SESSION = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE pid = %(session)s AND usename = current_user
    AND backend_start < clock_timestamp() - make_interval(secs => %(lost_for)s)
"""

_FIND_ORDER = """
SELECT o.id FROM orders_order o
JOIN orders_orderevent e ON e.order_id = o.id AND e.kind = 'placed' AND e.data->>'placement' = %(placement)s
WHERE o.customer_id = %(customer)s AND o.id > (SELECT max(id) - %(recent)s FROM orders_order)
"""


class StillUnknown(Exception):
    """The database did not come back in time to say whether the order exists."""


def new_placement() -> str:
    """Choose the token by which an order can be found before anybody knows its id."""
    return uuid.uuid4().hex


def find_order(*, customer_id: int, placement: str, session: int) -> int | None:
    """Return the id of the order that a placement made, or None when it made none and never will.

    :param session: process id of the server's end of the lost connection
    :raises StillUnknown: the database stayed away for `PATIENCE_SECONDS`.
    """
    lost_at = time.monotonic()
    while True:
        connection.close()
        try:
            return _look(customer_id=customer_id, placement=placement, session=session, lost_at=lost_at)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() - lost_at > PATIENCE_SECONDS:
                raise StillUnknown(f"order of customer {customer_id}, placement {placement}") from error
        time.sleep(ASK_AGAIN_SECONDS)


def _look(*, customer_id: int, placement: str, session: int, lost_at: float) -> int | None:
    parameters: dict[str, Any] = {"customer": customer_id, "placement": placement, "recent": RECENT_ORDERS}
    with connection.cursor() as cursor:
        cursor.execute(_END_SESSION, {"session": session, "lost_for": time.monotonic() - lost_at})
        if not all(ended for (ended,) in cursor.fetchall()):
            raise OperationalError(f"session {session} does not end")
        cursor.execute(_FIND_ORDER, parameters)
        row = cursor.fetchone()
    return row[0] if row else None
