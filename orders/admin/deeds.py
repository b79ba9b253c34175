"""What staff can do about orders: the registered operation, what it asks, and when it is offered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from orders import reporting, taking
from orders.models import LINK_MAX_CHARACTERS, Order
from orders.tracking import START_COUNT_MAX
from orders.transitions import FINAL_STATUSES, RunState, Status
from panel.admin_actions import ReasonForm, ShownReasonForm, StaffActionForm
from providers.adapter import ReportedStatus
from providers.models import Provider


class LinkForm(ShownReasonForm):
    """The right link."""

    link = forms.CharField(max_length=LINK_MAX_CHARACTERS, widget=UnfoldAdminTextInputWidget())


class StartCountForm(ShownReasonForm):
    """The counter before delivery."""

    start_count = forms.IntegerField(
        min_value=0, max_value=START_COUNT_MAX, widget=UnfoldAdminIntegerFieldWidget(), label="start count"
    )


class PartialForm(ShownReasonForm):
    """How much did not come."""

    remains = forms.IntegerField(
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Units that were not delivered, in all. What is owed for them is refunded.",
    )


class MoveForm(ReasonForm):
    """Where to."""

    provider_id = forms.TypedChoiceField(
        label="provider",
        coerce=int,
        choices=lambda: Provider.objects.order_by("name").values_list("pk", "name"),
        widget=UnfoldAdminSelectWidget(),
    )
    accept_loss = forms.BooleanField(
        required=False, label="also when it costs more than the customer pays", widget=UnfoldBooleanWidget
    )


class ReportForm(ReasonForm):
    """How it stands."""

    run = forms.IntegerField(min_value=1, widget=forms.HiddenInput())
    status = forms.ChoiceField(
        choices=[(word.value, word.value) for word in ReportedStatus if word != ReportedStatus.PENDING],
        widget=UnfoldAdminSelectWidget(),
    )
    remains = forms.IntegerField(
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Units not delivered, of the part that is out. Needed for Partial; refunded when it ends.",
    )
    start_count = forms.IntegerField(
        required=False, min_value=0, max_value=START_COUNT_MAX, widget=UnfoldAdminIntegerFieldWidget()
    )

    def clean(self) -> dict[str, Any]:
        """Ask how much remains where that decides the refund."""
        data = super().clean() or {}
        if data.get("status") == ReportedStatus.PARTIAL and data.get("remains") is None:
            self.add_error("remains", "Say how much was not delivered.")
        return data


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that can be done about an order."""

    title: str
    operation: str
    explanation: str
    form_class: type[StaffActionForm]
    offers: Callable[[Order], bool]
    initial: Callable[[Order], dict[str, Any]] | None = None


def _is_open(order: Order) -> bool:
    return order.status not in FINAL_STATUSES


def _what_is_out(order: Order) -> dict[str, Any]:
    run = reporting.find_taken([order.pk]).get(order.pk)
    if run is None:
        return {}
    status = reporting.STATUS_OF_STATE[RunState(run.state)]
    return {"run": run.number, "status": status, "remains": run.remains, "start_count": run.start_count}


DEEDS = {
    "take": Deed(
        "Take by hand",
        "orders.take",
        "Hands out what waits at a provider that delivers by hand, once: from then on it is in progress, and yours to "
        "deliver. It is never handed out or sent again.",
        ReasonForm,
        lambda order: taking.waits_by_hand(order.pk),
    ),
    "report": Deed(
        "Report by hand",
        "orders.report",
        "Says how the part that was taken stands, as a provider would: Completed leaves nothing, Canceled everything, "
        "and what does not come is refunded. After the end only in the customer's favour.",
        ReportForm,
        lambda order: bool(reporting.find_taken([order.pk])),
        _what_is_out,
    ),
    "cancel": Deed(
        "Cancel and refund",
        "orders.cancel_and_refund",
        "Ends the order and gives back all that is not yet given back, whatever was delivered.",
        ShownReasonForm,
        lambda order: order.refunded < order.charge or _is_open(order),
    ),
    "partial": Deed(
        "Set partial",
        "orders.set_partial",
        "Ends the order as partially delivered and refunds what did not come. After the end only in the customer's "
        "favour.",
        PartialForm,
        lambda order: order.status != Status.CANCELED and order.quantity > 1,
        lambda order: {"remains": order.remains or None},
    ),
    "complete": Deed(
        "Complete",
        "orders.complete",
        "Takes all that a provider has of the order as delivered. Nothing is refunded for it.",
        ShownReasonForm,
        _is_open,
    ),
    "request_cancel": Deed(
        "Request cancel at provider",
        "orders.request_cancel",
        "Asks the provider to stop the order, whatever the service allows. What has not left us is canceled and "
        "refunded at once; the rest is refunded as the provider reports.",
        ShownReasonForm,
        _is_open,
    ),
    "reject_cancel": Deed(
        "Reject request to cancel",
        "orders.reject_cancel",
        "Ends a request to cancel that the provider did not follow. The order goes on; the customer may ask again.",
        ShownReasonForm,
        lambda order: _is_open(order) and hasattr(order, "cancellation"),
    ),
    "resend": Deed(
        "Resend",
        "orders.resend",
        "Sends now what has not left us: what was put off, and what is held, also when that costs more than it brings. "
        "What a provider has or may have is never sent again by this.",
        ReasonForm,
        _is_open,
    ),
    "move": Deed(
        "Move to another provider",
        "orders.move_to_provider",
        "Has what has not left us sent to another provider of the service first. Should that one refuse it, it goes by "
        "the other routes as always.",
        MoveForm,
        _is_open,
    ),
    "link": Deed(
        "Change link",
        "orders.change_link",
        "Corrects the link for what has not left us. What a provider has keeps the link it was sent with.",
        LinkForm,
        _is_open,
        lambda order: {"link": order.link},
    ),
    "start_count": Deed(
        "Set start count",
        "orders.set_start_count",
        "Says what the counter was before delivery. What the provider reports of it no longer counts.",
        StartCountForm,
        lambda _order: True,
        lambda order: {"start_count": order.start_count},
    ),
}
# A link, a count or what remains is one order's own.
DEEDS_ON_MANY = {
    name: DEEDS[name] for name in ("take", "cancel", "complete", "request_cancel", "reject_cancel", "resend", "move")
}
