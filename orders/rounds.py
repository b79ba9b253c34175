"""Call providers in turn, for work that asks many of them: none that hangs or has much to do keeps the others waiting.

A round is bounded in time, because the thread it takes is missing elsewhere. A provider that does not answer costs one
call of it, and those whose last call failed come when the others are through: they may take the time that is left.
"""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from providers import health
from providers.errors import LinkBusy, ProviderError, Refused
from providers.models import Provider

SECONDS = 10.0  # no call begins after this; the last one may take its 25 s on top
# Longer than a round can take: what a round has claimed is its own, and is due again when its process has died.
CLAIM = timedelta(seconds=60)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One call to a provider."""

    provider_id: int
    concerns: frozenset[int]  # the caller's rows that it is about
    call: Callable[[Provider], bool]  # says whether the provider has answered


def take_turns(jobs: Iterable[Job], *, seconds: float = SECONDS) -> set[int]:
    """Do jobs, each provider's in their order; return the rows of those that there was no time for.

    The rest of a provider that does not answer, or is down, is left out without a word: it is due again later.
    """
    started = time.monotonic()
    queues: dict[int, deque[Job]] = defaultdict(deque)
    for job in jobs:
        queues[job.provider_id].append(job)
    failing = set(Provider.objects.filter(pk__in=list(queues), failures__gt=0).values_list("pk", flat=True))
    for is_failing in (False, True):
        turns = deque(provider_id for provider_id in queues if (provider_id in failing) == is_failing)
        while turns:
            if time.monotonic() - started >= seconds:
                return {row for queue in queues.values() for job in queue for row in job.concerns}
            queue = queues[provider_id := turns.popleft()]
            # As it is now: other threads may have found out meanwhile that it is down.
            provider = Provider.objects.filter(health.is_reachable(), pk=provider_id).first()
            if provider is None or not _do(queue.popleft(), provider):
                queue.clear()
            if queue:
                turns.append(provider_id)
    return set()


def has_answered(error: ProviderError) -> bool:
    """Say whether an error is about the one request, so that the provider's next call may go better."""
    return isinstance(error, Refused | LinkBusy)


def _do(job: Job, provider: Provider) -> bool:
    try:
        return job.call(provider)
    except Exception:
        # A bug that one row brings to light must not keep the others waiting.
        logger.exception("a call to provider %s about %s failed", provider, sorted(job.concerns))
        return True
