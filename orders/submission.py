"""Send runs to their providers, each at most once without evidence.

A provider's `add` is not idempotent. So the intent is committed as an `Attempt` before a byte leaves, and a
partial unique index allows one live attempt per run. Whatever then happens to this process, the row says
that something may have been sent.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import DatabaseError, IntegrityError, InterfaceError, connection, transaction
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from catalog.models import Route
from orders import dripfeed, holds, places, reviews, routing, settlement, watching
from orders.models import Attempt, Order, OrderEvent, Run
from orders.transitions import RunState
from panel import alerts, checkpoints
from panel.alerts import tell_staff
from panel.errors import is_outage, violated_constraint
from providers import adapter, health
from providers.errors import Ambiguous, LinkBusy, NotSent, ProviderError, Refused, RefusedForNow
from providers.models import Provider

# A call takes at most 25 s; past that its worker is dead or lost. What it had under way is in review within a
# minute of its death, as promised.
LEASE = timedelta(seconds=36)
START_WITHIN_SECONDS = 8.0  # what the lease leaves when the slowest call is taken off, with some to spare
RETRY_FIRST = timedelta(seconds=15)  # nothing was sent: try again soon, then seldom
RETRY_MAX = timedelta(minutes=10)
BUSY_RETRY = timedelta(minutes=2)  # an order for the same link has to end first
FIRST_POLL_AFTER = timedelta(seconds=2)
EVIDENCE_MAX_CHARACTERS = 4000
MOVES_MAX = 50  # runs put elsewhere at one provider before the next provider is looked at
RECORD_AGAIN_SECONDS = 1.0
# A claim takes milliseconds, also when many wait for one provider. One that cannot be had for so long is passed over,
# and tried after all others for a while: the wait is paid once in that time, not by each claim.
CLAIM_PATIENCE = "1s"
TRIED_LAST_SECONDS = 5.0

logger = logging.getLogger(__name__)

_passed_over_at: dict[int, float] = {}  # providers, by this process's clock


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this process, and nobody else, may now send."""

    attempt: Attempt
    run: Run
    route: Route
    made_at: float  # this process's clock

    @property
    def provider(self) -> Provider:
        """The provider as it was when the claim was made."""
        return self.route.provider


def submit_next() -> bool:
    """Send the run that is due longest; return False when none is due."""
    claim = claim_next()
    if claim is None:
        return False
    checkpoints.reached("after_claim")
    send(claim)
    return True


_PROVIDERS_WITH_WORK = f"""
SELECT p.id FROM providers_provider p
CROSS JOIN LATERAL (
    SELECT r.due_at FROM orders_run r
    WHERE r.provider_id = p.id AND r.state = 'queued' AND r.held_at IS NULL AND r.due_at <= statement_timestamp()
    ORDER BY r.due_at LIMIT 1
) longest
WHERE {health.IS_CALLED} AND {health.TAKES_ORDERS} AND {places.HAS_ROOM}
ORDER BY longest.due_at
"""

# Rows are locked when both have been read, so the patience is set before the wait it is for, and in the same statement.
# It then holds for whatever else this transaction may have to wait for.
_LOCK_PROVIDER = f"""
SELECT p.id FROM set_config('lock_timeout', %(patience)s, true), providers_provider p
WHERE p.id = %(provider)s AND {health.IS_CALLED} AND {health.TAKES_ORDERS}
FOR NO KEY UPDATE OF p
"""

_LOCK_LONGEST_DUE = f"""
SELECT {settlement.WHOLE_RUN.of("r")}, {settlement.WHOLE_ORDER.of("o")}, {settlement.TERMS.of("s")}
FROM orders_run r JOIN orders_order o ON o.id = r.order_id JOIN catalog_service s ON s.id = o.service_id
WHERE r.provider_id = %(provider)s AND r.state = 'queued' AND r.held_at IS NULL AND r.due_at <= statement_timestamp()
ORDER BY r.due_at, r.id LIMIT 1
FOR UPDATE OF r SKIP LOCKED
"""


def claim_next() -> Claim | None:
    """Commit the intent to send the run that is due longest and nobody else is claiming.

    Runs that turn out to go elsewhere, or not at all for now, are put there on the way.
    """
    has_moved = True
    while has_moved:
        has_moved = False
        for provider_id in _list_providers_with_work():
            for _ in range(MOVES_MAX):
                claim, moved = _claim_at(provider_id)
                if claim is not None:
                    return claim
                has_moved |= moved
                if not moved:
                    break
    return None


def _list_providers_with_work() -> Sequence[int]:
    with connection.cursor() as cursor:
        cursor.execute(_PROVIDERS_WITH_WORK, places.PARAMETERS)
        provider_ids = [provider_id for (provider_id,) in cursor.fetchall()]
    return sorted(provider_ids, key=_was_passed_over)


