"""What customers may read of the changes in the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from catalog.models import Route, ServiceUpdate

PAGE_UPDATES = 50
# So many are looked through for one page: after a large provider has gone, most are of services no longer on sale.
SCANNED_UPDATES_MAX = 5000
RATES_MAX = 100  # of one service's past


@dataclass(frozen=True, slots=True)
class UpdatePage:
    """One page of a list, newest first; `next_before` is where the next one starts, None at the end."""

    updates: Sequence[ServiceUpdate]
    next_before: int | None


def list_public_updates(*, before: int | None = None, limit: int = PAGE_UPDATES) -> UpdatePage:
    """List what changed in services that are on sale, and which were taken off; never what they cost us.

    :param before: the id of the last update of the page before.
    """
    public = ServiceUpdate.objects.filter(route=None).order_by("-pk")
    if before is not None:
        public = public.filter(pk__lt=before)
    floor = public.values_list("pk", flat=True)[SCANNED_UPDATES_MAX - 1 : SCANNED_UPDATES_MAX].first()
    if floor is not None:
        public = public.filter(pk__gte=floor)
    delivers = Route.objects.filter(service=OuterRef("service"), is_active=True, gone_at=None)
    on_sale = Q(Exists(delivers), service__is_active=True)
    taken_off = Q(field=ServiceUpdate.Field.IS_ACTIVE, new="false")
    found = list(public.filter(on_sale | taken_off).select_related("service")[: limit + 1])
    if len(found) > limit:
        return UpdatePage(found[:limit], found[limit - 1].pk)
    return UpdatePage(found, floor)


def list_rate_updates(service_id: int) -> list[ServiceUpdate]:
    """List how the public rate of a service on sale came to be, newest first: at most `RATES_MAX` changes."""
    told = [ServiceUpdate.Field.ADDED, ServiceUpdate.Field.RATE]
    changes = ServiceUpdate.objects.filter(service_id=service_id, route=None, field__in=told)
    return list(changes.select_related("service").order_by("-pk")[:RATES_MAX])
