"""Build the demo catalogue from its tables."""

from collections.abc import Iterator
from decimal import Decimal

from django.db import connection, transaction

from catalog.models import REFILL_DAYS_DEFAULT, Category, Currency, Route, Service
from panel.demo.networks import NETWORKS, Network, Product
from panel.demo.qualities import Quality
from panel.demo.specials import BY_HAND, SPECIALS, WATCH, WATCH_NETWORK, WATCHED_BY_HAND, Special
from providers.models import Provider

# Units per US dollar, about what they were when this was written.
CURRENCIES = {
    "USD": ("$", "1"),
    "EUR": ("€", "0.92"),
    "GBP": ("£", "0.79"),
    "INR": ("₹", "84.10"),
    "BRL": ("R$", "5.70"),
    "TRY": ("₺", "34.20"),
}
COST_SHARE = Decimal("0.6")  # of the rate; with rates of four decimals a cost has five
IDS_PER_NETWORK = 1000
IDS_PER_CATEGORY = 100

# The two services in the examples of the published API, under the ids they have there.
FOLLOWERS_ID = 1042
VIEWS_ID = 2207
PUBLISHED_IDS = {
    "Instagram Followers — Real & Active": FOLLOWERS_ID,
    "TikTok Views — High Quality": VIEWS_ID,
}


def load_catalogue() -> bool:
    """Create currencies, the providers and every service, all or nothing; False if there are services."""
    with transaction.atomic():
        Currency.objects.bulk_create(
            [Currency(code=code, symbol=symbol, rate=rate) for code, (symbol, rate) in CURRENCIES.items()],
            ignore_conflicts=True,
        )
        provider, _ = Provider.objects.get_or_create(name="Sandbox", defaults={"kind": Provider.Kind.SANDBOX})
        by_hand, _ = Provider.objects.get_or_create(name="By hand", defaults={"kind": Provider.Kind.MANUAL})
        if Service.objects.exists():
            return False
        drafts = list(_build_services())
        services = [service for service, _ in drafts]
        Category.objects.bulk_create(_name_positions(services), ignore_conflicts=True)
        # Fetched again: rows that were there before did not tell their ids.
        categories = {category.name: category for category in Category.objects.all()}
        for service in services:
            service.category = categories[service.category.name]
        Service.objects.bulk_create(services)
        Route.objects.bulk_create(
            [
                Route(
                    service=service,
                    provider=by_hand if provider_service == BY_HAND else provider,
                    provider_service=provider_service or str(service.id),
                    cost=service.rate * COST_SHARE,
                )
                for service, provider_service in drafts
            ]
        )
        _continue_ids_after(services)
    return True


def _build_services() -> Iterator[tuple[Service, str]]:
    """Make every service, in the order in which it is shown, with a category that is not saved yet.

    With it comes the provider's id of it; empty: the same as ours.
    """
    watch = Network(len(NETWORKS) + 1, WATCH_NETWORK, ())
    for network in (*NETWORKS, watch):
        by_heading: dict[str, list[tuple[Service, str]]] = {}
        for product in network.products:
            by_heading[product.name] = [(_from_quality(network, product, quality), "") for quality in product.qualities]
        for special in (*SPECIALS, *WATCH, WATCHED_BY_HAND):
            if special.network == network.name:
                by_heading.setdefault(special.heading, []).append((_from_special(special), special.provider_service))
        for number, (heading, drafts) in enumerate(by_heading.items()):
            category = Category(name=f"{network.name} › {heading}")
            first_id = network.number * IDS_PER_NETWORK + number * IDS_PER_CATEGORY + 1
            for position, (service, provider_service) in enumerate(drafts):
                service.id = PUBLISHED_IDS.get(service.name, first_id + position)
                service.category, service.position = category, position
                yield service, provider_service


def _from_quality(network: Network, product: Product, quality: Quality) -> Service:
    rate = Decimal(product.rate) * quality.rate_factor
    refill = f" Refill for {quality.refill_days} days." if quality.refill_days else " No refill."
    return Service(
        name=f"{network.name} {product.name} — {quality.label}",
        description=quality.delivers + refill,
        rate=rate,
        min=product.min,
        max=max(product.max // quality.max_divisor, product.min),
        refill=quality.refill_days > 0,
        refill_days=quality.refill_days or REFILL_DAYS_DEFAULT,
        cancel=quality.cancel,
        dripfeed=quality.dripfeed,
        average_minutes=product.minutes * quality.pace,
    )


def _from_special(special: Special) -> Service:
    return Service(
        name=special.name,
        description=special.description,
        type=special.type,
        rate=Decimal(special.rate),
        min=special.min,
        max=special.max,
        refill=special.refill_days > 0,
        refill_days=special.refill_days or REFILL_DAYS_DEFAULT,
        cancel=special.cancel,
        dripfeed=special.dripfeed,
        average_minutes=special.minutes,
    )


def _name_positions(services: list[Service]) -> list[Category]:
    """Give the categories their positions, in order of first appearance."""
    categories = list({id(service.category): service.category for service in services}.values())
    for position, category in enumerate(categories, start=1):
        category.position = position
    return categories


def _continue_ids_after(services: list[Service]) -> None:
    """Let the next service that staff create come after ours: explicit ids do not move the sequence."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('catalog_service', 'id'), %s)",
            [max(service.id for service in services)],
        )
