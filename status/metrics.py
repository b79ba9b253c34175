"""The panel's figures for Prometheus.

Everything is read from the database when it is asked for, so any process of any machine gives the same figures, and
nothing has to be kept together between the processes of a web server. Requests pay for none of it: how long they took
is counted by `api_v2.recording` anyway.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from api_v2 import times
from orders import monitoring
from orders.monitoring import Condition, Pile, ProviderCondition
from staff.models import Approval
from status import heartbeat

__all__ = ["CONTENT_TYPE", "write_metrics"]

MICROSECONDS = 1_000_000
LABELS_OF_BOUNDS = [*(f"{bound / MICROSECONDS:g}" for bound in times.BOUNDS_US), "+Inf"]

Sample = tuple[list[str], float]


def write_metrics() -> bytes:
    """Write all figures in Prometheus' text format."""
    return generate_latest(_registry)


class _PanelCollector(Collector):
    """Reads what is asked for; keeps nothing."""

    def collect(self) -> Iterator[Metric]:
        """Give all families."""
        condition = monitoring.read_condition()
        yield _collect_requests()
        yield from _collect_queues(condition)
        yield from _collect_providers(condition.providers)
        yield from _collect_rest(condition)


# Of our own: the library's holds what single processes count, which would differ from one scrape to the next.
_registry = CollectorRegistry()
_registry.register(_PanelCollector())


def _gauge(name: str, help_text: str, labels: Iterable[str], samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=list(labels))
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _collect_requests() -> Metric:
    family = HistogramMetricFamily(
        "panel_api_request_seconds", "Calls of /api/v2 with a valid key.", labels=["action", "outcome"]
    )
    for timed in times.list_all_times():
        buckets = list(zip(LABELS_OF_BOUNDS, map(float, accumulate(timed.steps)), strict=True))
        family.add_metric([timed.action or "unknown", timed.outcome], buckets, timed.total_us / MICROSECONDS)
    return family


def _collect_queues(condition: Condition) -> Iterator[Metric]:
    piles: dict[str, Pile] = {
        "due": condition.due,
        "due_later": Pile(condition.due_later.count),
        "submitting": condition.submitting,
        "expired_leases": condition.expired,
        "at_providers": Pile(condition.tracked),
        "overdue_for_a_poll": condition.overdue,
        "in_review": condition.in_review,
        "held": condition.held,
        "cancellations": condition.cancellations,
        "refills": condition.refills,
        "refills_in_doubt": condition.refills_in_doubt,
        "by_hand_to_take": condition.to_take,
        "by_hand_refills": condition.refills_by_hand,
        "by_hand_cancellations": condition.cancellations_by_hand,
        **{f"alarm_{kind}": pile for kind, pile in condition.alarms.items()},
    }
    yield _gauge("panel_queue_rows", "What waits.", ["queue"], (([name], pile.count) for name, pile in piles.items()))
    yield _gauge(
        "panel_queue_oldest_seconds",
        "How long the first of it has waited; 0 where nothing waits.",
        ["queue"],
        (([name], _seconds(pile.oldest) or 0) for name, pile in piles.items()),
    )


def _collect_providers(providers: Iterable[ProviderCondition]) -> Iterator[Metric]:
    found = [(one.provider.name, one) for one in providers]
    yield _gauge(
        "panel_provider_open",
        "1 for the state a provider is in: open, paused by staff, refusing, down.",
        ["provider", "state"],
        (([name, state.value], one.state == state) for name, one in found for state in monitoring.ProviderState),
    )
    yield _gauge(
        "panel_provider_failures_in_a_row",
        "Calls that failed since the last one that did not.",
        ["provider"],
        (([name], one.provider.failures) for name, one in found),
    )
    yield _gauge(
        "panel_provider_balance",
        "Our money there, in its currency.",
        ["provider", "currency"],
        (
            ([name, one.provider.currency], float(one.provider.balance))
            for name, one in found
            if one.provider.balance is not None
        ),
    )
    yield _gauge(
        "panel_provider_open_runs", "Runs it works on.", ["provider"], (([name], one.open_runs) for name, one in found)
    )
    yield _gauge(
        "panel_provider_attempts_last_hour",
        "Tries to send a run that began within the last hour, by how they ended.",
        ["provider", "outcome"],
        (([name, outcome], count) for name, one in found for outcome, count in sorted(one.answers.by_outcome.items())),
    )
    yield _gauge(
        "panel_provider_answer_seconds",
        "How long its answers to them took.",
        ["provider", "quantile"],
        (
            ([name, quantile], seconds)
            for name, one in found
            for quantile, time in (("0.5", one.answers.p50), ("0.95", one.answers.p95))
            if (seconds := _seconds(time)) is not None
        ),
    )


def _collect_rest(condition: Condition) -> Iterator[Metric]:
    audit = condition.audit
    age = _seconds(audit.age) if audit.entries is not None else None
    for name, help_text, value in (
        ("panel_ledger_audit_age_seconds", "Since the ledger was audited last.", age),
        ("panel_ledger_mismatches", "What the last audit could not explain.", audit.mismatches),
        ("panel_ledger_audit_seconds", "How long the last audit took.", audit.seconds),
        ("panel_worker_age_seconds", "Since a worker gave a sign of life.", _seconds(heartbeat.read_age())),
        (
            "panel_approvals_waiting",
            "What waits for a second person.",
            Approval.objects.filter(state=Approval.State.WAITING).count(),
        ),
    ):
        yield _gauge(name, help_text, [], [([], value)] if value is not None else [])


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 6)
