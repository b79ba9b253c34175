"""How the panel is doing: what waits, for how long, at whom, and what of it needs a person.

For `manage.py status` and whoever watches it. Every question is answered from an index that holds what is open
and nothing else, so it costs the same after ten million finished orders. Ages are by the database's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Case, Value, When
from django.db.models.functions import Now

from orders import watching
from orders.models import Run
from providers import health
from providers.models import Provider
from wallet import queries as wallet_queries

POLL_OVERDUE = timedelta(seconds=60)
LEASE_OVERDUE = timedelta(seconds=60)  # beat asks for expired ones every five seconds
ANSWER_WINDOW = timedelta(hours=1)
CANCELLATION_MAX = timedelta(hours=1)  # asked for so long ago and no provider has answered
AUDIT_MAX = timedelta(hours=36)  # it runs every night
REFILL_ANSWER_MAX = timedelta(seconds=60)  # a call takes 25 s at most

_IDLE = "are workers and beat running?"


class ProviderState(StrEnum):
    """Whether a provider is sent orders now, and if not, why."""

    OPEN = "open"
    PAUSED = "paused"  # by staff
    REFUSING = "refusing"  # it refuses everything for a while
    DOWN = "down"  # it does not answer


@dataclass(frozen=True, slots=True)
class Pile:
    """How many rows wait, and how long the first of them has."""

    count: int = 0
    oldest: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """How a provider answered lately: attempts by outcome, and the time that answers took."""

    by_outcome: Mapping[str, int] = field(default_factory=dict)
    p50: timedelta | None = None
    p95: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ProviderCondition:
    """One provider and what waits there."""

    provider: Provider
    state: ProviderState
    queued: int
    in_flight: int
    open_runs: int
    answers: Answers

    @property
    def has_wrong_currency(self) -> bool:
        """Say whether it counts in other money than we take its prices for."""
        return self.provider.balance_currency not in ("", self.provider.currency)


@dataclass(frozen=True, slots=True)
class AuditCondition:
    """When the ledger was audited last and what came of it; `age` is since the first entry where it never was."""

    age: timedelta | None
    entries: int | None = None
    mismatches: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Everything at one moment. Of runs that are due later, `oldest` is the time until the first is, below zero.

    What is due are runs that workers send; those that are due where orders are delivered by hand are `to_take`.
    """

    due: Pile
    due_later: Pile
    submitting: Pile
    expired: Pile
    tracked: int
    overdue: Pile
    in_review: Pile
    held: Pile
    alarms: Mapping[str, Pile]
    cancellations: Pile
    refills: Pile
    refills_in_doubt: Pile
    to_take: Pile
    refills_by_hand: Pile
    cancellations_by_hand: Pile
    providers: Sequence[ProviderCondition]
    audit: AuditCondition


