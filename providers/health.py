"""Notice how providers are doing: leave alone one that does not answer, and tell staff once.

Two things keep calls away from a provider. After failures in a row it is *down*: nobody calls it for a while,
then one call at a time tries. After a refusal that concerns everything (our balance there, its rate limit, our
key) it is *paused*: it gets no orders for a while, but is still asked about those it has.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Q
from django.db.models.functions import Now

from panel.alerts import tell_staff
from providers.errors import Ambiguous, NotSent, ProviderError, RefusedForNow
from providers.models import Provider

FAILURES_MAX = 3  # in a row; one lost packet is no outage, and every ambiguous order costs staff a review
DOWN_FIRST = timedelta(seconds=10)
DOWN_MAX = timedelta(minutes=1)  # doubled up to this; then it is asked for our balance, which costs nobody anything
REFUSAL_PAUSE = timedelta(minutes=1)  # a balance or a rate limit does not change at once

logger = logging.getLogger(__name__)

# What the functions below filter by, of a provider `p`, for statements written by hand.
IS_CALLED = "p.kind <> 'manual'"
_IS_UP = "(p.down_until IS NULL OR p.down_until <= statement_timestamp())"
IS_REACHABLE = f"({IS_CALLED} AND {_IS_UP})"
TAKES_ORDERS = f"(p.is_active AND {_IS_UP} AND (p.paused_until IS NULL OR p.paused_until <= statement_timestamp()))"
IS_SOUND = f"({TAKES_ORDERS} AND p.failures < {FAILURES_MAX})"

# While it is down only calls end that began before: they say nothing new.
_FAIL = f"""
UPDATE providers_provider p SET
    failures = failures + 1, failure = %(evidence)s, failed_at = statement_timestamp(),
    down_until = CASE WHEN failures + 1 >= %(most)s THEN
        statement_timestamp() + least(%(first)s * power(2, least(failures + 1 - %(most)s, 20)), %(longest)s)
    END
WHERE p.id = %(provider)s AND {_IS_UP}
RETURNING failures
"""


def is_called() -> Q:
    """Filter providers that are ever called; manual ones are not."""
    return ~Q(kind=Provider.Kind.MANUAL)


def is_reachable() -> Q:
    """Filter providers that may be called now."""
    return is_called() & _is_up()


def takes_orders() -> Q:
    """Filter providers that orders may go to now: be sent to, or wait at to be taken."""
    return Q(is_active=True) & _is_up() & (Q(paused_until=None) | Q(paused_until__lte=Now()))


def is_sound() -> Q:
    """Filter providers that take orders and have answered the last time they were asked."""
    return takes_orders() & Q(failures__lt=FAILURES_MAX)


def _is_up() -> Q:
    return Q(down_until=None) | Q(down_until__lte=Now())


@contextmanager
def watched(provider: Provider, *, is_order: bool = False) -> Iterator[None]:
    """Judge the provider by how the call in this block ends; what it raises goes on.

    :param is_order: the call is an `add`, whose success also ends a pause.
    """
    try:
        yield
    except ProviderError as error:
        _record(provider, error, is_order=is_order)
        raise
    _record(provider, None, is_order=is_order)


def _record(provider: Provider, error: ProviderError | None, *, is_order: bool) -> None:
    """Keep how a call ended; that this fails must not hide how it ended from who called."""
    try:
        if isinstance(error, RefusedForNow):
            _record_refusal(provider, evidence=error.evidence)
        elif isinstance(error, NotSent | Ambiguous):
            _record_failure(provider, evidence=error.evidence)
        else:
            _record_answer(provider, is_order=is_order)
    except DatabaseError:
        logger.exception("how provider %s is doing could not be kept", provider)


def _record_answer(provider: Provider, *, is_order: bool) -> None:
    if provider.failures:
        Provider.objects.filter(pk=provider.pk).update(failures=0, down_until=None)
    if is_order and provider.paused_until is not None:
        Provider.objects.filter(pk=provider.pk, paused_until__lte=Now()).update(paused_until=None)


def _record_failure(provider: Provider, *, evidence: str) -> None:
    parameters: dict[str, Any] = {
        "provider": provider.pk,
        "evidence": evidence,
        "most": FAILURES_MAX,
        "first": DOWN_FIRST,
        "longest": DOWN_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FAIL, parameters)
        row = cursor.fetchone()
    if row == (FAILURES_MAX,):
        tell_staff(f"Calls to provider {provider} fail", f"{FAILURES_MAX} in a row; the last: {evidence}")


def _record_refusal(provider: Provider, *, evidence: str) -> None:
    pause: dict[str, Any] = {"paused_until": Now() + REFUSAL_PAUSE, "failure": evidence, "failed_at": Now()}
    if Provider.objects.filter(pk=provider.pk, paused_until=None).update(**pause):
        tell_staff(f"Provider {provider} refuses our orders for now", evidence)
    else:
        Provider.objects.filter(pk=provider.pk).update(**pause)
