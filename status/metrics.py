"""The panel's figures in Prometheus' text format.

Everything is read from the database when it is asked for, so any process of any machine gives the same figures, and
nothing has to be kept together between the processes of a web server. Requests pay for none of it: how long they took
is counted by `api_v2.recording` anyway.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import accumulate

from api_v2 import times
from orders import monitoring
from orders.monitoring import Condition, Pile, ProviderCondition
from staff.models import Approval
from status import heartbeat

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MICROSECONDS = 1_000_000

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]


def write_metrics() -> str:
    """Write all figures."""
    condition = monitoring.read_condition()
    return "".join(
        line
        for family in (
            *_write_requests(),
            *_write_queues(condition),
            *_write_providers(condition.providers),
            *_write_rest(condition),
        )
        for line in family
    )


def _family(name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> Iterator[str]:
    """Write one family; `samples` carry what their names have more than the family's."""
    yield f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"
    for suffix, labels, value in samples:
        pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        yield f"{name}{suffix}{f'{{{pairs}}}' if pairs else ''} {value:.15g}\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _write_requests() -> Iterator[Iterator[str]]:
    samples: list[Sample] = []
    for timed in times.list_all_times():
        labels = {"action": timed.action or "unknown", "outcome": timed.outcome}
        counts = list(accumulate(timed.steps))
        samples += [
            ("_bucket", {**labels, "le": f"{bound / MICROSECONDS:g}"}, count)
            for bound, count in zip(times.BOUNDS_US, counts, strict=False)
        ]
        samples += [
            ("_bucket", {**labels, "le": "+Inf"}, counts[-1]),
            ("_sum", labels, timed.total_us / MICROSECONDS),
            ("_count", labels, counts[-1]),
        ]
    yield _family("panel_api_request_seconds", "histogram", "Calls of /api/v2 with a valid key.", samples)


def _write_queues(condition: Condition) -> Iterator[Iterator[str]]:
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
    yield _family(
        "panel_queue_rows", "gauge", "What waits.", [("", {"queue": name}, pile.count) for name, pile in piles.items()]
    )
    yield _family(
        "panel_queue_oldest_seconds",
        "gauge",
        "How long the first of it has waited; 0 where nothing waits.",
        [("", {"queue": name}, _seconds(pile.oldest) or 0) for name, pile in piles.items()],
    )


def _write_providers(providers: Iterable[ProviderCondition]) -> Iterator[Iterator[str]]:
    found = [({"provider": one.provider.name}, one) for one in providers]
    yield _family(
        "panel_provider_open",
        "gauge",
        "1 for the state a provider is in: open, paused by staff, refusing, down.",
        [
            ("", {**labels, "state": state.value}, float(one.state == state))
            for labels, one in found
            for state in monitoring.ProviderState
        ],
    )
    yield _family(
        "panel_provider_failures_in_a_row",
        "gauge",
        "Calls that failed since the last one that did not.",
        [("", labels, one.provider.failures) for labels, one in found],
    )
    yield _family(
        "panel_provider_balance",
        "gauge",
        "Our money there, in its currency.",
        [
            ("", {**labels, "currency": one.provider.currency}, float(one.provider.balance))
            for labels, one in found
            if one.provider.balance is not None
        ],
    )
    yield _family(
        "panel_provider_open_runs", "gauge", "Runs it works on.", [("", labels, one.open_runs) for labels, one in found]
    )
    yield _family(
        "panel_provider_attempts_last_hour",
        "gauge",
        "Tries to send a run that began within the last hour, by how they ended.",
        [
            ("", {**labels, "outcome": outcome}, count)
            for labels, one in found
            for outcome, count in sorted(one.answers.by_outcome.items())
        ],
    )
    yield _family(
        "panel_provider_answer_seconds",
        "gauge",
        "How long its answers to them took.",
        [
            ("", {**labels, "quantile": quantile}, seconds)
            for labels, one in found
            for quantile, time in (("0.5", one.answers.p50), ("0.95", one.answers.p95))
            if (seconds := _seconds(time)) is not None
        ],
    )


def _write_rest(condition: Condition) -> Iterator[Iterator[str]]:
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
        yield _family(name, "gauge", help_text, [("", {}, value)] if value is not None else [])


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 6)
