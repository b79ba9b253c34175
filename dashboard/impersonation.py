"""Customers' pages as staff see them: those of the customer, and nothing on them does anything."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import ResolverMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django_htmx.http import HttpResponseClientRedirect

from accounts import impersonations
from accounts.models import Impersonation
from dashboard.toasts import show_toast

READING = ("GET", "HEAD", "OPTIONS")
# Staff go back, or log out, whoever's pages they look at.
WAYS_OUT = ("dashboard:leave_customer", "account_logout")


class ShowAsCustomer:
    """Put the customer in the place of staff who signed in as one, on customers' pages only.

    What changes something is refused before its view runs, and what reads runs in a transaction in which PostgreSQL
    itself refuses to write. Pages of passwords, addresses and second factors are not shown at all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Go on; only a request that has a view is anybody's page."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Answer a request of staff who look as a customer; leave all others alone."""
        # Without a session there is nobody to look up: public pages and files cost no query.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or impersonations.SESSION_KEY not in request.session:
            return None
        is_theirs, is_login = _whose_page(request.resolver_match)
        if not is_theirs:
            return None
        found = _find(request)
        if found is None:
            return _leave(request)
        if is_login:
            return _refuse(request, gettext("You cannot see or change how a customer logs in."), to_page=False)
        request.user = found.customer
        request.impersonation = found  # type: ignore[attr-defined]
        if request.method not in READING:
            return _refuse(request, gettext("You are looking as the customer: nothing can be changed here."))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            return view(request, *args, **kwargs)


def is_looking(request: HttpRequest) -> bool:
    """Say whether a page is shown to staff instead of its customer, so that it is not taken for read."""
    return hasattr(request, "impersonation")


def _whose_page(match: ResolverMatch | None) -> tuple[bool, bool]:
    """Say whether a page is a customer's, and whether it is one of those by which customers log in."""
    assert match is not None
    if match.app_name == "admin" or match.view_name in WAYS_OUT:
        return False, False
    # Those that allauth serves, and those of ours at allauth's addresses, which have no name.
    is_login = not match.url_name or match.url_name.startswith(("account_", "mfa_", "usersessions_"))
    return match.app_name == "dashboard" or is_login, is_login


def _find(request: HttpRequest) -> Impersonation | None:
    if not admin.site.has_permission(request):
        return None
    staff: Any = request.user
    return impersonations.find_live(impersonation_id=request.session[impersonations.SESSION_KEY], staff=staff)


def _leave(request: HttpRequest) -> HttpResponse:
    del request.session[impersonations.SESSION_KEY]
    messages.warning(request, gettext("You are not looking as the customer any more."))
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(reverse("admin:index"))
    return redirect("admin:index")


def _refuse(request: HttpRequest, text: str, *, to_page: bool = True) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return show_toast(HttpResponse(status=403), text, tone="warning")
    messages.warning(request, text)
    page = request.META.get("HTTP_REFERER", "")
    if to_page and url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return redirect(page)
    return redirect(settings.LOGIN_REDIRECT_URL)
