"""Watch our money at providers: what is left there, and whether it is the money we take it for."""

import logging
from collections.abc import Iterable

from django.db.models import F, Q
from django.db.models.functions import Now

from panel.alerts import tell_staff
from panel.money import format_amount, round_down
from providers import adapter, health
from providers.adapter import ProviderBalance
from providers.errors import ProviderError
from providers.models import Provider

logger = logging.getLogger(__name__)


def check_balances() -> int:
    """Ask every provider in use for our balance, those not asked for longest first; return how many answered."""
    due = Provider.objects.filter(health.is_reachable(), is_active=True)
    return _ask(due.order_by(F("balance_at").asc(nulls_first=True), "pk"))


def probe_failing() -> int:
    """Ask providers that failed the last times and may be called again; return how many answered.

    The cheapest question there is: an order that gets no answer costs staff a review.
    """
    return _ask(Provider.objects.filter(health.is_reachable(), is_active=True, failures__gte=health.FAILURES_MAX))


def _ask(providers: Iterable[Provider]) -> int:
    answered = 0
    for provider in providers:
        try:
            check_balance(provider)
        except ProviderError as error:
            logger.warning("provider %s does not tell our balance: %s", provider, error.evidence)
        except Exception:
            # A bug in one provider's adapter must not keep the other balances from being watched.
            logger.exception("asking provider %s for our balance failed", provider)
        else:
            answered += 1
    return answered


def check_balance(provider: Provider) -> ProviderBalance:
    """Ask one provider for our balance and keep it.

    :raises ProviderError: it does not say
    """
    with health.watched(provider):
        balance = adapter.connect(provider).balance()
    record_balance(provider, balance)
    return balance


def record_balance(provider: Provider, balance: ProviderBalance) -> None:
    """Keep what a provider says of our money; tell staff once when it falls below the alert, or is another currency.

    Every change is conditional on its opposite, so that of several workers one tells.
    """
    amount = round_down(balance.amount)
    same = Provider.objects.filter(pk=provider.pk)
    same.update(balance=amount, balance_at=Now())
    if same.filter(is_low=False, balance_alert__gt=amount).update(is_low=True):
        tell_staff(
            f"Our balance at provider {provider} is low",
            f"{format_amount(amount)} {balance.currency or provider.currency} are left there; "
            "when nothing is, its orders wait.",
        )
    else:
        same.filter(Q(balance_alert=None) | Q(balance_alert__lte=amount), is_low=True).update(is_low=False)
    if balance.currency is None:
        return
    is_news = same.exclude(balance_currency=balance.currency).update(balance_currency=balance.currency)
    if is_news and balance.currency != provider.currency:
        tell_staff(
            f"Provider {provider} counts in {balance.currency}, not in {provider.currency}",
            "Its prices are taken for the wrong money, so every profit is reckoned wrong. Correct its currency.",
        )