def _was_passed_over(provider_id: int) -> bool:
    return time.monotonic() - _passed_over_at.get(provider_id, -math.inf) < TRIED_LAST_SECONDS


def _claim_at(provider_id: int) -> tuple[Claim | None, bool]:
    """Look at the run that is due longest at one provider: claim it, or say whether it was put elsewhere or off."""
    made_at = time.monotonic()
    looked_at: list[Run] = []
    try:
        with transaction.atomic(durable=True):
            # One claim at a time per provider, or its limit would be a guess. Foreign keys do not wait for this lock,
            # but we do, for some milliseconds: a submitter that passed on instead found nothing to do and ended, and
            # orders waited seconds for the next message (p50 3.4 s instead of 0.2 s at 20 orders/s). Whoever keeps it
            # for longer than that stands still, and does not keep the other providers' orders waiting.
            if not _lock_provider(provider_id) or not places.has_room(provider_id):
                return None, False
            run = _lock_longest_due(provider_id)
            if run is None:
                return None, False
            looked_at.append(run)
            return _decide(run, made_at=made_at)
    except Exception as error:
        if isinstance(error.__cause__, LockNotAvailable):
            logger.warning("provider %s is passed over: somebody keeps its row locked", provider_id)
            _passed_over_at[provider_id] = time.monotonic()
            return None, False
        if is_outage(error) or not looked_at:
            raise  # that is not the run's fault
        # It would be the first to be looked at for ever, and keep everybody's orders waiting.
        logger.exception("run %s cannot be prepared", looked_at[0].pk)
        with transaction.atomic(durable=True):
            holds.hold_run(looked_at[0], because=f"it cannot be prepared: {type(error).__name__}: {error}")
        return None, True


def _lock_provider(provider_id: int) -> bool:
    """Lock a provider that takes orders; say whether it does."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_PROVIDER, {"provider": provider_id, "patience": CLAIM_PATIENCE})
        return cursor.fetchone() is not None


def _lock_longest_due(provider_id: int) -> Run | None:
    """Lock the run that is due longest at a provider and that nobody else looks at, and read its order."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_LONGEST_DUE, {"provider": provider_id})
        found = cursor.fetchone()
    if found is None:
        return None
    values = list(found)
    run = settlement.WHOLE_RUN.take(values)
    run.order = settlement.WHOLE_ORDER.take(values)
    run.order.service = settlement.TERMS.take(values)
    return run


def _decide(run: Run, *, made_at: float) -> tuple[Claim | None, bool]:
    """Claim a locked run for the provider it waits at, or put it elsewhere or off."""
    if not dripfeed.may_claim(run):
        return None, True
    choice = routing.choose_route(run.order, run)
    if choice.route is None:
        holds.hold_run(run, because=choice.why_not)
        return None, True
    if choice.route.provider_id != run.provider_id:
        run.provider, run.route = choice.route.provider, choice.route
        run.save(update_fields=["provider", "route"])
        return None, True
    # The order was read before its run was locked: staff may have changed the link meanwhile. Its parameters, which are
    # JSON, were not read at all.
    texts = Order.objects.values_list("link", "parameters")
    run.order.link, run.order.parameters = texts.get(pk=run.order_id)
    settlement.move_run(run, RunState.SUBMITTING, route=choice.route)
    attempt = Attempt.objects.create(
        run=run,
        provider=choice.route.provider,
        route=choice.route,
        cost=choice.cost,
        lease_until=Now() + LEASE,
    )
    checkpoints.reached("in_claim")
    return Claim(attempt=attempt, run=run, route=choice.route, made_at=made_at), False


def send(claim: Claim) -> None:
    """Call the provider, outside any transaction, and record what came of it."""
    with alerts.held_back():
        record = _call(claim)
        _record_through_outages(record, claim)
    checkpoints.reached("after_record")


def _call(claim: Claim) -> Callable[[], None]:
    """Send a run, once, and return what records how that ended."""
    if time.monotonic() - claim.made_at > START_WITHIN_SECONDS:
        # This process was stopped for a while; by the end of the call the lease might be over, and somebody might have
        # decided to send again. Nothing has left yet, and that is certain.
        return partial(record_not_sent, claim, evidence="the worker woke up too late to send it")
    record: Callable[[], None]
    order = claim.run.order
    checkpoints.reached("before_send")
    try:
        with health.watched(claim.provider, is_order=True):
            provider_order = adapter.connect(claim.provider).add(
                service=claim.route.provider_service,
                service_type=order.service_type,
                link=order.link,
                quantity=claim.run.quantity,
                parameters=order.parameters,
            )
            checkpoints.reached("after_send")
    except NotSent as error:
        record = partial(record_not_sent, claim, evidence=error.evidence)
    except RefusedForNow as error:
        record = partial(record_deferred, claim, evidence=error.evidence, retry_after=RETRY_FIRST)
    except LinkBusy as error:
        record = partial(record_link_busy, claim, evidence=error.evidence)
    except Refused as error:
        record = partial(record_rejected, claim, evidence=error.evidence)
    except (Ambiguous, ProviderError) as error:
        record = partial(record_unknown, claim.attempt.pk, evidence=error.evidence)
    except Exception as error:
        # A bug of ours after the intent was committed says nothing about what the provider did.
        logger.exception("submitting run %s failed", claim.run.pk)
        record = partial(record_unknown, claim.attempt.pk, evidence=f"{type(error).__name__}: {error}")
    else:
        record = partial(record_accepted, claim, provider_order=provider_order)
    return record


