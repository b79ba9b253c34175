"""What staff do to refills that no provider reports on."""

from typing import Any

from orders import refills
from orders.models import Refill
from staff.errors import RefillEnded
from staff.operations.registry import Operation, register


def _describe(refill_id: int) -> dict[str, Any]:
    refill = Refill.objects.get(pk=refill_id)
    return {"order": refill.order_id, "status": refill.status}


def _set_status(refill_id: int, *, reason: str, actor_id: int | None, status: str) -> str:
    if Refill.objects.get(pk=refill_id).status not in Refill.OPEN:
        raise RefillEnded
    refills.record_refill_status(refill_id, Refill.Status(status), actor_id=actor_id)
    return f"{refill_id}: the refill is now {Refill.objects.get(pk=refill_id).status}."


SET_STATUS = register(
    Operation(
        name="refills.set_status",
        title="Set status",
        permission="orders.change_refill",
        model=Refill,
        run=_set_status,
        describe=_describe,
        refusals={RefillEnded: "This refill has ended; its status stays."},
    )
)
