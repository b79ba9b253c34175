"""Decide what became of runs whose sending had no certain end. Only a person with evidence does."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from orders import dripfeed, nudge, settlement, watching
from orders.errors import (
    ProviderOrderMissing,
    ProviderOrderTaken,
    ProviderOrderUnreadable,
    ReviewAlreadyResolved,
    ReviewNotFound,
)
from orders.models import Attempt, Order, OrderEvent, ReviewItem, Run
from orders.transitions import RunState
from panel.errors import violated_constraint
from providers import values


def open_review(attempt: Attempt, *, run: Run) -> None:
    """Put an unknown attempt before a person, in the caller's transaction."""
    ReviewItem.objects.create(attempt=attempt)
    settlement.record_event(run.order_id, OrderEvent.Kind.REVIEW_OPENED, run_id=run.pk)


def close_by_late_answer(attempt: Attempt) -> None:
    """Close the review of an attempt whose answer came after its lease, in the caller's transaction."""
    ReviewItem.objects.filter(attempt=attempt, resolved_at=None).update(
        resolved_at=Now(), resolution=ReviewItem.Resolution.FOUND, reason="the provider's answer came late"
    )


def resolve_found(*, item_id: int, provider_order: str, reason: str, actor_id: int | None) -> None:
    """The provider has it: go on tracking it under the provider's id.

    :raises ReviewNotFound:
    :raises ReviewAlreadyResolved:
    :raises ReasonMissing:
    :raises ProviderOrderMissing: an empty id would never be asked about.
    :raises ProviderOrderUnreadable: it is none.
    :raises ProviderOrderTaken: another run has this id.
    """
    if not provider_order.strip():
        raise ProviderOrderMissing
    read = values.read_id(provider_order.strip().removeprefix("#"))
    if read is None:
        raise ProviderOrderUnreadable
    provider_order = read
    try:
        with transaction.atomic():
            order, run, attempt = _resolve(
                item_id, ReviewItem.Resolution.FOUND, Attempt.State.ACCEPTED, reason=reason, actor_id=actor_id
            )
            settlement.move_run(
                run,
                RunState.SUBMITTED,
                provider_order=provider_order,
                submitted_at=attempt.started_at,
                poll_at=Now(),
                expected_at=Now() + watching.expected_duration(order.service_id),
            )
    except IntegrityError as error:
        if violated_constraint(error) == "run_provider_order_once":
            raise ProviderOrderTaken(provider_order=provider_order) from error
        raise


def resolve_resend(*, item_id: int, reason: str, actor_id: int | None) -> None:
    """The provider does not have it: send it again, unless its customer has asked for cancellation meanwhile.

    Of a drip-feed that went on meanwhile it keeps the interval, as any run does.

    :raises ReviewNotFound:
    :raises ReviewAlreadyResolved:
    :raises ReasonMissing:
    """
    with transaction.atomic():
        order, run, _ = _resolve(
            item_id, ReviewItem.Resolution.RESENT, Attempt.State.ABSENT, reason=reason, actor_id=actor_id
        )
        settlement.requeue_run(order, run, due_at=dripfeed.next_turn(order, run))
        nudge.wake_submitters()


def resolve_refund(*, item_id: int, reason: str, actor_id: int | None) -> None:
    """The provider does not have it: cancel the run and refund it.

    :raises ReviewNotFound:
    :raises ReviewAlreadyResolved:
    :raises ReasonMissing:
    """
    with transaction.atomic():
        order, run, _ = _resolve(
            item_id, ReviewItem.Resolution.REFUNDED, Attempt.State.ABSENT, reason=reason, actor_id=actor_id
        )
        settlement.move_run(run, RunState.CANCELED, remains=run.quantity)
        settlement.settle(order)


def _resolve(
    item_id: int, resolution: ReviewItem.Resolution, attempt_state: Attempt.State, *, reason: str, actor_id: int | None
) -> tuple[Order, Run, Attempt]:
    """Close an open item for the reason given and return its locked order, run and attempt."""
    reason = settlement.require_reason(reason)
    try:
        order = settlement.lock_order("review", item_id)
    except Order.DoesNotExist:
        raise ReviewNotFound from None
    item = ReviewItem.objects.select_for_update(of=("self",)).select_related("attempt__run").get(pk=item_id)
    if item.resolved_at is not None:
        raise ReviewAlreadyResolved
    item.resolved_at, item.resolution = Now(), resolution
    item.reason, item.resolved_by_id = reason, actor_id
    item.save(update_fields=["resolved_at", "resolution", "reason", "resolved_by"])
    attempt = item.attempt
    attempt.state = attempt_state
    attempt.save(update_fields=["state"])
    settlement.record_event(
        order.pk,
        OrderEvent.Kind.REVIEW_RESOLVED,
        run_id=attempt.run_id,
        actor_id=actor_id,
        resolution=resolution.value,
    )
    return order, attempt.run, attempt
