"""Take many orders to deliver by hand at once, as a program does that pulls: the operation `orders.take`, many times.

All of them in one transaction, or none: whoever pulls gets one answer.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from orders import taking
from orders.models import Run
from orders.transitions import Status
from staff import audit
from staff.audit import Origin
from staff.operations import registry
from staff.operations.orders import TAKE, describe_taken


def take_due(
    *, limit: int, service_ids: Sequence[int] | None, reason: str, actor: Any, origin: Origin
) -> Sequence[Run]:
    """Take the runs that are due longest, each with its entry in the log; return them.

    :raises PermissionDenied:
    """
    registry.check_permission(TAKE, actor)
    with transaction.atomic(durable=True):
        taken = taking.take_due(limit=limit, service_ids=service_ids, reason=reason, actor_id=actor.pk)
        for run in taken:  # at the end, because other members of the staff wait for the log
            audit.record(
                actor=actor,
                operation=TAKE.name,
                subject_model=TAKE.subject_model,
                subject_id=run.order_id,
                after={"status": Status(run.order.status).value, "run": run.number, "quantity": run.quantity},
                reason=reason,
                outcome=describe_taken(run),
                origin=origin,
            )
    return taken
