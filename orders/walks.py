"""Look at all runs of a kind in turns, so that each gets its own however many there are.

A walk goes from the run that waits longest to the one that waited least when it began, a page at a time, and then
begins anew. What comes meanwhile is for the next walk, or one would never end while more comes than is looked at. How
far it has come is one row, so nothing is written to the runs, and workers share a walk. It is written before a page is
looked at: a run that brings its worker down keeps no other from its turn, and the rest of its page has one in the next
walk.
"""

import time
from collections.abc import Iterator, Sequence

from django.db import connection, transaction

from orders.models import Walk

PAGE = 100  # runs that are taken at a time; as many are looked at although the time is over

# It locks the row as well, for as long as the page is being read.
_BEGIN = """
INSERT INTO orders_walk AS w (over, after_id, until) VALUES (%(over)s, 0, statement_timestamp())
ON CONFLICT (over) DO UPDATE SET until = CASE WHEN w.after_at IS NULL THEN excluded.until ELSE w.until END
RETURNING coalesce(after_at, '-infinity')::text, after_id, until::text
"""
_REMEMBER = "UPDATE orders_walk SET after_at = %(after_at)s, after_id = %(after_id)s WHERE over = %(over)s"


def take_pages(over: Walk.Over, statement: str, *, seconds: float) -> Iterator[Sequence[int]]:
    """Give the next pages of a walk, at least one, to its end or until the time is over.

    :param statement: selects the id and the time of the runs after (`after_at`, `after_id`) and at `until` the latest,
        in the order of time and id, `page` of them.
    """
    started = time.monotonic()
    has_more = True
    while has_more:
        run_ids = _take_page(over, statement)
        yield run_ids
        has_more = len(run_ids) == PAGE and time.monotonic() - started < seconds


def _take_page(over: Walk.Over, statement: str) -> Sequence[int]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_BEGIN, {"over": over})
        after_at, after_id, until = cursor.fetchone()
        cursor.execute(statement, {"after_at": after_at, "after_id": after_id, "until": until, "page": PAGE})
        page = cursor.fetchall()
        # A page that is not full is the last one.
        last_id, last_at = page[-1] if len(page) == PAGE else (0, None)
        cursor.execute(_REMEMBER, {"over": over, "after_at": last_at, "after_id": last_id})
    return [run_id for run_id, _ in page]
