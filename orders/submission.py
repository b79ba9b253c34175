"""Send runs to their providers, each at most once without evidence.

A provider's `add` is not idempotent. So the intent is committed as an `Attempt` before a byte leaves, and a
partial unique index allows one live attempt per run. Whatever then happens to this process, the row says
that something may have been sent.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from orders import reviews, settlement
from orders.models import Attempt, Order, OrderEvent, Run
from orders.transitions import RunState
from panel.errors import violated_constraint
from providers import adapter
from providers.errors import Ambiguous, NotSent, ProviderError, Refused, RefusedForNow
from providers.models import Provider

# A call takes at most 3 s to connect and 20 s to read; past three times that its worker is dead or lost.
LEASE = timedelta(seconds=60)
START_WITHIN_SECONDS = 30.0  # what the lease leaves when the slowest call is taken off, with some to spare
RETRY_AFTER = timedelta(seconds=15)  # nothing was sent: try again soon
PROVIDER_PAUSE = timedelta(minutes=1)  # refused for now: its balance or rate limit will not change at once
FIRST_POLL_AFTER = timedelta(seconds=2)
EVIDENCE_MAX_CHARACTERS = 4000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this process, and nobody else, may now send."""

    attempt: Attempt
    run: Run
    provider: Provider
    made_at: float  # this process's clock


def submit_next() -> bool:
    """Send the run that is due longest; return False when none is due."""
    claim = claim_next()
    if claim is None:
        return False
    send(claim)
    return True


def claim_next() -> Claim | None:
    """Commit the intent to send the run that is due longest and nobody else is claiming."""
    made_at = time.monotonic()
    with transaction.atomic(durable=True):
        provider = "order__service__provider__"
        run = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("order__service__provider")
            .filter(state=RunState.QUEUED, due_at__lte=Now())
            .filter(**{f"{provider}is_active": True})
            .filter(Q(**{f"{provider}paused_until": None}) | Q(**{f"{provider}paused_until__lte": Now()}))
            .order_by("due_at", "id")
            .first()
        )
        if run is None:
            return None
        chosen = run.order.service.provider
        settlement.move_run(run, RunState.SUBMITTING, provider=chosen)
        attempt = Attempt.objects.create(run=run, provider=chosen, lease_until=Now() + LEASE)
    return Claim(attempt=attempt, run=run, provider=chosen, made_at=made_at)


def send(claim: Claim) -> None:
    """Call the provider, outside any transaction, and record what came of it."""
    if time.monotonic() - claim.made_at > START_WITHIN_SECONDS:
        # This process was stopped for a while; by the end of the call the lease might be over, and somebody might have
        # decided to send again. Nothing has left yet, and that is certain.
        record_not_sent(claim, evidence="the worker woke up too late to send it")
        return
    order = claim.run.order
    try:
        provider_order = adapter.connect(claim.provider).add(
            service=order.service.provider_service,
            link=order.link,
            quantity=claim.run.quantity,
            parameters=order.parameters,
        )
    except NotSent as error:
        record_not_sent(claim, evidence=error.evidence)
    except RefusedForNow as error:
        record_deferred(claim, evidence=error.evidence)
    except Refused as error:
        record_rejected(claim, evidence=error.evidence)
    except (Ambiguous, ProviderError) as error:
        record_unknown(claim.attempt.pk, evidence=error.evidence)
    except Exception as error:
        # A bug of ours after the intent was committed says nothing about what the provider did.
        logger.exception("submitting run %s failed", claim.run.pk)
        record_unknown(claim.attempt.pk, evidence=f"{type(error).__name__}: {error}")
    else:
        record_accepted(claim, provider_order=provider_order)


