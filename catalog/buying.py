"""What import and sync share: a provider's catalogue, what its currency is worth, and our markup on it."""

from collections.abc import Mapping
from decimal import Decimal

from catalog.errors import ProviderCurrencyUnknown
from catalog.markup import Markup
from catalog.models import Currency
from providers import adapter, health
from providers.adapter import ProviderService
from providers.models import Provider


def read_catalogue(provider: Provider) -> Mapping[str, ProviderService]:
    """Ask a provider what it sells, by its ids. A call over the network: not inside a transaction.

    :raises ProviderError: it does not say
    """
    with health.watched(provider):
        return {entry.id: entry for entry in adapter.connect(provider).services()}


def currency_rate_of(provider: Provider) -> Decimal:
    """Return how many units of a provider's currency one unit of the base currency buys.

    :raises ProviderCurrencyUnknown: nobody has said
    """
    rate = Currency.objects.filter(code=provider.currency).values_list("rate", flat=True).first()
    if rate is None:
        raise ProviderCurrencyUnknown(provider.currency)
    return rate


def markup_of(
    provider: Provider, *, percent: Decimal | None = None, fixed: Decimal | None = None, rounding: str = ""
) -> Markup:
    """Return our markup on a provider's prices, with what is given instead of the provider's own."""
    return Markup(
        percent=Decimal(provider.markup_percent if percent is None else percent),
        fixed=Decimal(provider.markup_fixed if fixed is None else fixed),
        step=Decimal(rounding or provider.rounding),
    )