# States are written out, because the planner finds the partial indexes only by what stands in the statement.
_QUEUED = """
SELECT provider_id,
    count(*) FILTER (WHERE due_at <= statement_timestamp()),
    statement_timestamp() - min(due_at) FILTER (WHERE due_at <= statement_timestamp()),
    count(*) FILTER (WHERE due_at > statement_timestamp()),
    statement_timestamp() - min(due_at) FILTER (WHERE due_at > statement_timestamp())
FROM orders_run WHERE state = 'queued' AND held_at IS NULL
GROUP BY provider_id
"""
_TRACKED = """
SELECT provider_id, count(*),
    count(*) FILTER (WHERE poll_at < statement_timestamp() - %(late)s::interval),
    statement_timestamp() - min(poll_at) FILTER (WHERE poll_at < statement_timestamp() - %(late)s::interval)
FROM orders_run WHERE state IN ('in_progress', 'processing', 'submitted')
GROUP BY provider_id
"""
_IN_FLIGHT = """
SELECT provider_id, count(*), statement_timestamp() - min(started_at),
    count(*) FILTER (WHERE lease_until < statement_timestamp()),
    statement_timestamp() - min(lease_until) FILTER (WHERE lease_until < statement_timestamp())
FROM orders_attempt WHERE state = 'in_flight'
GROUP BY provider_id
"""
_PILES = """
SELECT 'in_review', count(*), statement_timestamp() - min(opened_at)
FROM orders_reviewitem WHERE resolved_at IS NULL
UNION ALL
SELECT 'held', count(*), statement_timestamp() - min(held_at)
FROM orders_run WHERE held_at IS NOT NULL
UNION ALL
SELECT 'cancellations', count(*), statement_timestamp() - min(requested_at)
FROM orders_cancellation WHERE forward_at IS NOT NULL
UNION ALL
SELECT 'refills', count(*), statement_timestamp() - min(created_at)
FROM orders_refill WHERE status IN ('Pending', 'In progress')
UNION ALL
SELECT 'refills_in_doubt', count(*), statement_timestamp() - min(part.sent_at)
FROM orders_refill refill JOIN orders_refillpart part ON part.refill_id = refill.id
WHERE refill.status IN ('Pending', 'In progress')
    AND part.status = 'Pending' AND part.sent_at < statement_timestamp() - %(answer)s::interval
    AND part.provider_refill = ''
UNION ALL
SELECT 'to_take', count(*), statement_timestamp() - min(due_at)
FROM orders_run WHERE state = 'queued' AND held_at IS NULL AND due_at <= statement_timestamp()
    AND provider_id = ANY(ARRAY(SELECT id FROM providers_provider WHERE kind = 'manual'))
UNION ALL
SELECT 'refills_by_hand', count(DISTINCT refill.id), statement_timestamp() - min(refill.created_at)
FROM orders_refill refill
JOIN orders_refillpart part ON part.refill_id = refill.id JOIN orders_run run ON run.id = part.run_id
WHERE refill.status IN ('Pending', 'In progress') AND part.status = 'Pending'
    AND run.provider_id = ANY(ARRAY(SELECT id FROM providers_provider WHERE kind = 'manual'))
UNION ALL
SELECT 'cancellations_by_hand', count(DISTINCT request.id), statement_timestamp() - min(request.requested_at)
FROM orders_run run JOIN orders_cancellation request ON request.order_id = run.order_id
WHERE run.state IN ('in_progress', 'processing', 'submitted') AND request.forward_at IS NULL
    AND run.provider_id = ANY(ARRAY(SELECT id FROM providers_provider WHERE kind = 'manual'))
UNION ALL
SELECT 'alarm ' || alarm, count(*), statement_timestamp() - min(alarm_at)
FROM orders_run WHERE alarm <> '' GROUP BY alarm
"""
# By provider, because that is how attempts are indexed.
_ANSWERS = """
SELECT provider_id, state, count(*),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY finished_at - started_at),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY finished_at - started_at)
FROM orders_attempt
WHERE provider_id = ANY(ARRAY(SELECT id FROM providers_provider))
    AND started_at > statement_timestamp() - %(window)s::interval
GROUP BY GROUPING SETS ((provider_id, state), (provider_id))
"""


def read_condition() -> Condition:
    """Measure everything that is open, in a few statements."""
    queued, tracked, in_flight = (
        {row[0]: row[1:] for row in _ask(statement)} for statement in (_QUEUED, _TRACKED, _IN_FLIGHT)
    )
    piles = read_piles()
    providers = _list_providers(queued, tracked, in_flight, answers=_list_answers())
    manual = {one.provider.pk for one in providers if one.provider.is_manual}
    return Condition(
        due=_pile_up({provider_id: row for provider_id, row in queued.items() if provider_id not in manual}, 0),
        due_later=_pile_up(queued, 2),
        submitting=_pile_up(in_flight, 0),
        expired=_pile_up(in_flight, 2),
        tracked=sum(row[0] for row in tracked.values()),
        overdue=_pile_up(tracked, 1),
        in_review=piles["in_review"],
        held=piles["held"],
        alarms={kind.value: piles[f"alarm {kind.value}"] for kind in Run.Alarm},
        cancellations=piles["cancellations"],
        refills=piles["refills"],
        refills_in_doubt=piles["refills_in_doubt"],
        to_take=piles["to_take"],
        refills_by_hand=piles["refills_by_hand"],
        cancellations_by_hand=piles["cancellations_by_hand"],
        providers=providers,
        audit=read_audit(),
    )


def read_piles() -> dict[str, Pile]:
    """Measure what may need a person: reviews, held runs, requests, and `alarm KIND` of each kind."""
    piles = {name: Pile(count, oldest) for name, count, oldest in _ask(_PILES)}
    return {f"alarm {kind.value}": Pile() for kind in Run.Alarm} | piles


def list_providers(*, with_answers: bool = False) -> list[ProviderCondition]:
    """Measure the providers alone, with or without how they answered."""
    queued, tracked, in_flight = (
        {row[0]: row[1:] for row in _ask(statement)} for statement in (_QUEUED, _TRACKED, _IN_FLIGHT)
    )
    return _list_providers(queued, tracked, in_flight, answers=_list_answers() if with_answers else {})


