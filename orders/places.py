"""How many orders may be on their way to a provider at once: each takes one of its places until its end is known.

A call that hangs while its provider answers others gives its place back, and so does one whose worker was killed: both
are over for the provider, or stand alone, and neither ends here before its lease does. With one call in a hundred
hanging for half a minute all places of a busy provider were taken by such calls, and its orders waited.

A provider that answers nobody gets no more calls than it has places: each may cost staff a review.
"""

from datetime import timedelta
from typing import Any

from django.db import connection

from orders.models import Attempt
from providers import health

HANGS_AFTER = timedelta(seconds=5)  # most answers come within one
IN_FLIGHT_TIMES = 2  # so many times its places may be on their way, hanging ones and all
ANSWERED = (Attempt.State.ACCEPTED, Attempt.State.REJECTED, Attempt.State.DEFERRED)

# Whether a provider `p` has a place free; one that is being tried again after failures has a single one. Only of a call
# that hangs is asked whether a later one was answered.
HAS_ROOM = """
(
    SELECT taken < places AND in_flight < places * %(in_flight_times)s
    FROM (
        SELECT count(*) AS in_flight, count(*) FILTER (
            WHERE a.started_at > statement_timestamp() - %(hangs_after)s OR NOT EXISTS (
                SELECT FROM orders_attempt later
                WHERE later.provider_id = a.provider_id AND later.started_at > a.started_at
                    AND later.state = ANY(%(answered)s)
            )
        ) AS taken
        FROM orders_attempt a WHERE a.provider_id = p.id AND a.state = 'in_flight'
    ) on_the_way
    CROSS JOIN (SELECT CASE WHEN p.failures >= %(failures)s THEN 1 ELSE p.concurrency_max END AS places) has
)
"""
PARAMETERS: dict[str, Any] = {
    "in_flight_times": IN_FLIGHT_TIMES,
    "hangs_after": HANGS_AFTER,
    "answered": [state.value for state in ANSWERED],
    "failures": health.FAILURES_MAX,
}


def has_room(provider_id: int) -> bool:
    """Say whether one more order may be sent to a provider; the answer holds for as long as its row is locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {HAS_ROOM} FROM providers_provider p WHERE p.id = %(provider)s",
            PARAMETERS | {"provider": provider_id},
        )
        (is_free,) = cursor.fetchone()
    return bool(is_free)
