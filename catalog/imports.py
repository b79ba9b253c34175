"""Choose from a provider's catalogue what to sell."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Max

from catalog import buying, markup, terms, writers
from catalog.errors import NotImportable, RouteExists
from catalog.markup import Markup
from catalog.models import Category, Route, Service
from catalog.terms import Label, Terms
from panel.errors import violated_constraint
from panel.money import ZERO
from providers.adapter import ProviderService
from providers.models import Provider

ROWS_PER_STATEMENT = 1000  # a statement takes 65,535 parameters


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of the ids that were chosen: each is in exactly one of the three."""

    created: Mapping[str, int]  # to the id of our service
    already: Sequence[str]  # some service is bought there as it is
    refused: Mapping[str, str]  # to the reason why it cannot be sold here


@dataclass(frozen=True, slots=True)
class _Draft:
    id: str
    label: Label
    terms: Terms
    rate: Decimal


def import_services(
    *,
    provider: Provider,
    ids: Collection[str],
    percent: Decimal | None = None,
    fixed: Decimal | None = None,
    rounding: str | None = None,
    note: Callable[[Mapping[str, int]], None] | None = None,
) -> ImportResult:
    """Put services of a provider on sale here, with their categories, all that can be or none.

    Those that cannot be sold, or are already, are left out and said so. A markup that differs from the provider's
    stays with the services, also through later syncs.

    :param ids: the provider's; those that it does not list are refused.
    :param note: writes what was created into the staff log, in the same transaction; gets the provider's ids with ours.
    :raises ProviderError: the provider does not say what it sells
    :raises ProviderCurrencyUnknown: its prices mean nothing here
    """
    markup_here = buying.markup_of(provider, percent=percent, fixed=fixed, rounding=rounding or "")
    listed = buying.read_catalogue(provider)
    currency_rate = buying.currency_rate_of(provider)
    drafts: list[_Draft] = []
    refused = {one: NOT_LISTED for one in ids if one not in listed}
    chosen = set(ids)
    for entry in listed.values():
        if entry.id in chosen:
            try:
                drafts.append(_draft(entry, currency_rate=currency_rate, markup_here=markup_here))
            except NotImportable as refusal:
                refused[entry.id] = refusal.reason
    with transaction.atomic(durable=True):
        # What the staff log tells with a name need not be told twice.
        writer = writers.Writer.IMPORT if note is None else writers.Writer.STAFF
        writers.lock_catalogue(writer=writer, provider_id=provider.pk)
        known = list_known(provider)
        own = _own_markup(provider, markup_here)
        created = _create(provider, [draft for draft in drafts if draft.id not in known], own)
        if note is not None and created:
            note(created)
    return ImportResult(created=created, already=[draft.id for draft in drafts if draft.id in known], refused=refused)


def add_route(
    *, provider: Provider, provider_service: str, service_id: int, note: Callable[[Route], None] | None = None
) -> Route:
    """Let a service that is on sale be bought at a further provider, after all others.

    :param note: writes it into the staff log, in the same transaction.
    :raises ProviderError: the provider does not say what it sells
    :raises ProviderCurrencyUnknown: its prices mean nothing here
    :raises NotImportable: it has no such service, or it is not the same thing
    :raises RouteExists: the service is bought there already
    """
    entry = buying.read_catalogue(provider).get(provider_service)
    if entry is None:
        raise NotImportable(provider_service, NOT_LISTED)
    buying.currency_rate_of(provider)
    sold = terms.read_terms(entry)
    with transaction.atomic(durable=True):
        writers.lock_catalogue()
        service = Service.objects.get(pk=service_id)
        if sold.type != service.type:
            raise NotImportable(provider_service, f"its type is {sold.type}, and that of our service {service.type}")
        last = service.routes.aggregate(last=Max("priority"))["last"] or 0
        try:
            with transaction.atomic():
                route = Route.objects.create(
                    service=service,
                    provider=provider,
                    provider_service=provider_service,
                    cost=sold.cost,
                    min=sold.min,
                    max=sold.max,
                    priority=last + 1,
                )
        except IntegrityError as error:
            if violated_constraint(error) == "route_once":
                raise RouteExists from None
            raise
        if note is not None:
            note(route)
    return route


