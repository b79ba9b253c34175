"""Stop orders: at once what is still queued here, by request what a provider has."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from orders import nudge, rounds, settlement
from orders.errors import (
    CancelNotAvailable,
    CancelNotRequested,
    CancelUnderWay,
    OrderAlreadyCompleted,
    OrderHasEnded,
    RunInFlight,
)
from orders.models import Cancellation, Order, OrderEvent, Refill, Run
from orders.transitions import FINAL_STATUSES, TRACKED_RUN_STATES, RunState
from panel import checkpoints
from providers import adapter, health
from providers.adapter import STATUS_IDS_MAX, batched
from providers.errors import NotSent, ProviderError, Refused
from providers.models import Provider

FORWARD_RETRY = timedelta(seconds=30)  # doubled with each try
FORWARD_RETRY_MAX = timedelta(minutes=30)
FORWARD_TRIES_MAX = 100  # two days: past that the provider's reports alone decide
WAIT_SHARE_OF_AGE = 0.1  # until it is looked at again, when nobody could be asked; within the same bounds
FORWARD_BATCH = 500
TRIES_COUNTED_MAX = 1000  # fits the column: while something else of the order waits, nobody gives up
IN_DOUBT = frozenset({RunState.SUBMITTING, RunState.UNKNOWN})
ANSWER_MAX_CHARACTERS = 300
BY_HAND = "delivered by hand: whoever does decides"

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
        if not _record_request(order):
            return
        runs = settlement.lock_runs(order)
        rest = _cancel_queued(runs)
        if rest:
            Cancellation.objects.filter(order=order).update(**_forward_soon(rest))
        settlement.settle(order, runs=runs)


# Nobody is to be asked until it turns out that somebody has, or may have, a part of the order. A second request is no
# news, and leaves nothing behind.
_REQUEST = """
WITH requested AS (
    INSERT INTO orders_cancellation (order_id, forward_at, tries, answer) VALUES (%(order)s, NULL, 0, '')
    ON CONFLICT (order_id) DO NOTHING
    RETURNING order_id
)
INSERT INTO orders_orderevent (order_id, kind, data) SELECT order_id, %(kind)s, '{}' FROM requested
"""


def _record_request(order: Order) -> bool:
    """Write down that a customer asks, in a locked order's story too; return whether it is for the first time."""
    with connection.cursor() as cursor:
        cursor.execute(_REQUEST, {"order": order.pk, "kind": OrderEvent.Kind.CANCEL_REQUESTED.value})
        return cursor.rowcount == 1


def request_cancel_at_provider(*, order_id: int, reason: str, actor_id: int | None) -> bool:
    """Staff ask for what a customer may ask for, whatever the service allows; return whether there is whom to ask.

    What is still queued here is canceled and refunded at once. Can be repeated once the provider has answered.

    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderHasEnded: completed, partial or canceled.
    :raises CancelUnderWay: the provider has not answered yet.
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        if order.status in FINAL_STATUSES:
            raise OrderHasEnded
        if Cancellation.objects.filter(order=order, forward_at__isnull=False).exists():
            raise CancelUnderWay
        settlement.record_event(
            order.pk, OrderEvent.Kind.STAFF, actor_id=actor_id, what="cancel_requested", reason=reason
        )
        rest = _cancel_queued(runs)
        Cancellation.objects.update_or_create(order=order, defaults={**_forward_soon(rest), "tries": 0})
        settlement.settle(order, runs=runs)
    return bool(rest)


def reject_cancellation(*, order_id: int, reason: str, actor_id: int | None) -> None:
    """Staff end a request that nobody is asked about any more and that did not stop the order: it goes on.

    The customer may ask again.

    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderHasEnded: completed, partial or canceled.
    :raises CancelNotRequested:
    :raises CancelUnderWay: the provider has not answered yet.
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, _ = settlement.lock_order_and_runs(order_id)
        if order.status in FINAL_STATUSES:
            raise OrderHasEnded
        request = Cancellation.objects.select_for_update().filter(order=order).first()
        if request is None:
            raise CancelNotRequested
        if request.forward_at is not None:
            raise CancelUnderWay
        settlement.record_event(
            order.pk, OrderEvent.Kind.STAFF, actor_id=actor_id, what="cancel_rejected", reason=reason
        )
        request.delete()


