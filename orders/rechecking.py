"""Ask once more about runs that ended: some panels take a completion back, and what did not come is refunded."""

import logging
from datetime import timedelta
from typing import Any

from django.db import connection

from orders import tracking
from providers import adapter, health
from providers.adapter import STATUS_IDS_MAX
from providers.errors import ProviderError
from providers.models import Provider

# After the end, ever more seldom: corrections come soon or never, and each question costs the provider too.
RECHECKS = [timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3)]

logger = logging.getLogger(__name__)

_PROVIDERS = f"""
SELECT p.id FROM providers_provider p
WHERE {health.IS_REACHABLE} AND EXISTS (
    SELECT 1 FROM orders_run r WHERE r.provider_id = p.id AND r.recheck_at <= statement_timestamp()
)
"""

# The next turn is noted before the question: one that gets no answer is asked again at that turn, and no sooner.
_CLAIM = """
UPDATE orders_run SET recheck_at = (
    SELECT min(finished_at + step) FROM unnest(%(steps)s::interval[]) step
    WHERE finished_at + step > statement_timestamp()
)
WHERE id = ANY(ARRAY(
    SELECT id FROM orders_run WHERE provider_id = %(provider)s AND recheck_at <= statement_timestamp()
    ORDER BY recheck_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
RETURNING id, provider_order, state, quantity, remains, start_count, start_count_by_staff
"""


def recheck_finished() -> int:
    """Ask each provider about at most one call's worth of runs that ended; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_PROVIDERS)
        provider_ids = [provider_id for (provider_id,) in cursor.fetchall()]
    return sum(_recheck(provider) for provider in Provider.objects.filter(pk__in=provider_ids))


def _recheck(provider: Provider) -> int:
    parameters: dict[str, Any] = {"steps": RECHECKS, "provider": provider.pk, "limit": STATUS_IDS_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        runs = tracking.read_runs(cursor)
    if runs:
        try:
            with health.watched(provider):
                reports = adapter.connect(provider).statuses(list(runs))
        except ProviderError as error:
            logger.warning("provider %s did not report: %s", provider, error.evidence)
        else:
            tracking.record_reports(runs, reports)
    return len(runs)
