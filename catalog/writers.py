"""Who writes the catalogue: said in the transaction that does, and noted by the triggers beside what it changes."""

from django.db import connection

from catalog.models import ServiceUpdate

Writer = ServiceUpdate.Writer
# Any number that no other advisory lock uses.
_LOCK = 0x7072_6963_6573


def sign(writer: Writer) -> None:
    """Have all that the transaction writes from here on noted as this writer's."""
    assert connection.in_atomic_block, "outside a transaction it would be forgotten at once"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('catalog.writer', %s, true)", [writer.value])


def lock_catalogue(*, writer: Writer | None = None, provider_id: int | None = None) -> None:
    """Wait until no other import or sync writes, and sign at once; both end with the transaction.

    One for all providers: a service may have routes at several, and they would wait for the catalogue's version
    anyway, but in an order in which they could wait for each other.

    :param writer: None leaves what was signed before.
    :param provider_id: whose price list it follows.
    """
    words = [str(word) for word in (writer and writer.value, provider_id) if word is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_advisory_xact_lock(%s::bigint),
                set_config('catalog.writer', coalesce(%s, current_setting('catalog.writer', true), ''), true)
            """,
            [_LOCK, " ".join(words) or None],
        )