def _cancel_queued(runs: Sequence[Run]) -> list[Run]:
    """Cancel the runs that have not left us; return the others that a provider has or may have."""
    for run in runs:
        if run.state == RunState.QUEUED:
            settlement.move_run(run, RunState.CANCELED, remains=run.quantity)
    return [run for run in runs if run.state in TRACKED_RUN_STATES | IN_DOUBT]


def _forward_soon(runs: Sequence[Run]) -> dict[str, Any]:
    """Have the providers of some runs asked to stop them; return the columns of the request.

    Nobody is called about what is delivered by hand: whoever took it finds the request among those to decide.
    """
    called = Provider.objects.filter(health.is_called(), pk__in={run.provider_id for run in runs})
    if called.exists():
        nudge.wake("orders.forward_cancellations")
        return {"forward_at": Now()}
    return {"forward_at": None} | ({"answer": BY_HAND} if runs else {})


def cancel_and_refund(*, order_id: int, reason: str, actor_id: int | None) -> None:
    """Staff end an order and give back all that is not yet given back, whatever was delivered.

    :raises ReasonMissing:
    :raises OrderNotFound:
    :raises OrderAlreadyCompleted: it is canceled already.
    :raises RunInFlight: a run is being sent or waits for review; its fate must be known first.
    """
    reason = settlement.require_reason(reason)
    with transaction.atomic():
        order, runs = settlement.lock_order_and_runs(order_id)
        if any(run.state in IN_DOUBT for run in runs):
            raise RunInFlight
        to_cancel = [run for run in runs if run.state not in (RunState.CANCELED, RunState.REJECTED)]
        if not to_cancel:
            raise OrderAlreadyCompleted
        settlement.record_event(order.pk, OrderEvent.Kind.STAFF, actor_id=actor_id, what="canceled", reason=reason)
        at_provider = [run for run in to_cancel if run.state in TRACKED_RUN_STATES]
        for run in to_cancel:
            settlement.move_run(run, RunState.CANCELED, remains=run.quantity)
        # Nothing is left of it to deliver again.
        Refill.objects.filter(order=order, status__in=Refill.OPEN).update(
            status=Refill.Status.REJECTED, finished_at=Now()
        )
        if at_provider:
            Cancellation.objects.update_or_create(order=order, defaults={**_forward_soon(at_provider), "tries": 0})
        settlement.settle(order, runs=runs)


_IN_DOUBT = Q(state__in=sorted(IN_DOUBT))
# What a provider can be asked to stop. Canceled here may go on there: staff can end any order.
_TO_STOP = ~Q(provider_order="") & Q(state__in=sorted(TRACKED_RUN_STATES | {RunState.CANCELED}))

_COUNT_TRY = """
UPDATE orders_cancellation SET
    forward_at = statement_timestamp() + least(%(retry)s * power(2, least(tries, 20)), %(longest)s),
    tries = least(tries + 1, %(counted)s)
WHERE order_id = ANY(%(order_ids)s) AND forward_at IS NOT NULL
"""

_WAIT = """
UPDATE orders_cancellation SET
    forward_at = statement_timestamp()
        + least(greatest((statement_timestamp() - requested_at) * %(share)s, %(retry)s), %(longest)s)
WHERE order_id = ANY(%(order_ids)s) AND forward_at IS NOT NULL
"""

_WAITING: dict[str, Any] = {
    "retry": FORWARD_RETRY,
    "longest": FORWARD_RETRY_MAX,
    "share": WAIT_SHARE_OF_AGE,
    "counted": TRIES_COUNTED_MAX,
}


