"""The page on which staff choose from a provider's catalogue what to sell.

The catalogue goes to the browser as data, and a script lists what is searched for: a large panel has tens of
thousands of services, and as many rows of HTML would be a page that nobody can use.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from catalog import buying, imports, terms
from catalog.errors import NotImportable, ProviderCurrencyUnknown, RouteExists
from catalog.imports import ImportResult
from catalog.models import Route, Service
from panel.admin_pages import PanelAdmin, parse_id
from panel.errors import DomainError
from panel.money import format_amount, format_rate
from providers import health
from providers.adapter import ProviderService
from providers.errors import ProviderError
from providers.models import Provider

IMPORT_AT_ONCE_MAX = 5000  # somebody waits for the answer
REASONS_SHOWN_MAX = 10

Row = dict[str, Any]


class ImportForm(forms.Form):
    """What was chosen, and at which markup."""

    # Browsers would not send it: the field for the ids is empty until the script fills it, and nobody sees it.
    use_required_attribute = False

    # One field for all ids: a form may only have so many fields.
    ids = forms.CharField(
        widget=forms.Textarea({"hidden": True}),
        error_messages={"required": "Choose what to import first."},
    )
    percent = forms.DecimalField(
        label="Markup, %", min_value=0, max_digits=7, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget()
    )
    fixed = forms.DecimalField(
        label=f"Plus, {settings.BASE_CURRENCY}",
        min_value=0,
        max_digits=20,
        decimal_places=5,
        help_text="Per 1000; packages: for one.",
        widget=UnfoldAdminDecimalFieldWidget(),
    )
    rounding = forms.ChoiceField(label="Rounded", choices=Provider.Rounding.choices, widget=UnfoldAdminSelectWidget())
    service = forms.IntegerField(
        label="Further route of service no.",
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Then nothing new is put on sale: the one that is chosen is bought when the other routes fail.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    def clean_ids(self) -> list[str]:
        """Split into single ids."""
        ids = list(dict.fromkeys(self.cleaned_data["ids"].split()))
        if len(ids) > IMPORT_AT_ONCE_MAX:
            raise ValidationError(f"Choose at most {IMPORT_AT_ONCE_MAX} at a time.")
        return ids

    def clean_service(self) -> int | None:
        """Check that the service is there."""
        service_id = self.cleaned_data["service"]
        if service_id is not None and not Service.objects.filter(pk=service_id).exists():
            raise ValidationError("There is no such service.")
        return service_id

    def clean(self) -> dict[str, Any]:
        """A route is one thing at the provider."""
        data = super().clean() or {}
        if data.get("service") and len(data.get("ids", [""])) != 1:
            self.add_error("service", "Choose exactly one service for a further route.")
        return data


def show_page(model_admin: PanelAdmin, request: HttpRequest) -> HttpResponse:
    """Show the providers, or the catalogue of the one that was chosen; import what comes back."""
    provider_id = parse_id(request.GET.get("provider", ""))
    if provider_id is None:
        bought = Count("routes__service", distinct=True)
        providers = Provider.objects.filter(health.is_called()).annotate(bought=bought).order_by("name", "pk")
        return _render(model_admin, request, providers=providers)
    provider = get_object_or_404(Provider, pk=provider_id)
    if request.method != "POST":
        usual = buying.markup_of(provider)
        form = ImportForm(
            initial={"percent": usual.percent, "fixed": format_rate(usual.fixed), "rounding": provider.rounding}
        )
    else:
        form = ImportForm(request.POST)
        if form.is_valid() and _run(model_admin, request, provider=provider, form=form):
            return redirect(f"{reverse('admin:catalog_service_changelist')}?o=-1")  # the newest first
    try:
        rows = list_rows(provider, buying.read_catalogue(provider))
        currency_rate: Decimal | None = buying.currency_rate_of(provider)
    except (ProviderError, ProviderCurrencyUnknown) as error:
        return _render(model_admin, request, provider=provider, problem=describe(error))
    return _render(
        model_admin, request, provider=provider, form=form, rows=rows, currency_rate=currency_rate,
        categories=list(dict.fromkeys(row["category"] for row in rows)),
    )  # fmt: skip


def list_rows(provider: Provider, listed: Mapping[str, ProviderService]) -> list[Row]:
    """Describe a catalogue for the script that shows it."""
    known = imports.list_known(provider)
    return [_row(entry, known.get(entry.id)) for entry in listed.values()]


def _row(entry: ProviderService, service_id: int | None) -> Row:
    row: Row = {
        "id": entry.id,
        "name": terms.clean(entry.name, terms.NAME_CHARACTERS_MAX),
        "category": terms.clean(entry.category, terms.CATEGORY_CHARACTERS_MAX),
        "type": terms.clean(entry.type, terms.TYPE_CHARACTERS_MAX),
        "ours": service_id,
    }
    try:
        terms.read_label(entry)
        sold = terms.read_terms(entry)
    except NotImportable as refusal:
        return {**row, "why": refusal.reason}
    return {
        **row,
        "type": sold.type,
        "cost": format_amount(sold.cost),
        "min": sold.min,
        "max": sold.max,
        "can": [word for word in ("refill", "cancel", "dripfeed") if getattr(sold, word)],
    }


def _run(model_admin: PanelAdmin, request: HttpRequest, *, provider: Provider, form: ImportForm) -> bool:
    """Import what was chosen and say what became of it; False when nothing was changed."""
    data = form.cleaned_data
    try:
        if data["service"]:
            _add_route(model_admin, request, provider=provider, form=form)
        else:
            result = imports.import_services(
                provider=provider,
                ids=data["ids"],
                percent=data["percent"],
                fixed=data["fixed"],
                rounding=data["rounding"],
                note=lambda created: _log(model_admin, request, provider, created),
            )
            _tell(model_admin, request, provider=provider, result=result)
    except (ProviderError, DomainError) as error:
        form.add_error(None, describe(error))
        return False
    return True


def _add_route(model_admin: PanelAdmin, request: HttpRequest, *, provider: Provider, form: ImportForm) -> None:
    data = form.cleaned_data

    def describe_route(route: Route) -> str:
        return f"Service {route.service_id} can be bought as {route}, too."

    route = imports.add_route(
        provider=provider,
        provider_service=data["ids"][0],
        service_id=data["service"],
        note=lambda route: model_admin.log_change(request, route.service, describe_route(route)),
    )
    model_admin.message_user(request, describe_route(route), messages.SUCCESS)


def _log(model_admin: PanelAdmin, request: HttpRequest, provider: Provider, created: Mapping[str, int]) -> None:
    model_admin.log_many(
        request,
        list(Service.objects.filter(pk__in=created.values()).order_by("pk")),
        f"Imported from {provider}.",
        before={},
        after=imports.tell_created(provider, created),
        is_new=True,
    )


def _tell(model_admin: PanelAdmin, request: HttpRequest, *, provider: Provider, result: ImportResult) -> None:
    model_admin.message_user(
        request,
        f"{len(result.created)} services imported from {provider}.",
        messages.SUCCESS if result.created else messages.WARNING,
    )
    if result.already:
        model_admin.message_user(request, f"{len(result.already)} are sold here already.", messages.INFO)
    if result.refused:
        named = "; ".join(f"{one}: {why}" for one, why in list(result.refused.items())[:REASONS_SHOWN_MAX])
        rest = len(result.refused) - REASONS_SHOWN_MAX
        text = f"Not imported: {named}{f'; and {rest} more' if rest > 0 else ''}."
        model_admin.message_user(request, text, messages.WARNING)


def describe(error: ProviderError | DomainError) -> str:
    """Say to staff why nothing was changed."""
    match error:
        case ProviderError():
            return f"The provider does not tell what it sells: {error.evidence}"
        case ProviderCurrencyUnknown():
            return f"Nobody has said what {error.currency} is worth: add it to the currencies."
        case NotImportable():
            return f"{error.provider_service}: {error.reason}. Nothing was changed."
        case RouteExists():
            return "Our service is bought there already. Nothing was changed."
    return f"Refused ({type(error).__name__}). Nothing was changed."


def _render(model_admin: PanelAdmin, request: HttpRequest, **context: Any) -> HttpResponse:
    return TemplateResponse(
        request,
        "admin/import_services.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": "Import from a provider",
            "base_currency": settings.BASE_CURRENCY,
            "page_url": reverse("admin:catalog_service_import_services"),
            **context,
        },
    )
