"""What staff decide about single runs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orders import holds, routing
from orders.models import Run
from orders.refusals import REFUSALS
from staff.operations.registry import Operation, register


def _describe(run_id: int) -> dict[str, Any]:
    run = Run.objects.get(pk=run_id)
    return {"run": str(run), "state": run.state, "held": run.held_because, "loss_accepted": run.loss_accepted}


def _release(run_id: int, *, reason: str, actor_id: int | None) -> str:
    holds.release_run(run_id=run_id, reason=reason, actor_id=actor_id)
    return f"Run {Run.objects.get(pk=run_id)} is sent at any cost."


def _weigh_release(run_ids: Sequence[int], **_arguments: Any) -> Decimal:
    return routing.weigh_losses(Run.objects.filter(pk__in=run_ids, held_at__isnull=False))


RELEASE = register(
    Operation(
        name="runs.release",
        title="Send anyway",
        permission="orders.change_heldrun",
        model=Run,
        run=_release,
        describe=_describe,
        weigh=_weigh_release,
        weighs_loss=True,
        refusals=REFUSALS,
    )
)