def forward_cancellations(*, seconds: float = rounds.SECONDS) -> int:
    """Pass requests on to the providers; what happens shows in their reports. Return how many were due."""
    order_ids = _claim_due()
    # Read once: a run that finds its provider's id meanwhile must not fall between two queries.
    runs = list(Run.objects.filter(_IN_DOUBT | _TO_STOP, order__in=order_ids).order_by("pk"))
    in_doubt = {run.order_id for run in runs if run.state in IN_DOUBT}  # some provider may have to be asked later
    to_stop = [run for run in runs if run.state not in IN_DOUBT]
    replies: dict[int, str | None] = {}
    no_time = rounds.take_turns(_list_jobs(to_stop, replies), seconds=seconds)
    checkpoints.reached("after_forward")
    in_vain = {run.order_id for run in to_stop if replies.get(run.pk, "") is None}
    not_asked = {run.order_id for run in to_stop if run.pk not in replies} | in_doubt
    _count_try(in_vain)
    _give_up(in_vain - not_asked)
    _wait(not_asked - in_vain - no_time)
    Cancellation.objects.filter(order__in=no_time - in_vain, forward_at__isnull=False).update(forward_at=Now())
    answers = {run.order_id: reply for run in to_stop if (reply := replies.get(run.pk)) is not None}
    for order_id in order_ids - in_vain - not_asked:
        Cancellation.objects.filter(order=order_id, forward_at__isnull=False).update(
            forward_at=None,
            forwarded_at=Now(),
            answer=answers.get(order_id, "nothing left to stop")[:ANSWER_MAX_CHARACTERS],
        )
    return len(order_ids)


def _claim_due() -> set[int]:
    """Take the orders that are due and can be got on with; the others stay due, and cost nothing while they wait."""
    runs = Run.objects.filter(order=OuterRef("order"))
    reachable = Provider.objects.filter(health.is_reachable())
    with transaction.atomic(durable=True):
        due = dict(
            Cancellation.objects.select_for_update(skip_locked=True)
            .filter(
                Exists(runs.filter(_TO_STOP, provider__in=reachable)) | ~Exists(runs.filter(_TO_STOP | _IN_DOUBT)),
                forward_at__lte=Now(),
            )
            .order_by("forward_at")
            .values_list("pk", "order")[:FORWARD_BATCH]
        )
        Cancellation.objects.filter(pk__in=due).update(forward_at=Now() + rounds.CLAIM)
    return set(due.values())


def _list_jobs(runs: Iterable[Run], replies: dict[int, str | None]) -> Iterator[rounds.Job]:
    """Ask each provider about its runs, as many at a time as it takes.

    :param replies: filled by run with what its provider said; None when it was asked and did not answer.
    """
    by_provider: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        assert run.provider_id is not None  # it has an id there
        by_provider[run.provider_id].append(run)
    for provider_id, its_runs in by_provider.items():
        for batch in batched(its_runs, STATUS_IDS_MAX):
            concerns = frozenset(run.order_id for run in batch)
            yield rounds.Job(provider_id, concerns, partial(_forward, batch, replies))


def _forward(runs: Sequence[Run], replies: dict[int, str | None], provider: Provider) -> bool:
    """Ask a provider to stop runs; it does no harm to ask again."""
    try:
        with health.watched(provider):
            said = adapter.connect(provider).cancel([run.provider_order for run in runs])
    except Refused as error:
        replies |= {run.pk: error.evidence for run in runs}
        return True
    except NotSent as error:
        logger.warning("provider %s was not asked for cancellations: %s", provider, error.evidence)
        return False
    except ProviderError as error:
        logger.warning("provider %s did not take cancellations: %s", provider, error.evidence)
        replies |= dict.fromkeys(run.pk for run in runs)
        return rounds.has_answered(error)
    replies |= {run.pk: said.get(run.provider_order, "no answer") for run in runs}
    return True


def _count_try(order_ids: Collection[int]) -> None:
    """Put off what was asked for without an answer, ever longer."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_TRY, _WAITING | {"order_ids": list(order_ids)})


def _wait(order_ids: Collection[int]) -> None:
    """Put off what could not be asked for; nobody failed to answer, so it is no try."""
    with connection.cursor() as cursor:
        cursor.execute(_WAIT, _WAITING | {"order_ids": list(order_ids)})


def _give_up(order_ids: Collection[int]) -> None:
    """Stop asking for those of which providers have not answered for too long."""
    Cancellation.objects.filter(order__in=order_ids, tries__gte=FORWARD_TRIES_MAX).update(
        forward_at=None, answer="the provider did not answer"
    )
