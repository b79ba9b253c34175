"""Find out whether a provider has a run that nobody knows the outcome of.

A panel numbers its orders, so ours lies between the ids that it gave the runs sent just before and after it. And it
reports on our own orders only: an id of that gap that it reports on, and that no run of ours has, is very likely it.
Nothing here decides anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet

from orders.errors import ProviderNotAsked
from orders.models import Attempt, Run
from providers import adapter, health, values
from providers.adapter import STATUS_IDS_MAX, Report
from providers.errors import ProviderError

NEAR = timedelta(days=1)  # ids given out longer before or after say little
LOOKED_AT_MAX = 50  # attempts on either side, of which most have an id


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the provider took just before and just after an attempt, as far as that is known."""

    before: Attempt | None
    after: Attempt | None

    @property
    def gap(self) -> Sequence[str]:
        """Return the ids between them, at most as many as one call takes; none where ids are no numbers."""
        if self.before is None or not self.before.run.provider_order.isdecimal():
            return []
        first = int(self.before.run.provider_order) + 1
        end = first + STATUS_IDS_MAX
        if self.after is not None and self.after.run.provider_order.isdecimal():
            end = min(end, int(self.after.run.provider_order))
        return [str(number) for number in range(first, end)]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a provider says of an id now, and which run of ours has it; None where nobody knows it."""

    provider_order: str
    report: Report | None
    run: Run | None


def find_neighbours(attempt: Attempt) -> Neighbours:
    """Find the accepted attempts nearest to one, at the same provider."""
    taken = Attempt.objects.filter(provider=attempt.provider_id).select_related("run__order")
    earlier = taken.filter(started_at__lt=attempt.started_at, started_at__gt=attempt.started_at - NEAR)
    later = taken.filter(started_at__gt=attempt.started_at, started_at__lt=attempt.started_at + NEAR)
    return Neighbours(_nearest(earlier.order_by("-started_at")), _nearest(later.order_by("started_at")))


def _nearest(attempts: QuerySet[Attempt]) -> Attempt | None:
    # The index has all attempts of a provider by time; few of them were not accepted.
    return next((a for a in attempts[:LOOKED_AT_MAX] if a.state == Attempt.State.ACCEPTED), None)


def ask_provider(attempt: Attempt, provider_orders: Sequence[str]) -> list[Finding]:
    """Ask an attempt's provider what it says of some ids now; those that nobody can read are left out.

    :raises ProviderNotAsked: it did not answer, or not so that anybody could read it.
    """
    read = (values.read_id(said.removeprefix("#")) for said in provider_orders)
    ids = list(dict.fromkeys(one for one in read if one is not None))[:STATUS_IDS_MAX]
    if not ids:
        return []
    try:
        with health.watched(attempt.provider):
            reports = adapter.connect(attempt.provider).statuses(ids)
    except ProviderError as error:
        raise ProviderNotAsked(evidence=error.evidence) from error
    ours = Run.objects.filter(provider=attempt.provider_id, provider_order__in=ids)
    runs = {run.provider_order: run for run in ours}
    return [Finding(one, reports.get(one), runs.get(one)) for one in ids]
