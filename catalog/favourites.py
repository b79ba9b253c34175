"""The services a customer wants at hand."""

from catalog.errors import ServiceNotFound, TooManyFavourites
from catalog.models import Favourite, Service

FAVOURITES_MAX = 200  # more than anybody has at hand; every page with services reads them all


def add_favourite(*, customer_id: int, service_id: int) -> None:
    """Mark a service; marking it again changes nothing.

    :raises ServiceNotFound: not there or not on sale; nobody can tell which.
    :raises TooManyFavourites: by one or two more when several are added at the same moment, which harms nobody.
    """
    if not Service.objects.filter(pk=service_id, is_active=True).exists():
        raise ServiceNotFound
    marked = list_favourites(customer_id)
    if service_id in marked:
        return
    if len(marked) >= FAVOURITES_MAX:
        raise TooManyFavourites(maximum=FAVOURITES_MAX)
    Favourite.objects.bulk_create([Favourite(customer_id=customer_id, service_id=service_id)], ignore_conflicts=True)


def remove_favourite(*, customer_id: int, service_id: int) -> None:
    """Take the mark off, also from a service that is no longer on sale; without a mark nothing changes."""
    Favourite.objects.filter(customer_id=customer_id, service_id=service_id).delete()


def list_favourites(customer_id: int) -> frozenset[int]:
    """Return the ids of the services a customer marked, those off sale too."""
    return frozenset(Favourite.objects.filter(customer_id=customer_id).values_list("service_id", flat=True))
