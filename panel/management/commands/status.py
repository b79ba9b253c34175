"""`manage.py status`: is all well?"""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from orders import monitoring
from orders.monitoring import Condition, Pile, ProviderCondition
from panel import console, startup


class Command(BaseCommand):
    """Print the panel's condition on one screen."""

    help = (
        "Show what waits and for how long, how the providers are doing, and the last audit of the ledger. "
        "Exit code 0: all is well; 1: something needs a person, and the last lines say what."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for whom it is."""
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="for monitoring: everything as JSON, times in seconds"
        )

    def handle(self, *, as_json: bool, **_options: object) -> None:
        """Measure and print; the exit code says whether somebody must look."""
        condition = monitoring.read_condition()
        broker_failure = _find_broker_failure()
        problems = monitoring.list_problems(condition)
        if broker_failure:
            problems.append(broker_failure)
        problems = [console.one_line(problem) for problem in problems]
        self.stdout.write(
            _as_json(condition, broker_failure, problems) if as_json else _as_screen(condition, broker_failure)
        )
        if not as_json:
            for problem in problems:
                self.stdout.write(self.style.ERROR(f"! {problem}"))
            if not problems:
                self.stdout.write(self.style.SUCCESS("all is well"))
        if problems:
            raise SystemExit(1)


def _find_broker_failure() -> str:
    try:
        startup.check_redis()
    except startup.StartupError as error:
        return str(error)
    return ""


def _name_piles(condition: Condition) -> dict[str, Pile]:
    return {
        "due": condition.due,
        "due later": condition.due_later,
        "submitting": condition.submitting,
        "expired leases": condition.expired,
        "overdue for a poll": condition.overdue,
        "in review": condition.in_review,
        "held": condition.held,
        **{f"alarm: {kind}": pile for kind, pile in condition.alarms.items()},
        "cancellations": condition.cancellations,
        "refills": condition.refills,
        "refills in doubt": condition.refills_in_doubt,
        "by hand: to take": condition.to_take,
        "by hand: refills": condition.refills_by_hand,
        "by hand: cancellations": condition.cancellations_by_hand,
    }


def _as_screen(condition: Condition, broker_failure: str) -> str:
    piles = [(name, pile.count, _describe_oldest(pile)) for name, pile in _name_piles(condition).items()]
    answers = [_answers_of(one) for one in condition.providers if one.answers.by_outcome]
    parts = [
        console.format_table(("what waits", "count", "oldest"), piles),
        f"{condition.tracked:,} runs are at their providers",
        console.format_table(
            ("provider", "state", "failures", "balance", "", "queued", "in flight", "open runs", "last sync"),
            [_row_of(one) for one in condition.providers],
        ),
        *([console.format_table(("provider", "sent in the last hour", "p50", "p95"), answers)] if answers else []),
        f"broker: {'does not answer' if broker_failure else 'answers'}",
        f"last audit: {_describe_audit(condition)}",
    ]
    return "\n\n".join(parts) + "\n"


def _row_of(one: ProviderCondition) -> tuple[object, ...]:
    provider = one.provider
    synced = provider.synced_at and f"{monitoring.describe_age(timezone.now() - provider.synced_at)} ago"
    return (
        f"{provider.pk} {provider}",
        one.state.value,
        provider.failures,
        provider.balance,
        provider.currency + (" LOW" if provider.is_low else ""),
        one.queued,
        f"{one.in_flight}/{provider.concurrency_max}",
        one.open_runs,
        "failed" if provider.sync_failure else synced,
    )


def _answers_of(one: ProviderCondition) -> tuple[object, ...]:
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(one.answers.by_outcome.items()))
    return (
        f"{one.provider.pk} {one.provider}",
        counts,
        _describe_wait(one.answers.p50),
        _describe_wait(one.answers.p95),
    )


def _describe_oldest(pile: Pile) -> str:
    if pile.oldest is not None and pile.oldest < timedelta(0):
        return f"in {monitoring.describe_age(pile.oldest)}"
    return monitoring.describe_age(pile.oldest)


def _describe_wait(wait: timedelta | None) -> str:
    return "" if wait is None else f"{wait.total_seconds():.2f} s"


def _describe_audit(condition: Condition) -> str:
    audit = condition.audit
    if audit.entries is None:
        return "never"
    age = monitoring.describe_age(audit.age)
    return f"{age} ago, {audit.mismatches:,} mismatches in {audit.entries:,} entries, {audit.seconds:.1f} s"


def _as_json(condition: Condition, broker_failure: str, problems: list[str]) -> str:
    audit = condition.audit
    facts: dict[str, Any] = {
        "ok": not problems,
        "problems": problems,
        "waiting": {
            name.replace(": ", "_").replace(" ", "_"): {"count": pile.count, "oldest_seconds": _seconds(pile.oldest)}
            for name, pile in _name_piles(condition).items()
        },
        "tracked": condition.tracked,
        "providers": [_facts_of(one) for one in condition.providers],
        "broker": {"ok": not broker_failure},
        "audit": {
            "age_seconds": _seconds(audit.age) if audit.entries is not None else None,
            "entries": audit.entries,
            "mismatches": audit.mismatches,
            "seconds": audit.seconds,
        },
    }
    return json.dumps(facts, indent=2)


def _facts_of(one: ProviderCondition) -> dict[str, Any]:
    provider, answers = one.provider, one.answers
    return {
        "id": provider.pk,
        "name": provider.name,
        "kind": provider.kind,
        "state": one.state.value,
        "failures": provider.failures,
        "balance": None if provider.balance is None else str(provider.balance),
        "currency": provider.currency,
        "balance_currency": provider.balance_currency,
        "is_low": provider.is_low,
        "queued": one.queued,
        "in_flight": one.in_flight,
        "concurrency_max": provider.concurrency_max,
        "open_runs": one.open_runs,
        "answers": dict(answers.by_outcome),
        "p50_seconds": _seconds(answers.p50),
        "p95_seconds": _seconds(answers.p95),
        "synced_at": provider.synced_at and provider.synced_at.isoformat(),
        "sync_failure": provider.sync_failure,
    }


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 3)
