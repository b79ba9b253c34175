"""The order of a category's services, as staff put it."""

from collections.abc import Sequence

from django.db import transaction

from catalog import buying
from catalog.errors import NotOfCategory
from catalog.models import Service


def order_services(*, category_id: int, service_ids: Sequence[int]) -> int:
    """Put a category's services in this order and return how many moved; those that came meanwhile follow.

    :raises NotOfCategory: one is of another category, or named twice; nothing moves
    """
    with transaction.atomic():
        buying.lock_catalogue()
        known = {service.pk: service for service in Service.objects.filter(category=category_id).only("pk", "position")}
        if len(set(service_ids)) != len(service_ids) or not known.keys() >= set(service_ids):
            raise NotOfCategory
        others = sorted(known.keys() - set(service_ids), key=lambda pk: (known[pk].position, pk))
        moved = []
        for position, pk in enumerate([*service_ids, *others], start=1):
            if known[pk].position != position:
                known[pk].position = position
                moved.append(known[pk])
        Service.objects.bulk_update(moved, ["position"], batch_size=1000)
    return len(moved)
