"""What staff do to orders."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import F, Sum

from orders import cancellations, interventions, reporting, routing, taking
from orders.models import Order, Run
from orders.refusals import REFUSALS
from orders.reporting import Reported
from orders.transitions import RunState
from panel.money import ZERO, format_amount
from staff.operations.amounts import in_base
from staff.operations.registry import Operation, register


def describe_order(order_id: int) -> dict[str, Any]:
    """Return what of an order an operation may change."""
    order = Order.objects.get(pk=order_id)
    return {
        "status": order.status,
        "link": order.link,
        "start_count": order.start_count,
        "remains": order.remains,
        "charge": format_amount(order.charge),
        "refunded": format_amount(order.refunded),
    }


def weigh_rest(order_ids: Sequence[int], **_arguments: Any) -> Decimal:
    """Return what is not yet given back of some orders."""
    rests = (
        Order.objects.filter(pk__in=order_ids)
        .order_by()
        .values_list("customer__wallet__currency")
        .annotate(rest=Sum(F("charge") - F("refunded")))
    )
    return in_base((rest or ZERO, currency) for currency, rest in rests)


def _cancel_and_refund(order_id: int, *, reason: str, actor_id: int) -> str:
    cancellations.cancel_and_refund(order_id=order_id, reason=reason, actor_id=actor_id)
    order = Order.objects.get(pk=order_id)
    return f"{order_id}: {order.status}, {format_amount(order.refunded)} of {format_amount(order.charge)} refunded."


CANCEL_AND_REFUND = register(
    Operation(
        name="orders.cancel_and_refund",
        title="Cancel and refund",
        permission="orders.change_order",
        model=Order,
        run=_cancel_and_refund,
        describe=describe_order,
        weigh=weigh_rest,
        refusals=REFUSALS,
    )
)


def _weigh_partial(order_ids: Sequence[int], *, remains: int, **_rest: Any) -> Decimal:
    orders = Order.objects.filter(pk__in=order_ids).select_related("customer__wallet")
    return in_base(
        (
            max(interventions.weigh_partial(order, remains=min(remains, order.quantity)), ZERO),
            order.customer.wallet.currency,
        )
        for order in orders
    )


def _weigh_queued(order_ids: Sequence[int], **_arguments: Any) -> Decimal:
    """Return what may be given back at once: of orders with runs that have not left us, the rest."""
    queued = Run.objects.filter(order__in=order_ids, state=RunState.QUEUED).values_list("order", flat=True)
    return weigh_rest(sorted(set(queued)))


def _change_link(order_id: int, *, reason: str, actor_id: int | None, link: str) -> str:
    runs = interventions.change_link(order_id=order_id, link=link, reason=reason, actor_id=actor_id)
    return f"{order_id}: the link is changed for {_count(runs)}."


def _set_start_count(order_id: int, *, reason: str, actor_id: int | None, start_count: int) -> str:
    interventions.set_start_count(order_id=order_id, start_count=start_count, reason=reason, actor_id=actor_id)
    return f"{order_id}: the start count is {start_count}."


def _set_partial(order_id: int, *, reason: str, actor_id: int | None, remains: int) -> str:
    refund = interventions.set_partial(order_id=order_id, remains=remains, reason=reason, actor_id=actor_id)
    return f"{order_id}: partial, {remains} undelivered, {format_amount(refund)} given back."


def _complete(order_id: int, *, reason: str, actor_id: int | None) -> str:
    interventions.complete(order_id=order_id, reason=reason, actor_id=actor_id)
    return f"{order_id}: completed."


def _request_cancel(order_id: int, *, reason: str, actor_id: int | None) -> str:
    asks = cancellations.request_cancel_at_provider(order_id=order_id, reason=reason, actor_id=actor_id)
    return f"{order_id}: the provider is asked to stop it." if asks else f"{order_id}: canceled before it was sent."


def _reject_cancel(order_id: int, *, reason: str, actor_id: int | None) -> str:
    cancellations.reject_cancellation(order_id=order_id, reason=reason, actor_id=actor_id)
    return f"{order_id}: the request to cancel it is rejected; it goes on."


def _resend(order_id: int, *, reason: str, actor_id: int | None) -> str:
    runs = interventions.resend(order_id=order_id, reason=reason, actor_id=actor_id)
    if len(runs) == 1:
        return f"{order_id}: 1 run to be sent now."
    return f"{order_id}: {_count(runs)} to be sent, the first now, each other an interval later."


def _move(order_id: int, *, reason: str, actor_id: int | None, provider_id: int, accept_loss: bool = False) -> str:
    runs = interventions.move_to_provider(
        order_id=order_id, provider_id=provider_id, reason=reason, actor_id=actor_id, accept_loss=accept_loss
    )
    return f"{order_id}: {_count(runs)} to be sent to provider {provider_id}."


def _take(order_id: int, *, reason: str, actor_id: int | None) -> str:
    return describe_taken(taking.take_order(order_id=order_id, reason=reason, actor_id=actor_id))


def describe_taken(run: Run) -> str:
    """Say what whoever took a run is to deliver."""
    return f"{run.order_id}: taken, {_of_run(run, run.order.run_count)}{run.quantity} to deliver by hand."


def _report(
    order_id: int,
    *,
    reason: str,
    actor_id: int | None,
    run: int | None = None,
    status: str | None = None,
    remains: int | None = None,
    start_count: int | None = None,
) -> str:
    return describe_reported(
        reporting.report_by_hand(
            order_id=order_id,
            number=run,
            status=status or None,
            remains=remains,
            start_count=start_count,
            reason=reason,
            actor_id=actor_id,
        )
    )


def describe_reported(said: Reported) -> str:
    """Say how a run stands after a report, and what was given back."""
    run = said.run
    head = f"{run.order_id}: {_of_run(run, said.run_count)}{run.state.replace('_', ' ')}"
    if run.state in (RunState.PARTIAL, RunState.CANCELED):
        return f"{head}, {run.remains} undelivered, {format_amount(said.given_back)} given back."
    return f"{head}." if run.state == RunState.COMPLETED else f"{head}, {run.remains} remain."


def _of_run(run: Run, run_count: int) -> str:
    return f"run {run.number} of {run_count}, " if run_count > 1 else ""


def _weigh_report(
    order_ids: Sequence[int],
    *,
    run: int | None = None,
    status: str | None = None,
    remains: int | None = None,
    **_rest: Any,
) -> Decimal:
    orders = Order.objects.filter(pk__in=order_ids).select_related("customer__wallet")
    return in_base(
        (
            reporting.weigh_report(order, number=run, status=status or None, remains=remains),
            order.customer.wallet.currency,
        )
        for order in orders
    )  # fmt: skip


def _weigh_resend(order_ids: Sequence[int], **_arguments: Any) -> Decimal:
    """Return what is lost at most: what was held is sent at any cost."""
    return routing.weigh_losses(Run.objects.filter(order__in=order_ids, state=RunState.QUEUED, held_at__isnull=False))


def _weigh_move(order_ids: Sequence[int], *, accept_loss: bool = False, **_rest: Any) -> Decimal:
    """Return what is lost at most where that is accepted: should the provider refuse, by any other route."""
    if not accept_loss:
        return ZERO
    return routing.weigh_losses(Run.objects.filter(order__in=order_ids, state=RunState.QUEUED))


def _count(runs: Sequence[int]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def _moves_nothing(_order_ids: Sequence[int], **_arguments: Any) -> Decimal:
    return ZERO


def _register(
    name: str,
    title: str,
    run: Callable[..., str],
    weigh: Callable[..., Decimal] = _moves_nothing,
    *,
    weighs_loss: bool = False,
) -> Operation:
    return register(
        Operation(
            name=name,
            title=title,
            permission="orders.change_order",
            model=Order,
            run=run,
            describe=describe_order,
            refusals=REFUSALS,
            weigh=weigh,
            weighs_loss=weighs_loss,
        )
    )


CHANGE_LINK = _register("orders.change_link", "Change link", _change_link)
SET_START_COUNT = _register("orders.set_start_count", "Set start count", _set_start_count)
SET_PARTIAL = _register("orders.set_partial", "Set partial", _set_partial, _weigh_partial)
COMPLETE = _register("orders.complete", "Complete", _complete)
REQUEST_CANCEL = _register("orders.request_cancel", "Request cancel at provider", _request_cancel, _weigh_queued)
REJECT_CANCEL = _register("orders.reject_cancel", "Reject request to cancel", _reject_cancel)
RESEND = _register("orders.resend", "Resend", _resend, _weigh_resend, weighs_loss=True)
TAKE = _register("orders.take", "Take by hand", _take)
REPORT = _register("orders.report", "Report by hand", _report, _weigh_report)
MOVE_TO_PROVIDER = _register(
    "orders.move_to_provider", "Move to another provider", _move, _weigh_move, weighs_loss=True
)