def list_problems(condition: Condition) -> list[str]:
    """Say in one sentence each what needs a person. Pure; nothing to say means that all is well."""
    problems = [
        _say(condition.in_review, "in review: {count}, the first for {age}"),
        _say(condition.held, "held: {count}, the first for {age}"),
        _say(condition.refills_in_doubt, "refills sent without an answer: {count}, the first {age} ago"),
        _say(condition.due, f"due and not sent: the first for {{age}}; {_IDLE}", at=watching.WAITING_MAX),
        _say(condition.expired, f"expired leases: {{count}}, the first for {{age}}; {_IDLE}", at=LEASE_OVERDUE),
        _say(condition.overdue, f"not asked about in time: {{count}}, the first is late by {{age}}; {_IDLE}"),
        _say(condition.cancellations, "cancellations without an answer: the first for {age}", at=CANCELLATION_MAX),
    ]
    problems += [
        _say(pile, f"{Run.Alarm(kind).label}: {{count}}, the first for {{age}}")
        for kind, pile in condition.alarms.items()
    ]
    for one in condition.providers:
        problems += _list_provider_problems(one)
    audit = condition.audit
    if audit.mismatches:
        problems.append(f"the ledger does not add up: {audit.mismatches:,} mismatches; see `manage.py audit_ledger`")
    if audit.age is not None and audit.age > AUDIT_MAX:
        problems.append(f"the ledger was not audited for {describe_age(audit.age)}; {_IDLE}")
    return [problem for problem in problems if problem]


def describe_age(age: timedelta | None) -> str:
    """Print an age as people say it, in its largest units: `1 d 3 h`, `5 min`, `12 s`."""
    if age is None:
        return ""
    seconds = int(abs(age).total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _ask(statement: str) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {"late": POLL_OVERDUE, "answer": REFILL_ANSWER_MAX, "window": ANSWER_WINDOW}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _pile_up(rows: Mapping[int, tuple[Any, ...]], column: int) -> Pile:
    """Put the piles of all providers together; the count is in `column`, the age in the next one."""
    ages = [row[column + 1] for row in rows.values() if row[column + 1] is not None]
    return Pile(sum(row[column] for row in rows.values()), max(ages, default=None))


def _list_answers() -> dict[int, Answers]:
    by_provider: dict[int, dict[str, int]] = {}
    times: dict[int, tuple[timedelta | None, timedelta | None]] = {}
    for provider_id, state, count, p50, p95 in _ask(_ANSWERS):
        if state is None:
            times[provider_id] = (p50, p95)
        else:
            by_provider.setdefault(provider_id, {})[state] = count
    return {provider_id: Answers(by_provider[provider_id], *times[provider_id]) for provider_id in times}


def _list_providers(
    queued: Mapping[int, tuple[Any, ...]],
    tracked: Mapping[int, tuple[Any, ...]],
    in_flight: Mapping[int, tuple[Any, ...]],
    *,
    answers: Mapping[int, Answers],
) -> list[ProviderCondition]:
    state = Case(
        When(is_active=False, then=Value(ProviderState.PAUSED.value)),
        When(down_until__gt=Now(), then=Value(ProviderState.DOWN.value)),
        When(paused_until__gt=Now(), then=Value(ProviderState.REFUSING.value)),
        default=Value(ProviderState.OPEN.value),
    )
    providers: Any = Provider.objects.annotate(state_now=state).order_by("pk")
    return [
        ProviderCondition(
            provider=provider,
            state=ProviderState(provider.state_now),
            queued=sum(queued[provider.pk][::2]) if provider.pk in queued else 0,
            in_flight=in_flight[provider.pk][0] if provider.pk in in_flight else 0,
            open_runs=tracked[provider.pk][0] if provider.pk in tracked else 0,
            answers=answers.get(provider.pk, Answers()),
        )
        for provider in providers
    ]


def _list_provider_problems(one: ProviderCondition) -> list[str]:
    provider = one.provider
    if one.state == ProviderState.PAUSED:
        return []  # what staff did is meant to be
    problems = []
    if provider.failures >= health.FAILURES_MAX:
        problems.append(f"provider {provider} does not answer: {provider.failure}")
    if one.state == ProviderState.REFUSING:
        problems.append(f"provider {provider} refuses orders for now: {provider.failure}")
    if provider.is_low:
        problems.append(f"our balance at provider {provider} is low: {provider.balance} {provider.currency}")
    if one.has_wrong_currency:
        problems.append(f"provider {provider} counts in {provider.balance_currency}, not in {provider.currency}")
    if provider.sync_failure:
        problems.append(f"the price list of provider {provider}: {provider.sync_failure}")
    return problems


def _say(pile: Pile, sentence: str, *, at: timedelta | None = None) -> str:
    """Put a pile into words, if it is one: from the age `at` on, where an age is given."""
    if not pile.count or (at is not None and (pile.oldest is None or pile.oldest < at)):
        return ""
    return sentence.format(count=f"{pile.count:,}", age=describe_age(pile.oldest))


def read_audit() -> AuditCondition:
    """Say when the ledger was audited last."""
    last = wallet_queries.get_last_audit()
    since = last.at if last is not None else wallet_queries.get_first_entry_at()
    age = None
    if since is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT statement_timestamp() - %s::timestamptz", [since])
            age = cursor.fetchone()[0]
    if last is None:
        return AuditCondition(age)
    return AuditCondition(age, last.entries, last.mismatches, last.seconds)
