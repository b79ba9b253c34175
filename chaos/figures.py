"""What a run has shown, promise by promise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chaos import accounts
from chaos.accounts import Ambiguity
from chaos.evidence import Evidence
from chaos.recording import Call
from chaos.schedule import PhaseKind

CALM_P50_SECONDS, CALM_P99_SECONDS = 1.0, 5.0
FLAGGED_WITHIN_SECONDS = 60.0
SUBMITTED_WITHIN_SECONDS = 30.0
ADD_P99_MILLISECONDS = 150.0
SETTLED_WITHIN_SECONDS = 60.0
HEALED_WITHIN_SECONDS = 5.0
OTHERS_LAG_FACTOR = 2.0
SERVER_ERROR = 500  # of HTTP; all refusals of the protocol are 200
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A missed target is a matter of speed, unless `is_safety`: then it is a breach."""

    promise: str
    what: str
    target: str
    measured: str
    is_met: bool
    is_safety: bool = False
    remark: str = ""

    @property
    def verdict(self) -> str:
        """Say it in a word."""
        if self.is_met:
            return "met"
        return "BROKEN" if self.is_safety else "missed"


def rows(evidence: Evidence) -> list[Row]:
    """Return the table's lines."""
    lines = [*_kept_orders(evidence), *_ambiguity(evidence)]
    if evidence.phases_of(PhaseKind.BROKER):
        lines += _broker(evidence)
    if evidence.phases_of(PhaseKind.AFTERMATH):
        lines += _workers(evidence)
    lines += _processes(evidence)
    if evidence.struck("stop-database"):
        lines += _database(evidence)
    lines += _money(evidence)
    if evidence.phases_of(PhaseKind.HANGING) and evidence.phases_of(PhaseKind.CALM):
        lines += _others(evidence)
    if evidence.phases_of(PhaseKind.CALM):
        lines += _speed(evidence)
    return [*lines, *_stuck(evidence), *_rest(evidence)]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many percent of them lie; nothing measured is worse than anything."""
    if not values:
        return NEVER
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def lags(evidence: Evidence, calls: Iterable[Call]) -> list[float]:
    """Return for each acknowledged order the seconds until a provider had it; not for those canceled before that."""
    return [
        _arrival(evidence, call) - call.ended
        for call in calls
        if call.acknowledged_order is not None and not _is_withdrawn(evidence, call)
    ]


def _arrival(evidence: Evidence, call: Call) -> float:
    return evidence.arrivals.get(call.request["link"], NEVER)


def _is_withdrawn(evidence: Evidence, call: Call) -> bool:
    """Say whether an order was canceled before it was sent, or given back because it never was."""
    link = call.request["link"]
    return link not in evidence.arrivals and (
        call.acknowledged_order in evidence.withdrawn or link in evidence.reviewed_links
    )


def _none(promise: str, what: str, found: Sequence[object], of: str) -> Row:
    """Make a line for something of which there must be none."""
    return Row(promise, what, "0", f"{len(found)} of {of}", not found, is_safety=True)


def _kept_orders(evidence: Evidence) -> list[Row]:
    adds = [call for call in evidence.calls if call.action == "add"]
    acknowledged = sum(call.acknowledged_order is not None for call in adds)
    refused = sum(call.error is not None for call in adds)
    stops = len(evidence.struck("stop-database"))
    lost = evidence.found("lost", "doubled", "unasked", "charge")
    duplicates = accounts.find_duplicates(evidence)
    strangers = accounts.find_strangers(evidence)
    return [
        _none("4", "acknowledged orders lost or not as ordered", lost, f"{acknowledged:,}; {stops} database stops"),
        Row("4", "charges without order, orders without charge", "0", f"{evidence.unpaid}", not evidence.unpaid, True),
        _none("5", "refused adds that left an order", evidence.found("refused"), f"{refused:,}"),
        _none("6", "orders that providers took twice", duplicates, f"{evidence.taken_count:,}"),
        _none("6", "sendings without a committed intent", accounts.find_unintended(evidence),
              f"{evidence.sent_count:,}"),
        _none("6", "orders at providers that no run accounts for", strangers, f"{evidence.taken_count:,}"),
    ]  # fmt: skip


def _ambiguity(evidence: Evidence) -> list[Row]:
    ours: Ambiguity = accounts.account_for_ambiguity(evidence)
    return [
        Row(
            "7",
            "injected ambiguous = found + absent + in review",
            f"{ours.injected}",
            f"{ours.found} + {ours.absent} + {ours.open}",
            ours.injected == ours.found + ours.absent + ours.open,
            is_safety=True,
            remark=f"{ours.others} more reviews from our own crashes",
        ),
        _none("7", "refunds or sendings before evidence", ours.hasty, f"{ours.reviews} reviews"),
        _none("7", "reviews that the books could not decide", evidence.undecided, f"{ours.reviews}"),
    ]


def _broker(evidence: Evidence) -> list[Row]:
    phases = evidence.phases_of(PhaseKind.BROKER)
    calls = [call for start, end in phases for call in evidence.calls if start <= call.sent < end]
    adds = [call for call in calls if call.action == "add"]
    after = [0.0]
    for struck in evidence.struck("flush", "freeze", "stop-broker"):
        if any(start <= struck.began < end for start, end in phases):
            waiting = [
                call for call in adds
                if call.acknowledged_order is not None and struck.began - 1 <= call.ended <= struck.ended
            ]  # fmt: skip
            after += [_arrival(evidence, call) - struck.ended for call in waiting if not _is_withdrawn(evidence, call)]
    bad = [call for call in adds if not call.is_answered or (call.status or SERVER_ERROR) >= SERVER_ERROR]
    p99 = percentile([call.milliseconds for call in adds], 99)
    longest = max((struck.fault.seconds for struck in evidence.struck("freeze")), default=0.0)
    return [
        Row(
            "8",
            "last run submitted after the broker is back",
            f"≤ {SUBMITTED_WITHIN_SECONDS:.0f} s",
            f"{max(after):.1f} s",
            max(after) <= SUBMITTED_WITHIN_SECONDS,
            remark=f"longest outage {longest:.0f} s",
        ),
        Row("8", "`add` without the broker: 5xx or no answer", "0", f"{len(bad)} of {len(adds):,}", not bad),
        Row("8", "`add` without the broker: p99", f"≤ {ADD_P99_MILLISECONDS:.0f} ms", f"{p99:.0f} ms",
            p99 <= ADD_P99_MILLISECONDS),
    ]  # fmt: skip


def _workers(evidence: Evidence) -> list[Row]:
    kills = len(evidence.struck("kill"))
    worst = max((NEVER if seconds is None else seconds for seconds in evidence.settled_seconds), default=NEVER)
    return [
        Row(
            "9",
            "all final or in review after the last kill -9",
            f"≤ {SETTLED_WITHIN_SECONDS:.0f} s",
            f"{worst:.1f} s" if worst < NEVER else "not in time",
            worst <= SETTLED_WITHIN_SECONDS,
            remark=f"{kills} kills",
        )
    ]


def _processes(evidence: Evidence) -> list[Row]:
    return [
        Row("10", "processes that ended by themselves", "0", f"{len(evidence.ended_by_themselves)}",
            not evidence.ended_by_themselves, is_safety=True),
        Row("10", "stops in order that took more than 30 s", "0", f"{len(evidence.slow_stops)}",
            not evidence.slow_stops),
    ]  # fmt: skip


def _database(evidence: Evidence) -> list[Row]:
    stops = evidence.struck("stop-database")
    healed = [
        next((call.ended for call in evidence.calls if call.sent >= stop.ended and _is_success(call)), NEVER)
        - stop.ended
        for stop in stops
    ]  # fmt: skip
    down = [
        call for stop in stops for call in evidence.calls
        if stop.began <= call.sent < stop.ended and not _is_success(call) and call.error is None
    ]  # fmt: skip
    # Web servers that a deploy or a kill took away answer nothing, and that is not the database's doing.
    asked = sum(stop.began <= call.sent < stop.ended for stop in stops for call in evidence.calls)
    worst = max(healed, default=NEVER)
    return [
        Row("10", "answers other than JSON while the database is down", "0", f"{len(down)} of {asked:,}", not down),
        Row("10", "first success after it is up", f"≤ {HEALED_WITHIN_SECONDS:.0f} s", f"{worst:.1f} s",
            worst <= HEALED_WITHIN_SECONDS, remark=f"{len(stops)} stops"),
    ]  # fmt: skip


def _is_success(call: Call) -> bool:
    return call.is_answered and (call.status or SERVER_ERROR) < SERVER_ERROR


def _money(evidence: Evidence) -> list[Row]:
    refunds, apart = evidence.refunds_apart
    wrong = accounts.find_wrong_refunds(evidence)
    return [
        _none("11", "refunds that are not exactly what was not delivered", wrong, f"{refunds:,} refunds"),
        Row("11", "refunds outside the transaction of their status", "0", f"{apart} of {refunds:,}", not apart, True),
        Row("1", "mismatches in the audit of the ledger", "0", f"{len(evidence.audit_findings)}",
            not evidence.audit_findings, is_safety=True),
        _none("12", "statuses that moved as none may", evidence.found("status"),
              f"{evidence.count_calls('status'):,} calls"),
        _none("12", "runs that differ from their provider's book", accounts.find_disagreements(evidence),
              f"{len(evidence.runs):,}"),
        _none("", "balances that were never current during their call", evidence.found("balance"),
              f"{evidence.count_calls('balance'):,} calls"),
    ]  # fmt: skip


def _others(evidence: Evidence) -> list[Row]:
    calm = percentile(lags(evidence, evidence.adds_elsewhere(PhaseKind.CALM)), 50)
    hanging = percentile(lags(evidence, evidence.adds_elsewhere(PhaseKind.HANGING)), 50)
    factor = hanging / calm if 0 < calm < NEVER else NEVER
    return [
        Row(
            "20",
            "others' lag while one provider hangs",
            f"≤ {OTHERS_LAG_FACTOR:.0f}×",
            f"{factor:.1f}× (p50 {hanging:.2f} s, else {calm:.2f} s)",
            factor <= OTHERS_LAG_FACTOR,
        )
    ]


def _speed(evidence: Evidence) -> list[Row]:
    adds = [
        call for start, end in evidence.phases_of(PhaseKind.CALM) for call in evidence.calls
        if start <= call.sent < end and call.action == "add"
    ]  # fmt: skip
    measured = lags(evidence, adds)
    p50, p99 = percentile(measured, 50), percentile(measured, 99)
    calls, ids = accounts.count_status_calls(evidence)
    return [
        Row("22", "calm: order to provider, p50", f"≤ {CALM_P50_SECONDS:.0f} s", f"{p50:.2f} s",
            p50 <= CALM_P50_SECONDS, remark=f"{len(measured):,} orders"),
        Row("22", "calm: order to provider, p99", f"≤ {CALM_P99_SECONDS:.0f} s", f"{p99:.2f} s",
            p99 <= CALM_P99_SECONDS, remark=f"{calls:,} status calls asked {ids:,} times about an order"),
    ]  # fmt: skip


def _stuck(evidence: Evidence) -> list[Row]:
    alarms = [NEVER if seconds is None else seconds for seconds in evidence.alarm_seconds]
    worst = max(alarms, default=NEVER)
    return [
        Row("22", "stuck run flagged", f"≤ {FLAGGED_WITHIN_SECONDS:.0f} s", f"{worst:.1f} s",
            worst <= FLAGGED_WITHIN_SECONDS, remark=f"{len(alarms)} runs, their clocks put forward"),
    ]  # fmt: skip


def _rest(evidence: Evidence) -> list[Row]:
    unrest = ", ".join(evidence.unrest)
    return [Row("", "at rest in the end", "everything", unrest or "everything", not unrest, is_safety=True)]
