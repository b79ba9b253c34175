"""What currencies are worth, and what single customers pay."""

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from catalog.admin import customers
from catalog.models import Currency, CustomRate, Discount
from panel.admin_pages import PanelAdmin, UndeletableAdmin


@admin.register(Currency)
class CurrencyAdmin(UndeletableAdmin):
    """Wallets name their currency by its code, so a code stays as it is."""

    list_display = ("code", "symbol", "rate")
    fields = ("code", "symbol", "rate")

    def get_readonly_fields(self, request: HttpRequest, obj: Currency | None = None) -> tuple[str, ...]:
        """Fix the code once it is there, and the rate of the base currency, which is 1 by definition."""
        if obj is None:
            return ()
        return ("code", "rate") if obj.code == settings.BASE_CURRENCY else ("code",)


@admin.register(CustomRate)
class CustomRateAdmin(PanelAdmin):
    """Prices agreed with one customer; `customers` shows all of one customer's on a page."""

    list_display = ("customer", "service", "rate")
    list_select_related = ("customer", "service")
    autocomplete_fields = ("customer", "service")
    search_fields = ("customer__username__exact", "service__name__icontains")
    search_help_text = "The whole user name, or a part of the service's name"

    def get_urls(self) -> list[URLPattern]:
        """Serve the page of one customer's prices, and the one that copies them."""
        return [
            path("of/<int:customer_id>/", self._page(customers.show_prices), name="catalog_customrate_customer"),
            path("of/<int:customer_id>/copy/", self._page(customers.copy_from), name="catalog_customrate_copy"),
            *super().get_urls(),
        ]

    def _page(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
        return self.admin_site.admin_view(partial(view, self))


@admin.register(Discount)
class DiscountAdmin(PanelAdmin):
    """Percentages off everything for one customer."""

    list_display = ("customer", "percent")
    list_select_related = ("customer",)
    autocomplete_fields = ("customer",)
    search_fields = ("customer__username__exact",)
    search_help_text = "The whole user name"
