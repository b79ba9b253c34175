"""Forget what nobody looks at any more."""

from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now

from api_v2 import times
from api_v2.models import CallCount, CallTime, RecordedCall

CALLS_PER_KEY = 500  # ten pages of the dashboard
KEEP_CALLS = timedelta(days=7)
KEEP_COUNTS = timedelta(days=90)
KEEP_TIMES = timedelta(days=31)

# Only a key that was used lately can have grown; `last_used_at` is exact to the minute.
_PRUNE_BUSY = """
DELETE FROM api_v2_recordedcall c USING (
    SELECT k.id, (
        SELECT r.id FROM api_v2_recordedcall r WHERE r.key_id = k.id ORDER BY r.id DESC LIMIT 1 OFFSET %(kept)s::bigint
    ) AS first_too_many
    FROM accounts_apikey k WHERE k.last_used_at > now() - interval '1 hour'
) busy
WHERE c.key_id = busy.id AND c.id <= busy.first_too_many
"""


def prune_calls() -> None:
    """Keep the newest calls of each key, and of those none that is old."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE_BUSY, {"kept": CALLS_PER_KEY})
    RecordedCall.objects.filter(at__lt=Now() - KEEP_CALLS).delete()


def prune_counts() -> None:
    """Keep the counts of the last months."""
    CallCount.objects.filter(hour__lt=Now() - KEEP_COUNTS).delete()


def prune_times() -> None:
    """Keep the times of the last month, and the sum of all."""
    CallTime.objects.filter(hour__lt=Now() - KEEP_TIMES, hour__gt=times.ALL_TIME).delete()