def _record_through_outages(record: Callable[[], None], claim: Claim) -> None:
    """Record how a call ended, again and again while the database is away: nobody else knows what the provider said."""
    while True:
        try:
            return record()
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise
            if time.monotonic() - claim.made_at > LEASE.total_seconds():
                logger.exception("attempt %s ended, and it could not be recorded: %r", claim.attempt.pk, record)
                raise
            logger.warning("the database is away; how attempt %s ended is recorded later", claim.attempt.pk)
            connection.close()
            time.sleep(RECORD_AGAIN_SECONDS)


def record_accepted(claim: Claim, *, provider_order: str) -> None:
    """Store the provider's order id; an id that another run has is no acceptance but a riddle for review.

    The run goes on under that id also when a person found it absent meanwhile, as long as it has not left again.
    """
    try:
        with transaction.atomic(durable=True):
            order, run, attempt = _lock(claim.attempt.pk)
            if attempt.state == Attempt.State.ACCEPTED and run.provider_order == provider_order:
                return  # the answer to an earlier commit was lost, or a person has found it meanwhile
            if attempt.state == Attempt.State.UNKNOWN and run.state == RunState.UNKNOWN:
                # The lease ran out, but the answer came after all: that is evidence.
                reviews.close_by_late_answer(attempt)
            elif _is_there_after_all(claim, order, run, attempt):
                logger.warning("run %s was found absent, and is order %s of its provider", run, provider_order)
                settlement.move_run(run, RunState.SUBMITTING, provider=attempt.provider, route=attempt.route)
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
                expected_at=Now() + watching.expected_duration(order.service_id),
            )
            dripfeed.keep_interval(order, sent_at=attempt.started_at)
            settlement.record_event(run.order_id, OrderEvent.Kind.SUBMITTED, run_id=run.pk, run=run.number)
    except IntegrityError as error:
        if violated_constraint(error) != "run_provider_order_once":
            raise
        _record_riddle(claim, provider_order=provider_order)


def _is_there_after_all(claim: Claim, order: Order, run: Run, attempt: Attempt) -> bool:
    """Say whether an accepted run, which a person found absent, still waits here as it was sent: then it need not go.

    Where it has left again nobody can take it back. Where its link was corrected meanwhile the provider has the wrong
    one, and what it delivers is not what the customer wants.
    """
    waits = attempt.state == Attempt.State.ABSENT and run.state == RunState.QUEUED
    return waits and order.link == claim.run.order.link


def _record_riddle(claim: Claim, *, provider_order: str) -> None:
    """Leave an acceptance under an id that another run has to a person, unless one has decided about the run."""
    with transaction.atomic(durable=True):
        _, _, attempt = _lock(claim.attempt.pk)
        is_decided = attempt.state == Attempt.State.ABSENT
        if is_decided:
            _keep_contradiction(attempt, provider_order=provider_order)
    if not is_decided:
        record_unknown(claim.attempt.pk, evidence=f"answered with order id {provider_order}, which another run has")


def record_not_sent(claim: Claim, *, evidence: str) -> None:
    """Queue the run again, by the next route or for later: nothing left this machine."""
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(claim.attempt.pk)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.NOT_SENT, evidence=evidence)
            misses = run.attempts.filter(state=Attempt.State.NOT_SENT).count()
            _queue_again(order, run, retry_after=min(RETRY_FIRST * 2 ** min(misses - 1, 10), RETRY_MAX))
        else:
            _keep_late_evidence(attempt, evidence=f"nothing was sent: {evidence}")


def record_deferred(claim: Claim, *, evidence: str, retry_after: timedelta) -> None:
    """Queue the run again, by the next route or for later: its provider refuses for a reason that passes."""
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(claim.attempt.pk)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.DEFERRED, evidence=evidence)
            _queue_again(order, run, retry_after=retry_after)
        else:
            _keep_late_evidence(attempt, evidence=f"refused for now: {evidence}")
    logger.warning("provider %s refuses for now: %s", claim.provider, evidence)