NOT_LISTED = "the provider does not list it"


def list_known(provider: Provider) -> Mapping[str, int]:
    """List what is bought at a provider: its ids with those of our services, the oldest where there are several."""
    routes = Route.objects.filter(provider=provider).order_by("-pk")
    return dict(routes.values_list("provider_service", "service_id"))


def tell_created(provider: Provider, created: Mapping[str, int]) -> dict[str, dict[str, str]]:
    """Return what the staff log says of each service that was created, by our ids."""
    rates = dict(Service.objects.filter(pk__in=created.values()).values_list("pk", "rate"))
    return {
        str(ours): {"rate": str(rates[ours]), "route": f"{provider} {provider_service}"}
        for provider_service, ours in created.items()
    }


def _draft(entry: ProviderService, *, currency_rate: Decimal, markup_here: Markup) -> _Draft:
    """Work out what a service would be here.

    :raises NotImportable: it cannot be
    """
    sold = terms.read_terms(entry)
    try:
        rate = markup.price_for(sold.cost, currency_rate=currency_rate, markup=markup_here)
    except ValueError:
        raise NotImportable(entry.id, "its price with the markup is too high to be written down") from None
    if rate == ZERO:
        raise NotImportable(entry.id, "it would be sold for nothing; give it a fixed markup")
    return _Draft(entry.id, terms.read_label(entry), sold, rate)


def _own_markup(provider: Provider, chosen: Markup) -> dict[str, Decimal | str]:
    """Return the columns for what differs from the provider's markup: what does not goes on following it."""
    usual = buying.markup_of(provider)
    own: dict[str, Decimal | str] = {}
    if chosen.percent != usual.percent:
        own["markup_percent"] = chosen.percent
    if chosen.fixed != usual.fixed:
        own["markup_fixed"] = chosen.fixed
    if chosen.step != usual.step:
        own["rounding"] = str(chosen.step)
    return own


def _create(provider: Provider, drafts: Sequence[_Draft], own: Mapping[str, Decimal | str]) -> dict[str, int]:
    categories = _ensure_categories(draft.label.category for draft in drafts)
    services = Service.objects.bulk_create(
        [
            Service(
                category=categories[draft.label.category],
                name=draft.label.name,
                type=draft.terms.type,
                rate=draft.rate,
                min=draft.terms.min,
                max=draft.terms.max,
                refill=draft.terms.refill,
                cancel=draft.terms.cancel,
                dripfeed=draft.terms.dripfeed,
                **own,
            )
            for draft in drafts
        ],
        batch_size=ROWS_PER_STATEMENT,
    )
    Route.objects.bulk_create(
        [
            Route(
                service=service,
                provider=provider,
                provider_service=draft.id,
                cost=draft.terms.cost,
                min=draft.terms.min,
                max=draft.terms.max,
            )
            for service, draft in zip(services, drafts, strict=True)
        ],
        batch_size=ROWS_PER_STATEMENT,
    )
    return {draft.id: service.pk for service, draft in zip(services, drafts, strict=True)}


def _ensure_categories(names: Iterable[str]) -> dict[str, Category]:
    """Return the categories of these names; new ones come after all others, in the order of the names."""
    wanted = list(dict.fromkeys(names))
    known = set(Category.objects.filter(name__in=wanted).values_list("name", flat=True))
    last = Category.objects.aggregate(last=Max("position"))["last"] or 0
    missing = [name for name in wanted if name not in known]
    Category.objects.bulk_create(
        # Staff may have made one of that name since.
        [Category(name=name, position=position) for position, name in enumerate(missing, start=last + 1)],
        ignore_conflicts=True,
    )
    return {category.name: category for category in Category.objects.filter(name__in=wanted)}
