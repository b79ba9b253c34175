"""The life of a run, as a table; a trigger in the database holds the same table.

Pure: no queries, no clock. The order's public status is derived from its runs here too.
"""

from collections.abc import Collection
from enum import StrEnum


class RunState(StrEnum):
    """Where one portion of an order is."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """What a customer reads; the words of the protocol."""

    PENDING = "Pending"
    IN_PROGRESS = "In progress"
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    PARTIAL = "Partial"
    CANCELED = "Canceled"


S = RunState
FINAL_RUN_STATES = frozenset({S.COMPLETED, S.PARTIAL, S.CANCELED, S.REJECTED})
DELIVERED_RUN_STATES = frozenset({S.COMPLETED, S.PARTIAL})
TRACKED_RUN_STATES = frozenset({S.SUBMITTED, S.PROCESSING, S.IN_PROGRESS})
FINAL_STATUSES = frozenset({Status.COMPLETED, Status.PARTIAL, Status.CANCELED})

_REPORTED = frozenset({S.PROCESSING, S.IN_PROGRESS, S.COMPLETED, S.PARTIAL, S.CANCELED})

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    # Back to queued from submitting: nothing left this machine, or the provider refused for a while.
    S.QUEUED: frozenset({S.SUBMITTING, S.CANCELED}),
    S.SUBMITTING: frozenset({S.QUEUED, S.SUBMITTED, S.REJECTED, S.UNKNOWN}),
    # Only a person with evidence leaves unknown: found, absent and sent again, absent and canceled.
    S.UNKNOWN: frozenset({S.QUEUED, S.SUBMITTED, S.CANCELED}),
    S.SUBMITTED: _REPORTED,
    S.PROCESSING: _REPORTED - {S.PROCESSING},
    S.IN_PROGRESS: _REPORTED - {S.IN_PROGRESS},
    # After the end only corrections in the customer's favour.
    S.COMPLETED: frozenset({S.PARTIAL, S.CANCELED}),
    S.PARTIAL: frozenset({S.CANCELED}),
    S.CANCELED: frozenset(),
    S.REJECTED: frozenset(),
}


def may_follow(source: RunState, target: RunState) -> bool:
    """Say whether a run in `source` may go to `target`."""
    return target in TRANSITIONS[source]


def derive_status(runs: Collection[tuple[RunState, int, int]]) -> Status:
    """Derive an order's public status from its runs, each given as (state, quantity, remains)."""
    states = {state for state, _, _ in runs}
    if states <= FINAL_RUN_STATES:
        if states == {S.COMPLETED}:
            return Status.COMPLETED
        delivered = sum(quantity - remains for _, quantity, remains in runs)
        if delivered == 0 and not states & {S.COMPLETED, S.PARTIAL}:
            return Status.CANCELED
        return Status.PARTIAL
    if states & {S.IN_PROGRESS, S.COMPLETED, S.PARTIAL}:
        return Status.IN_PROGRESS
    if S.PROCESSING in states:
        return Status.PROCESSING
    return Status.PENDING