def record_accepted(claim: Claim, *, provider_order: str) -> None:
    """Store the provider's order id; an id that another run has is no acceptance but a riddle for review."""
    try:
        with transaction.atomic(durable=True):
            _, run, attempt = _lock(claim.attempt.pk)
            if attempt.state == Attempt.State.UNKNOWN and run.state == RunState.UNKNOWN:
                # The lease ran out, but the answer came after all: that is evidence.
                reviews.close_by_late_answer(attempt)
            elif attempt.state != Attempt.State.IN_FLIGHT:
                _keep_contradiction(attempt, provider_order=provider_order)
                return
            _finish(attempt, Attempt.State.ACCEPTED, evidence=provider_order)
            settlement.move_run(
                run,
                RunState.SUBMITTED,
                provider_order=provider_order,
                submitted_at=Now(),
                poll_at=Now() + FIRST_POLL_AFTER,
            )
            settlement.record_event(run.order_id, OrderEvent.Kind.SUBMITTED, run_id=run.pk, run=run.number)
    except IntegrityError as error:
        if violated_constraint(error) != "run_provider_order_once":
            raise
        record_unknown(claim.attempt.pk, evidence=f"answered with order id {provider_order}, which another run has")


def record_not_sent(claim: Claim, *, evidence: str) -> None:
    """Queue the run again: nothing left this machine."""
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(claim.attempt.pk)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.NOT_SENT, evidence=evidence)
            settlement.requeue_run(order, run, due_at=Now() + RETRY_AFTER)


def record_deferred(claim: Claim, *, evidence: str) -> None:
    """Queue the run again and leave its provider alone for a while."""
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(claim.attempt.pk)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.DEFERRED, evidence=evidence)
            settlement.requeue_run(order, run, due_at=Now() + RETRY_AFTER)
            Provider.objects.filter(pk=claim.provider.pk).update(paused_until=Now() + PROVIDER_PAUSE)
    logger.warning("provider %s refuses for now: %s", claim.provider, evidence)


def record_rejected(claim: Claim, *, evidence: str) -> None:
    """End the run and refund it: the provider will not deliver."""
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(claim.attempt.pk)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.REJECTED, evidence=evidence)
            settlement.move_run(run, RunState.REJECTED, remains=run.quantity)
            settlement.settle(order)


def record_unknown(attempt_id: int, *, evidence: str) -> None:
    """Stop touching the run and ask a person: it may or may not be at the provider."""
    with transaction.atomic(durable=True):
        _, run, attempt = _lock(attempt_id)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.UNKNOWN, evidence=evidence)
            settlement.move_run(run, RunState.UNKNOWN)
            reviews.open_review(attempt, run=run)


def expire_leases() -> int:
    """Send to review what a dead worker left in flight; return how many."""
    expired = Attempt.objects.filter(state=Attempt.State.IN_FLIGHT, lease_until__lt=Now()).values_list("pk", flat=True)
    attempt_ids = list(expired[:100])
    for attempt_id in attempt_ids:
        record_unknown(attempt_id, evidence="the worker that sent it did not come back")
    return len(attempt_ids)


def _lock(attempt_id: int) -> tuple[Order, Run, Attempt]:
    """Lock order, run and attempt, in that order, as every operation does."""
    order = settlement.lock_order(Run.objects.values_list("order_id", flat=True).get(attempts=attempt_id))
    run = Run.objects.select_for_update(of=("self",)).get(attempts=attempt_id)
    return order, run, Attempt.objects.select_for_update(of=("self",)).get(pk=attempt_id)


def _keep_contradiction(attempt: Attempt, *, provider_order: str) -> None:
    """Keep an acceptance that came after a person had decided otherwise: the provider may deliver twice."""
    logger.error("attempt %s was decided as %s, now its provider says %s", attempt.pk, attempt.state, provider_order)
    attempt.evidence = f"{attempt.evidence}\nanswered late with order id {provider_order}"[-EVIDENCE_MAX_CHARACTERS:]
    attempt.save(update_fields=["evidence"])


def _finish(attempt: Attempt, state: Attempt.State, *, evidence: str) -> None:
    attempt.state = state
    attempt.evidence = evidence[:EVIDENCE_MAX_CHARACTERS]
    attempt.finished_at = Now()
    attempt.save(update_fields=["state", "evidence", "finished_at"])
