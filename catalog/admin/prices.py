"""What currencies are worth, and what single customers pay."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

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
    """Prices agreed with one customer."""

    list_display = ("customer", "service", "rate")
    list_select_related = ("customer", "service")
    autocomplete_fields = ("customer", "service")
    search_fields = ("customer__username__exact", "service__name__icontains")
    search_help_text = "The whole user name, or a part of the service's name"


@admin.register(Discount)
class DiscountAdmin(PanelAdmin):
    """Percentages off everything for one customer."""

    list_display = ("customer", "percent")
    list_select_related = ("customer",)
    autocomplete_fields = ("customer",)
    search_fields = ("customer__username__exact",)
    search_help_text = "The whole user name"
