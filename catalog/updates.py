"""What customers may read of the changes in the catalogue."""

from django.db.models import Exists, OuterRef, Q

from catalog.models import Route, ServiceUpdate
from panel.paging import Page, read_page

PAGE_UPDATES = 50
# So many are looked through for one page: after a large provider has gone, most are of services no longer on sale.
SCANNED_UPDATES_MAX = 5000
RATES_MAX = 100  # of one service's past


def list_public_updates(*, before: int | None = None, limit: int = PAGE_UPDATES) -> Page[ServiceUpdate]:
    """List what changed in services that are on sale, and which were taken off, newest first; never our costs.

    :param before: the `next_key` of the page above.
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
    page = read_page(public.filter(on_sale | taken_off).select_related("service"), limit=limit)
    return Page(page.rows, floor) if page.next_key is None else page


def list_rate_updates(service_id: int) -> list[ServiceUpdate]:
    """List how the public rate of a service on sale came to be, newest first: at most `RATES_MAX` changes."""
    told = [ServiceUpdate.Field.ADDED, ServiceUpdate.Field.RATE]
    changes = ServiceUpdate.objects.filter(service_id=service_id, route=None, field__in=told)
    return list(changes.select_related("service").order_by("-pk")[:RATES_MAX])
