"""What is on sale, for staff to edit. A price or a pause counts from the next request on."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from catalog.models import Category, Currency, CustomRate, Discount, Route, Service
from panel.admin_pages import PanelAdmin, UndeletableAdmin, parse_id


class RouteInline(TabularInline):
    """Where a service comes from. Routes are switched off, not deleted: runs point at them."""

    model = Route
    fields = ("priority", "provider", "provider_service", "cost", "min", "max", "is_active", "gone_at")
    readonly_fields = ("gone_at",)
    extra = 0
    can_delete = False


@admin.register(Service)
class ServiceAdmin(UndeletableAdmin):
    """Services are taken off sale, not deleted: orders point at them."""

    list_display = (
        "id", "name", "category", "type", "rate", "min", "max", "refill", "cancel", "dripfeed", "is_active",
        "off_sale_because",
    )  # fmt: skip
    list_display_links = ("id", "name")
    list_filter = (
        "is_active",
        "type",
        "refill",
        "cancel",
        "dripfeed",
        "off_sale_because",
        "routes__provider",
        "category",
    )
    list_select_related = ("category",)
    ordering = ("id",)
    search_fields = ("name__icontains", "routes__provider_service__exact")
    search_help_text = "The id, a part of the name, or the provider's id"
    autocomplete_fields = ("category",)
    fieldsets = (
        (None, {"fields": ("is_active", "name", "category", "position", "type", "description", "average_minutes")}),
        ("Price and limits", {"fields": ("rate", "min", "max", "allow_loss")}),
        ("What it can", {"fields": ("refill", "refill_days", "cancel", "dripfeed")}),
    )
    inlines = (RouteInline,)
    actions = ("put_on_sale", "take_off_sale")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Service], search_term: str
    ) -> tuple[QuerySet[Service], bool]:
        """Find by id too, which customers quote."""
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        if (service_id := parse_id(search_term.strip())) is not None:
            found |= queryset.filter(pk=service_id)
        return found, may_have_duplicates

    @admin.action(description="Put on sale", permissions=["change"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """Offer the selected services again."""
        self._switch(request, queryset, is_active=True)

    @admin.action(description="Take off sale", permissions=["change"])
    def take_off_sale(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """Stop offering the selected services; orders of them go on."""
        self._switch(request, queryset, is_active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Service], *, is_active: bool) -> None:
        word = "on" if is_active else "off"
        switched = list(queryset.exclude(is_active=is_active))
        Service.objects.filter(pk__in=[service.pk for service in switched]).update(
            is_active=is_active, off_sale_because=""
        )
        for service in switched:
            self.log_change(request, service, f"Switched {word} sale.")
        self.message_user(request, f"{len(switched)} services are now {word} sale.", messages.SUCCESS)


@admin.register(Category)
class CategoryAdmin(PanelAdmin):
    """The headings of the catalogue."""

    list_display = ("name", "position", "service_count")
    list_editable = ("position",)
    ordering = ("position", "id")
    list_per_page = 200  # all of them on one page, to put them in order
    search_fields = ("name__icontains",)
    fields = ("name", "position")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """Count the services in the same query."""
        return super().get_queryset(request).annotate(counted=Count("services"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only empty headings go."""
        return super().has_delete_permission(request, obj) and obj is not None and not obj.services.exists()

    @admin.display(description="services")
    def service_count(self, category: Any) -> int:
        """Say how many services it has, on sale or not."""
        return category.counted


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
