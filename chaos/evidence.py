"""Everything that a run leaves behind for the accounts: what clients saw, providers took and the database holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from chaos.facts import AttemptRow, RunRow
from chaos.faults import Struck
from chaos.history import Finding
from chaos.recording import Call
from chaos.schedule import PhaseKind
from chaos.upstreams import Shelf

WEB_AWAY_SECONDS = 40.0  # what is unanswered later has another cause


@dataclass
class Evidence:
    """One run's evidence; nothing in it changes any more."""

    calls: Sequence[Call]
    findings: Sequence[Finding]  # of the history checker
    phases: Sequence[tuple[PhaseKind, float, float]]
    faults: Sequence[Struck]
    shelves: dict[str, Shelf]
    runs: Sequence[RunRow]
    attempts: Sequence[AttemptRow]
    refunds: dict[int, list[tuple[Decimal, float]]]  # order -> amounts with their times
    refunds_apart: tuple[int, int]
    unpaid: int
    audit_findings: Sequence[str]
    ended_by_themselves: Sequence[str]
    slow_stops: Sequence[str]
    settled_seconds: Sequence[float | None]  # after the last kill of each round
    alarm_seconds: Sequence[float | None]
    undecided: Sequence[str]
    unrest: Sequence[str]
    elsewhere_ids: frozenset[int]  # services that have nothing to do with the provider that hangs

    @cached_property
    def arrivals(self) -> dict[str, float]:
        """When a provider first heard of each link."""
        arrivals: dict[str, float] = {}
        for shelf in self.shelves.values():
            for note in shelf.notes:
                if note.action == "add":
                    arrivals[note.link] = min(note.at, arrivals.get(note.link, note.at))
        return arrivals

    @cached_property
    def withdrawn(self) -> frozenset[int]:
        """The orders whose cancellation a customer asked for."""
        return frozenset(int(call.request["orders"]) for call in self.calls if call.action == "cancel")

    @cached_property
    def reviewed_links(self) -> frozenset[str]:
        """The links of orders that were in review."""
        return frozenset(attempt.link for attempt in self.attempts if attempt.review_id is not None)

    @property
    def taken_count(self) -> int:
        """Return how many orders the providers have taken."""
        return sum(len(shelf.orders) for shelf in self.shelves.values())

    @property
    def sent_count(self) -> int:
        """Return how many times the providers were sent an order."""
        return sum(note.action == "add" for shelf in self.shelves.values() for note in shelf.notes)

    def found(self, *rules: str) -> list[Finding]:
        """Return what the history checker found against some rules."""
        return [finding for finding in self.findings if finding.rule in rules]

    def struck(self, *kinds: str) -> list[Struck]:
        """Return the faults of some kinds."""
        return [struck for struck in self.faults if struck.fault.kind in kinds]

    def phases_of(self, kind: PhaseKind) -> list[tuple[float, float]]:
        """Return when each phase of a kind began and ended."""
        return [(start, end) for found, start, end in self.phases if found == kind]

    def seconds_without_web(self, moment: float) -> float | None:
        """Return how long after a moment calls began to be answered again; None if all were answered."""
        after = [call for call in self.calls if moment <= call.sent]
        unanswered = [call.sent for call in after if not call.is_answered and call.sent < moment + WEB_AWAY_SECONDS]
        if not unanswered:
            return None
        back = [call.ended for call in after if call.is_answered and call.sent > max(unanswered)]
        return min(back, default=float("inf")) - moment

    def count_calls(self, action: str) -> int:
        """Return how many calls there were."""
        return sum(call.action == action for call in self.calls)

    def adds_elsewhere(self, kind: PhaseKind) -> Iterator[Call]:
        """Return the adds of a kind of phase that only other providers than the hanging one deliver."""
        services = {str(number) for number in self.elsewhere_ids}
        for start, end in self.phases_of(kind):
            for call in self.calls:
                if start <= call.sent < end and call.action == "add" and call.request["service"] in services:
                    yield call
