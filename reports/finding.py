"""Find from any page of the admin what somebody names: an order, a customer, a payment, a ticket.

By whole values that have an index, and by the beginning of a user name. Each only to whom may see the list it is in.
"""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from unfold.dataclasses import SearchResult

from accounts.models import User
from orders import staff_listing
from orders.models import Order
from orders.staff_listing import StaffFilter
from panel.admin_pages import parse_id
from panel.money import format_amount
from payments.models import Payment
from support.models import Ticket

SHOWN_MAX = 5  # of each kind; the list has the rest
ID_MAX = 2**31 - 1  # what the columns of payments, tickets and users hold


def find(request: HttpRequest, _lowered: str) -> list[SearchResult]:
    """Return what the term in the address names; the theme hands it over in small letters, and links have others."""
    term = request.GET.get("s", "").strip()
    return [*_find_orders(request, term), *_find_customers(request, term), *_find_numbered(request, term)]


def _find_orders(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    wanted = staff_listing.narrow_by_search(StaffFilter(), term)
    if wanted.customer_id is not None or not request.user.has_perm("orders.view_order"):
        return  # the customer is found below
    orders = staff_listing.match(wanted).select_related("customer", "service").order_by("-pk")
    found = list(orders.defer("parameters")[: SHOWN_MAX + 1])
    for order in found[:SHOWN_MAX]:
        yield _result(f"Order {order.pk}", _describe(order), "orders_order", order.pk, "shopping_cart")
    if len(found) > SHOWN_MAX:
        address = f"{reverse('admin:orders_order_changelist')}?{urlencode({'q': term})}"
        yield SearchResult(title="All orders found", description=term, link=address, icon="shopping_cart")


def _describe(order: Order) -> str:
    return f"{order.status}, {order.quantity:,} of {order.service} for {order.customer}"


def _find_customers(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    if not request.user.has_perm("accounts.view_user"):
        return
    by_name = User.objects.filter(email__iexact=term) if "@" in term else User.objects.filter(username__startswith=term)
    for user in by_name.select_related("wallet").order_by("username")[:SHOWN_MAX]:
        wallet = getattr(user, "wallet", None)
        about = f"{user.email}, {format_amount(wallet.balance)} {wallet.currency}" if wallet else "staff"
        yield _result(user.username, about, "accounts_user", user.pk, "group")


def _find_numbered(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    number = parse_id(term.removeprefix("#"))
    if number is None or number > ID_MAX:
        return
    if request.user.has_perm("payments.view_payment"):
        for payment in Payment.objects.filter(pk=number).select_related("wallet__user"):
            about = f"{payment.get_state_display()}, {format_amount(payment.amount)} of {payment.wallet.user}"
            yield _result(f"Payment {number}", about, "payments_payment", number, "payments")
    if request.user.has_perm("support.view_ticket"):
        for ticket in Ticket.objects.filter(pk=number).select_related("customer"):
            about = f"{ticket.title}, {ticket.customer}"
            yield _result(f"Ticket {number}", about, "support_ticket", number, "support_agent")


def _result(title: str, description: str, page: str, pk: int, icon: str) -> SearchResult:
    return SearchResult(
        title=title, description=description, link=reverse(f"admin:{page}_change", args=[pk]), icon=icon
    )
