"""What staff decide about runs that nobody knows the outcome of."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from orders import pricing, reviews
from orders.models import Order, ReviewItem, Run
from orders.refusals import REFUSALS
from orders.transitions import FINAL_RUN_STATES
from staff.operations.amounts import in_base
from staff.operations.registry import Operation, register


def _describe(item_id: int) -> dict[str, Any]:
    item = ReviewItem.objects.select_related("attempt__run").get(pk=item_id)
    run = item.attempt.run
    return {"run": str(run), "state": run.state, "provider_order": run.provider_order, "resolution": item.resolution}


def _weigh_refund(item_ids: Sequence[int], **_arguments: Any) -> Decimal:
    return _worth(ReviewItem.objects.filter(pk__in=item_ids))


def _weigh_resend(item_ids: Sequence[int], **_arguments: Any) -> Decimal:
    """Return what is given back instead: an order that somebody has asked to stop is not sent again."""
    return _worth(ReviewItem.objects.filter(pk__in=item_ids, attempt__run__order__cancellation__isnull=False))


def _worth(items: QuerySet[ReviewItem]) -> Decimal:
    """Return what would be given back if the runs of open items ended undelivered.

    As it is settled: for each order what is due for all that is undelivered by then, less what was given back before.
    """
    unresolved = items.filter(resolved_at=None)
    undelivered = Counter[int]()
    for order_id, quantity in unresolved.values_list("attempt__run__order", "attempt__run__quantity"):
        undelivered[order_id] += quantity
    ended = Run.objects.filter(order__in=undelivered, state__in=FINAL_RUN_STATES).order_by()
    for order_id, remains in ended.values_list("order").annotate(sum=Sum("remains")):
        undelivered[order_id] += remains
    return in_base(
        (
            pricing.refund_due(
                charge=order.charge,
                quantity=order.quantity,
                undelivered=undelivered[order.pk],
                refunded=order.refunded,
            ),
            order.customer.wallet.currency,
        )
        for order in Order.objects.filter(pk__in=undelivered).select_related("customer__wallet")
    )


def _found(item_id: int, *, reason: str, actor_id: int | None, provider_order: str) -> str:
    reviews.resolve_found(item_id=item_id, provider_order=provider_order, reason=reason, actor_id=actor_id)
    return f"The run goes on as {provider_order}."


def _resend(item_id: int, *, reason: str, actor_id: int | None) -> str:
    reviews.resolve_resend(item_id=item_id, reason=reason, actor_id=actor_id)
    return "The run is queued again."


def _refund(item_id: int, *, reason: str, actor_id: int | None) -> str:
    reviews.resolve_refund(item_id=item_id, reason=reason, actor_id=actor_id)
    return "The run is canceled and refunded."


def _register(name: str, title: str, run: Callable[..., str], **more: Any) -> Operation:
    return register(
        Operation(
            name=name,
            title=title,
            permission="orders.change_reviewitem",
            model=ReviewItem,
            run=run,
            describe=_describe,
            refusals=REFUSALS,
            **more,
        )
    )


FOUND = _register("reviews.found", "Found at the provider", _found)
RESEND = _register("reviews.resend", "Absent: send again", _resend, weigh=_weigh_resend)
REFUND = _register("reviews.refund", "Absent: cancel and refund", _refund, weigh=_weigh_refund)
