"""What customers may read of the changes in the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from catalog.models import Route, ServiceUpdate

PAGE_UPDATES = 50
# So many are looked through for one page: after a large provider has gone, most are of services no longer on sale.
SCANNED_UPDATES_MAX = 5000


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
