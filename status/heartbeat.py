"""The workers' sign of life: beat asks for it every ten seconds, as it asks for the sweeps."""

from datetime import timedelta

from django.db import connection

# Three signs in a row missed.
SILENT_AFTER = timedelta(seconds=40)

_BEAT = """
INSERT INTO status_heartbeat AS kept (id, beat_at) VALUES (1, statement_timestamp())
ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at
"""


def beat() -> None:
    """Say that a worker is at work."""
    with connection.cursor() as cursor:
        cursor.execute(_BEAT)


def read_age() -> timedelta | None:
    """Return how long ago that was, by the database's clock; None before the first time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp() - beat_at FROM status_heartbeat")
        row = cursor.fetchone()
    return None if row is None else row[0]
