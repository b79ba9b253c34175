"""Services and the routes by which they are bought."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from catalog import writers
from catalog.admin import history, importing, repricing, updates
from catalog.admin.sheets import SheetsMixin
from catalog.models import Route, Service
from panel.admin_actions import staff_action
from panel.admin_facts import Fact
from panel.admin_history import Happening
from panel.admin_pages import UndeletableAdmin, name_fields, parse_id

BY_HAND = "by hand"  # the service id of a route to a manual provider, where staff give none


class RouteForm(ModelForm):
    """A route; what is delivered by hand has no name at its provider that anybody must know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name_fields(self.fields)
        if "provider_service" in self.fields:  # who may only look has none
            self.fields["provider_service"].required = False

    def clean(self) -> dict[str, Any]:
        """Ask for the provider's service id where there is one."""
        data = super().clean() or {}
        provider = data.get("provider")
        if not data.get("provider_service") and "provider_service" not in self.errors and provider is not None:
            if provider.is_manual:
                data["provider_service"] = BY_HAND
            else:
                self.add_error("provider_service", "This field is required.")
        return data


class RouteInline(TabularInline):
    """Where a service comes from. Routes are switched off, not deleted: runs point at them."""

    model = Route
    form = RouteForm
    fields = ("priority", "provider", "provider_service", "cost", "min", "max", "is_active", "gone_at")
    readonly_fields = ("gone_at",)
    extra = 0
    can_delete = False


class RowForm(ModelForm):
    """A row of the list that is edited in place.

    It carries what was shown: a price that a sync wrote meanwhile is not taken for one that staff changed back.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = not field.widget.is_hidden


@admin.register(Service)
class ServiceAdmin(SheetsMixin, UndeletableAdmin):
    """Services are taken off sale, not deleted: orders point at them."""

    class Media:
        css = {"all": ["catalog/lists.css"]}

    list_display = (
        "id", "name", "rate", "min", "max", "position", "is_active", "shelf",
    )  # fmt: skip
    list_display_links = ("id",)
    list_editable = ("name", "rate", "min", "max", "position", "is_active")
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
        (
            "Price and limits",
            {
                "fields": (
                    "rate",
                    "min",
                    "max",
                    "price_rule",
                    "markup_percent",
                    "markup_fixed",
                    "rounding",
                    "allow_loss",
                ),
                "description": "A sync writes what follows from the first route in use: minimum, maximum, refill and "
                "cancel, and the rate too where the price is followed.",
            },
        ),
        ("What it can", {"fields": ("refill", "refill_days", "cancel", "dripfeed")}),
    )
    inlines = (RouteInline,)
    list_fullwidth = True
    actions = ("put_on_sale", "take_off_sale", "change_prices")
    actions_list = ("import_services", "reprice")

    @admin.display(description="category", ordering="category")
    def shelf(self, service: Service) -> SafeString:
        """Say where it stands and what it can; its type if it is not the usual one, why a sync took it off sale."""
        can = [name for name in ("refill", "cancel", "dripfeed") if getattr(service, name)]
        kind = [] if service.type == "Default" else [service.type]
        why = [f"off sale: {service.get_off_sale_because_display()}"] if service.off_sale_because else []
        return format_html("{}<br>{}", service.category, "; ".join(filter(None, [", ".join(kind + can), *why])))

    @staff_action(description="Import from a provider", permission="add")
    def import_services(self, request: HttpRequest) -> HttpResponse:
        """Choose from a provider's catalogue what to sell."""
        return importing.show_page(self, request)

    @staff_action(description="Change prices by percent", permission="change")
    def reprice(self, request: HttpRequest) -> HttpResponse:
        """Raise or lower the prices of a category or of what is bought at a provider."""
        return repricing.show_page(self, request)

    @admin.action(description="Change prices by percent", permissions=["change"])
    def change_prices(self, request: HttpRequest, queryset: QuerySet[Service]) -> HttpResponse:
        """Go to the page that shows what a change of the selected prices makes."""
        ids = ",".join(map(str, queryset.order_by("pk").values_list("pk", flat=True)[: repricing.SELECTED_MAX]))
        return redirect(f"{reverse('admin:catalog_service_reprice')}?ids={ids}")

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> type[ModelForm]:
        """Edit the list in place, so that nothing is overwritten which nobody touched."""
        return super().get_changelist_form(request, **{"form": RowForm, **options})

    def list_facts(self, obj: Service) -> Iterable[Fact]:
        """Show how its price, its cost and its limits went."""
        yield updates.list_history(obj)

    def read_history(self, obj: Service, *, key: str) -> tuple[Sequence[Happening], str]:
        """Read what changed it, whoever did."""
        return history.read_history(self, obj, key=key)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Write only what staff changed: a sync may be writing the rest."""
        writers.sign(writers.Writer.STAFF)  # the routes' changes, too: they are saved after it
        if change:
            columns = list(form.changed_data)
            if "is_active" in columns:  # staff decided: a sync has no more say in it
                obj.off_sale_because = ""
                columns.append("off_sale_because")
            obj.save(update_fields=columns)
        else:
            super().save_model(request, obj, form, change)

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
        with transaction.atomic():
            writers.sign(writers.Writer.STAFF)
            # What a sync took off sale counts as on: only staff take off for good.
            switched = list(queryset.exclude(is_active=is_active, off_sale_because="").order_by("pk"))
            Service.objects.filter(pk__in=[service.pk for service in switched]).update(
                is_active=is_active, off_sale_because=""
            )
            self.log_many(
                request,
                switched,
                f"Switched {word} sale.",
                before={str(service.pk): {"is_active": service.is_active} for service in switched},
                after={str(service.pk): {"is_active": is_active} for service in switched},
            )
        self.message_user(request, f"{len(switched)} services are now {word} sale.", messages.SUCCESS)
