"""Who is looking at a page."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from orders import queries
from orders.placement import Buyer
from wallet import queries as wallet_queries
from wallet.models import Wallet

P = ParamSpec("P")


class CustomerRequest(HttpRequest):
    """A request of somebody who is logged in: what views behind `login_required` get."""

    user: User
    htmx: HtmxDetails


def buyer_of(request: HttpRequest) -> Buyer | None:
    """Return the visitor as a buyer, read once per request; None for staff without a wallet and for strangers."""
    if not request.user.is_authenticated:
        return None
    known = vars(request)
    if "buyer" not in known:
        known["buyer"] = queries.load_buyer(request.user.pk)
    return known["buyer"]


def wallet_of(request: CustomerRequest) -> Wallet | None:
    """Return the customer's wallet; None for staff without one."""
    try:
        return wallet_queries.get_wallet(request.user.pk)
    except Wallet.DoesNotExist:
        return None


def part_for_customers(
    view: Callable[Concatenate[CustomerRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Reload the page of somebody who is no longer logged in and asks for a part of it.

    `login_required` would redirect, and htmx would put the log-in page into the middle of theirs.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return HttpResponseClientRefresh()
        return view(cast(CustomerRequest, request), *args, **kwargs)

    return guarded