def record_link_busy(claim: Claim, *, evidence: str) -> None:
    """Queue the run for later: its provider still works on another order for the link.

    After a review had found the run absent there, that other order may well be this one: then a person looks again.
    """
    if claim.run.attempts.filter(provider=claim.provider, state=Attempt.State.ABSENT).exists():
        record_unknown(claim.attempt.pk, evidence=f"found absent before, and now: {evidence}")
    else:
        record_deferred(claim, evidence=evidence, retry_after=BUSY_RETRY)


def record_rejected(claim: Claim, *, evidence: str) -> None:
    """Try the next route; when every one has refused, end the run and refund it: nobody will deliver."""
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(claim.attempt.pk)
        if attempt.state != Attempt.State.IN_FLIGHT:
            _keep_late_evidence(attempt, evidence=f"refused: {evidence}")
            return
        _finish(attempt, Attempt.State.REJECTED, evidence=evidence)
        if routing.choose_route(order, run).is_exhausted:
            settlement.move_run(run, RunState.REJECTED, remains=run.quantity)
            settlement.settle(order)
        else:
            _queue_again(order, run, retry_after=RETRY_FIRST)


def record_unknown(attempt_id: int, *, evidence: str) -> None:
    """Stop touching the run and ask a person: it may or may not be at the provider."""
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(attempt_id)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _leave_to_a_person(order, run, attempt, evidence=evidence)
        elif attempt.evidence != evidence[:EVIDENCE_MAX_CHARACTERS]:  # else the answer to an earlier commit was lost
            _keep_late_evidence(attempt, evidence=f"nobody knows: {evidence}")


def expire_leases() -> int:
    """Send to review what a dead worker left in flight; return how many."""
    expired = Attempt.objects.filter(state=Attempt.State.IN_FLIGHT, lease_until__lt=Now()).values_list("pk", flat=True)
    attempt_ids = list(expired[:100])
    for attempt_id in attempt_ids:
        try:
            _end_lease(attempt_id)
        except Exception:
            # One that cannot be recorded must not keep the others in flight for ever.
            logger.exception("the lease of attempt %s could not be ended", attempt_id)
    return len(attempt_ids)


def _end_lease(attempt_id: int) -> None:
    with transaction.atomic(durable=True):
        order, run, attempt = _lock(attempt_id)
        if attempt.state == Attempt.State.IN_FLIGHT:  # its worker may have come back since it was looked up
            _leave_to_a_person(order, run, attempt, evidence="the worker that sent it did not come back")


def _leave_to_a_person(order: Order, run: Run, attempt: Attempt, *, evidence: str) -> None:
    _finish(attempt, Attempt.State.UNKNOWN, evidence=evidence)
    settlement.move_run(run, RunState.UNKNOWN)
    dripfeed.keep_interval(order, sent_at=attempt.started_at)
    reviews.open_review(attempt, run=run)


def _lock(attempt_id: int) -> tuple[Order, Run, Attempt]:
    """Lock the order of an attempt first, as every operation does, then the attempt and its run."""
    order = settlement.lock_order("attempt", attempt_id)
    attempt = Attempt.objects.select_for_update().get(pk=attempt_id)
    attempt.run = settlement.lock_run(attempt.run_id)
    return order, attempt.run, attempt


def _queue_again(order: Order, run: Run, *, retry_after: timedelta) -> None:
    """Queue a run of a locked order by the best route left: at once by one that was not tried, else after a while."""
    choice = routing.choose_route(order, run)
    if choice.route is not None:
        run.provider, run.route = choice.route.provider, choice.route
    # Without a route the next claim holds it.
    due_at = Now() + retry_after if choice.misses else Now()
    settlement.requeue_run(order, run, due_at=due_at, provider=run.provider, route=run.route)


def _keep_contradiction(attempt: Attempt, *, provider_order: str) -> None:
    """Keep an acceptance that came after a person had decided otherwise: the provider may deliver twice."""
    tell_staff(
        f"Run {attempt.run} may be delivered twice",
        f"Attempt {attempt.pk} was decided as {attempt.state}; now its provider answers with order {provider_order}.",
    )
    _keep_late_evidence(attempt, evidence=f"accepted as {provider_order}")


def _keep_late_evidence(attempt: Attempt, *, evidence: str) -> None:
    """Show an answer that came after the lease to whoever decides, or has decided."""
    attempt.evidence = f"{attempt.evidence}\nanswered late: {evidence}"[-EVIDENCE_MAX_CHARACTERS:]
    attempt.save(update_fields=["evidence"])


def _finish(attempt: Attempt, state: Attempt.State, *, evidence: str) -> None:
    attempt.state = state
    attempt.evidence = evidence[:EVIDENCE_MAX_CHARACTERS]
    attempt.finished_at = Now()
    attempt.save(update_fields=["state", "evidence", "finished_at"])
    checkpoints.reached("in_record")
