"""Who is looking at a page."""

from django.http import HttpRequest

from accounts.models import User
from orders import queries
from orders.placement import Buyer


class CustomerRequest(HttpRequest):
    """A request of somebody who is logged in: what views behind `login_required` get."""

    user: User


def buyer_of(request: HttpRequest) -> Buyer | None:
    """Return the visitor as a buyer, read once per request; None for staff without a wallet and for strangers."""
    if not request.user.is_authenticated:
        return None
    known = vars(request)
    if "buyer" not in known:
        known["buyer"] = queries.load_buyer(request.user.pk)
    return known["buyer"]
