"""A small panel to hurt: customers with money, services by one provider and by two, and one that nobody delivers."""

import secrets
from dataclasses import dataclass
from decimal import Decimal

from accounts import api_keys
from accounts.models import KEY_HINT_CHARACTERS, ApiKey, User
from catalog.models import Category, Currency, Route, Service
from chaos.upstreams import KEY, Upstream
from providers import keys
from providers.models import Provider
from wallet import deposits, wallets

CUSTOMERS = 8
DEPOSIT = Decimal(10_000_000)  # more than a day of orders
SMALL_DEPOSIT = Decimal("2.50")  # of the one who soon has nothing left
LIFTED_REQUESTS_PER_SECOND = 1_000_000

# The fake providers sell "1" (0.50 per 1000) and "2" (0.10). Rates are odd so that charges must be rounded.
RATES = {"north": Decimal("0.91337"), "south": Decimal("1.70003"), "either": Decimal("0.77777"), "bad": Decimal("2.5")}
IDLE_RATE = Decimal("1.00001")
MIN, MAX = 10, 100_000


@dataclass(frozen=True, slots=True)
class Customer:
    """Who orders, and with which key."""

    id: int
    key: str


@dataclass(frozen=True, slots=True)
class Ware:
    """A service, as the load needs it."""

    id: int
    rate: Decimal
    providers: tuple[str, ...]  # in the order in which they are asked


@dataclass(frozen=True, slots=True)
class World:
    """What there is."""

    customers: list[Customer]
    poor: Customer
    wares: list[Ware]
    idle: Ware  # its provider is switched off
    operator_id: int
    provider_ids: dict[str, int]  # by the upstream's name


def build(upstreams: dict[str, Upstream]) -> World:
    """Fill an empty, migrated database."""
    Currency.objects.get_or_create(code="USD", defaults={"symbol": "$", "rate": 1})
    providers = {
        name: Provider.objects.create(
            name=name, kind=Provider.Kind.PANEL, api_url=upstream.url, sealed_key=keys.seal(KEY), currency="USD"
        )
        for name, upstream in upstreams.items()
    }
    asleep = Provider.objects.create(
        name="asleep", kind=Provider.Kind.PANEL, api_url="http://127.0.0.1:1/", sealed_key=keys.seal(KEY),
        is_active=False,
    )  # fmt: skip
    category = Category.objects.create(name="Chaos")
    wares = [
        _sell(category, "by north", RATES["north"], [(providers["north"], "1")]),
        _sell(category, "by south", RATES["south"], [(providers["south"], "1")]),
        _sell(category, "by bad, else north", RATES["either"], [(providers["bad"], "2"), (providers["north"], "2")]),
        _sell(category, "by bad", RATES["bad"], [(providers["bad"], "1")]),
    ]
    idle = _sell(category, "by nobody", IDLE_RATE, [(asleep, "1")])
    operator = User.objects.create(username="operator", email="operator@example.com", password="!", is_staff=True)
    return World(
        customers=[_register(f"customer{number}", DEPOSIT) for number in range(CUSTOMERS)],
        poor=_register("poor", SMALL_DEPOSIT),
        wares=wares,
        idle=idle,
        operator_id=operator.pk,
        provider_ids={name: provider.pk for name, provider in providers.items()},
    )


def _sell(category: Category, name: str, rate: Decimal, sources: list[tuple[Provider, str]]) -> Ware:
    service = Service.objects.create(
        category=category, name=name, rate=rate, min=MIN, max=MAX, refill=True, cancel=True, average_minutes=30
    )
    for priority, (provider, provider_service) in enumerate(sources, start=1):
        Route.objects.create(
            service=service,
            provider=provider,
            provider_service=provider_service,
            cost=Decimal("0.50") if provider_service == "1" else Decimal("0.10"),
            priority=priority,
        )
    return Ware(id=service.pk, rate=rate, providers=tuple(provider.name for provider, _ in sources))


def _register(name: str, deposit: Decimal) -> Customer:
    user = User.objects.create(
        username=name,
        email=f"{name}@example.com",
        password="!",  # nobody logs in
        requests_per_second=LIFTED_REQUESTS_PER_SECOND,
    )
    wallet = wallets.open_wallet(user_id=user.pk, currency="USD")
    deposits.record_deposit(wallet=wallet, amount=deposit, gateway="manual", external_id=f"chaos-{name}")
    text = secrets.token_hex(api_keys.KEY_BYTES)
    ApiKey.objects.create(user=user, name="Chaos", digest=api_keys.digest_key(text), hint=text[:KEY_HINT_CHARACTERS])
    return Customer(id=user.pk, key=text)
