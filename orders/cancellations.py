"""Stop orders: at once what is still queued here, by request what a provider has."""

import logging
from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from orders import nudge, settlement
from orders.errors import CancelNotAvailable, OrderAlreadyCompleted, RunInFlight
from orders.models import Cancellation, OrderEvent, Refill, Run
from orders.transitions import FINAL_STATUSES, TRACKED_RUN_STATES, RunState
from panel import checkpoints
from providers import adapter, health
from providers.adapter import STATUS_IDS_MAX, batched
from providers.errors import ProviderError, Refused
from providers.models import Provider
from wallet.errors import ReasonMissing

FORWARD_RETRY = timedelta(seconds=30)  # doubled with each try; also how long a process may take to forward its claim
FORWARD_RETRY_MAX = timedelta(minutes=30)
FORWARD_TRIES_MAX = 100  # two days: past that the provider's reports alone decide
FORWARD_BATCH = 50
IN_DOUBT = frozenset({RunState.SUBMITTING, RunState.UNKNOWN})
ANSWER_MAX_CHARACTERS = 300

logger = logging.getLogger(__name__)


def request_cancellation(*, user_id: int, order_id: int) -> None:
    """Cancel and refund what has not left us; ask the provider to stop the rest.

    Asking twice is accepted and does nothing more.

    :raises OrderNotFound:
    :raises OrderAlreadyCompleted: completed, partial or canceled.
    :raises CancelNotAvailable: the service does not allow it.
    """
    with transaction.atomic(durable=True):
        order = settlement.lock_order_of(user_id=user_id, order_id=order_id)
        if order.status in FINAL_STATUSES:
            raise OrderAlreadyCompleted
        if not order.service.cancel:
            raise CancelNotAvailable
        if Cancellation.objects.filter(order=order).exists():
            return
        settlement.record_event(order.pk, OrderEvent.Kind.CANCEL_REQUESTED)
        # A worker that is claiming a run holds its row: this waits for it and then finds the run submitting.
        runs = list(order.runs.select_for_update().order_by("number"))
        for run in runs:
            if run.state == RunState.QUEUED:
                settlement.move_run(run, RunState.CANCELED, remains=run.quantity)
        rest = any(run.state in TRACKED_RUN_STATES | IN_DOUBT for run in runs)
        Cancellation.objects.create(order=order, forward_at=Now() if rest else None)
        settlement.settle(order, runs=runs)
        if rest:
            nudge.wake("orders.forward_cancellations")


def cancel_and_refund(*, order_id: int, reason: str, actor_id: int) -> None:
    """Staff end an order and give back all that is not yet given back, whatever was delivered.

    :raises ReasonMissing:
    :raises OrderAlreadyCompleted: it is canceled already.
    :raises RunInFlight: a run is being sent or waits for review; its fate must be known first.
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing
    with transaction.atomic(durable=True):
        order = settlement.lock_order(pk=order_id)
        runs = list(order.runs.select_for_update().order_by("number"))
        if any(run.state in IN_DOUBT for run in runs):
            raise RunInFlight
        to_cancel = [run for run in runs if run.state not in (RunState.CANCELED, RunState.REJECTED)]
        if not to_cancel:
            raise OrderAlreadyCompleted
        settlement.record_event(order.pk, OrderEvent.Kind.STAFF, actor_id=actor_id, what="canceled", reason=reason)
        at_provider = any(run.state in TRACKED_RUN_STATES for run in to_cancel)
        for run in to_cancel:
            settlement.move_run(run, RunState.CANCELED, remains=run.quantity)
        # Nothing is left of it to deliver again.
        Refill.objects.filter(order=order, status__in=Refill.OPEN).update(
            status=Refill.Status.REJECTED, finished_at=Now()
        )
        if at_provider:
            Cancellation.objects.update_or_create(order=order, defaults={"forward_at": Now(), "tries": 0})
            nudge.wake("orders.forward_cancellations")
        settlement.settle(order, runs=runs)


_CLAIM = """
UPDATE orders_cancellation SET
    forward_at = statement_timestamp() + least(%(retry)s * power(2, least(tries, 20)), %(longest)s), tries = tries + 1
WHERE id IN (
    SELECT id FROM orders_cancellation WHERE forward_at <= statement_timestamp()
    ORDER BY forward_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING order_id
"""


def forward_cancellations() -> int:
    """Pass requests on to the providers; what happens shows in their reports. Return how many were due."""
    with connection.cursor() as cursor:
        claim: dict[str, Any] = {"retry": FORWARD_RETRY, "longest": FORWARD_RETRY_MAX, "limit": FORWARD_BATCH}
        cursor.execute(_CLAIM, claim)
        order_ids = [order_id for (order_id,) in cursor.fetchall()]
    by_provider: dict[int, list[Run]] = defaultdict(list)
    waiting: set[int] = set()
    for run in Run.objects.filter(order_id__in=order_ids):
        if run.state in IN_DOUBT:
            waiting.add(run.order_id)  # not at a provider yet, or nobody knows: ask again later
        elif run.provider_order and run.state in TRACKED_RUN_STATES | {RunState.CANCELED}:
            assert run.provider_id is not None
            by_provider[run.provider_id].append(run)
    answers: dict[int, str] = {}
    for provider in Provider.objects.filter(pk__in=by_provider):
        for runs in batched(by_provider[provider.pk], STATUS_IDS_MAX):
            replies = _forward(provider, runs)
            answers |= replies
            waiting.update({run.order_id for run in runs} - replies.keys())
    checkpoints.reached("after_forward")
    waiting -= _give_up(waiting)
    for order_id in set(order_ids) - waiting:
        Cancellation.objects.filter(order_id=order_id, forward_at__isnull=False).update(
            forward_at=None,
            forwarded_at=Now(),
            answer=answers.get(order_id, "nothing left to stop")[:ANSWER_MAX_CHARACTERS],
        )
    return len(order_ids)


def _give_up(order_ids: Set[int]) -> set[int]:
    """Stop asking for orders whose providers have not answered for too long; return them."""
    hopeless = Cancellation.objects.filter(order_id__in=order_ids, tries__gte=FORWARD_TRIES_MAX)
    given_up = set(hopeless.values_list("order_id", flat=True))
    hopeless.update(forward_at=None, answer="the provider did not answer")
    return given_up


def _forward(provider: Provider, runs: Sequence[Run]) -> dict[int, str]:
    """Return a provider's answers by order; none when it did not answer, and asking again does no harm."""
    try:
        with health.watched(provider):
            replies = adapter.connect(provider).cancel([run.provider_order for run in runs])
    except Refused as error:
        return {run.order_id: error.evidence for run in runs}
    except ProviderError as error:
        logger.warning("provider %s did not take cancellations: %s", provider, error.evidence)
        return {}
    return {run.order_id: replies.get(run.provider_order, "no answer") for run in runs}
