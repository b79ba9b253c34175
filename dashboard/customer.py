"""Who is looking at a page, read once per request."""

from django.http import HttpRequest

from orders import queries
from orders.placement import Buyer


def buyer_of(request: HttpRequest) -> Buyer | None:
    """Return the visitor as a buyer; None for visitors who are not logged in and for staff without a wallet."""
    if not request.user.is_authenticated:
        return None
    if not hasattr(request, "_buyer"):
        request._buyer = queries.load_buyer(request.user.pk)
    return request._buyer
