"""The order of a category's services, as staff put it."""

from collections.abc import Mapping, Sequence

from django.db import connection, transaction

from catalog import writers
from catalog.errors import NotOfCategory
from catalog.models import Service


def order_services(
    *, category_id: int, service_ids: Sequence[int], move: tuple[int, int] | None = None
) -> Mapping[Service, tuple[int, int]]:
    """Put a category's services in this order and return those that moved, with their old and new positions.

    Services that are not named, as they came meanwhile, follow as they were.

    :param move: then put this one at this place of all, 1 being the first; beyond the end is last.
    :raises NotOfCategory: one is of another category, or named twice; nothing moves
    """
    with transaction.atomic():
        writers.lock_catalogue()
        services = Service.objects.filter(category=category_id).only("pk", "name", "position")
        known = {service.pk: service for service in services}
        if len(set(service_ids)) != len(service_ids) or not known.keys() >= set(service_ids):
            raise NotOfCategory
        others = sorted(known.keys() - set(service_ids), key=lambda pk: (known[pk].position, pk))
        ordered = [*service_ids, *others]
        if move is not None:
            service_id, place = move
            if service_id not in known:
                raise NotOfCategory
            ordered.remove(service_id)
            ordered.insert(place - 1, service_id)
        moved = {
            known[pk]: (known[pk].position, position)
            for position, pk in enumerate(ordered, start=1)
            if known[pk].position != position
        }
        _write({service.pk: new for service, (_, new) in moved.items()})
    return moved


def _write(positions: Mapping[int, int]) -> None:
    """Write positions in one statement. None at all would still count as a change of the catalogue."""
    if not positions:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE catalog_service SET position = new.position
            FROM unnest(%s::int[], %s::int[]) AS new (id, position) WHERE catalog_service.id = new.id
            """,
            [list(positions), list(positions.values())],
        )
