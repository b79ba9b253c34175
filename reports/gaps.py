"""From when on figures lack something: said on pages while workers catch up."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from reports.sources import Source

# So many of the next ids are looked at: they follow time, but for long transactions and costs of the past.
LOOKED_AT_MAX = 10_000

_NEXT = """
SELECT min(at) FROM (SELECT {time} AS at FROM {table} WHERE id > %(after)s ORDER BY id LIMIT %(most)s) next
"""
_NEXT_OF_PAST = """
SELECT coalesce(finished_at, started_at) FROM orders_attempt
WHERE id > %(after)s AND id <= %(last)s AND state = 'accepted' ORDER BY id LIMIT 1
"""


def find_gap(behind: Mapping[Source, int], *, past: tuple[int, int] | None = None) -> datetime | None:
    """Return when the first of what is missing was posted.

    :param behind: the last id that is added up of each source that has more.
    :param past: likewise of attempts whose costs are still to be written down, and the last of these.
    """
    found = []
    with connection.cursor() as cursor:
        for source, after in behind.items():
            cursor.execute(_NEXT.format(time=source.time, table=source.table), {"after": after, "most": LOOKED_AT_MAX})
            found.append(cursor.fetchone()[0])
        if past is not None:
            cursor.execute(_NEXT_OF_PAST, {"after": past[0], "last": past[1]})
            row = cursor.fetchone()
            found.append(row and row[0])
    return min((at for at in found if at is not None), default=None)
