"""What waits for a second person."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString

from panel.admin_actions import ReasonForm, StaffActionForm, show_form, staff_action
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin, get_visible, link_to, origin_of, state_column
from panel.errors import DomainError
from panel.money import print_amount
from staff import approvals
from staff.models import Approval
from staff.operations import registry

STATE_COLOURS = {
    Approval.State.WAITING: "warning",
    Approval.State.DONE: "success",
    Approval.State.FAILED: "danger",
    Approval.State.REJECTED: "danger",
}


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Operations above the threshold and credits by hand; another person decides them."""

    list_display = ("id", "title", "subject", "shown_amount", "requested_by", "requested_at", "shown_state")
    list_filter = ("state",)
    list_select_related = ("requested_by", "decided_by")
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        "title", "subject_link", "shown_amount", "shown_state", "subject", "arguments", "reason", "requested_by",
        "requested_at", "channel", "address", "decided_by", "decided_at", "outcome",
    )  # fmt: skip
    readonly_fields = ("title", "subject_link", "shown_amount", "shown_state")
    shown_state = state_column(STATE_COLOURS)
    actions_detail = ("approve", "reject")

    @admin.display(description="operation")
    def title(self, approval: Approval) -> str:
        """Name what is to be done."""
        return registry.get_operation(approval.operation).title

    @admin.display(description="at stake")
    def shown_amount(self, approval: Approval) -> str:
        """Say how much of the base currency it moves, or may lose."""
        return f"{print_amount(approval.amount)} {settings.BASE_CURRENCY}"

    @admin.display(description="page")
    def subject_link(self, approval: Approval) -> SafeString | str:
        """Link to what it is about."""
        if approval.job is not None:
            return link_to(approval.job)
        model = registry.get_operation(approval.operation).model
        found = model._default_manager.filter(pk=approval.subject_id).first()  # noqa: SLF001 - Django's public name
        return link_to(found) if found else "gone"

    def describe(self, obj: Approval) -> str:
        """Say what would be done."""
        return f"{self.title(obj)}, {obj.subject}; asked by {obj.requested_by}: {obj.reason}"

    def list_facts(self, obj: Approval) -> Iterable[Fact]:
        """Show what it is about as it is now: days may lie between asking and deciding."""
        operation = registry.get_operation(obj.operation)
        found = operation.model._default_manager.filter(pk=obj.subject_id)  # noqa: SLF001 - as above
        if obj.state == Approval.State.WAITING and obj.subject_id is not None and found.exists():
            yield Fact("As it is now", ("", "is"), list(operation.describe(obj.subject_id).items()))

    def offers(self, action: str, obj: Any) -> bool:
        """Offer to decide what waits."""
        return obj.state == Approval.State.WAITING

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Leave approving to another person than the one who asked."""
        actions = super().get_actions_detail(request, object_id)
        approval = self.get_object(request, object_id)
        if approval is None or approval.requested_by_id != request.user.pk:
            return actions
        return [action for action in actions if action.method.original_function_name != "approve"]

    def has_decide_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may be the second person."""
        return request.user.has_perm("staff.decide_approval")

    def has_take_back_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Who may be the second person, and who asked."""
        is_own = object_id is not None and Approval.objects.filter(pk=object_id, requested_by=request.user.pk).exists()
        return is_own or self.has_decide_permission(request)

    @staff_action(description="Approve", permission="decide")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have it done."""
        return self._decide(
            request,
            object_id,
            title="Approve",
            explanation="It is done at once, in the name of who asked for it and in yours.",
            form_class=StaffActionForm,
        )

    @staff_action(description="Reject", permission="take_back")
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Leave it undone."""
        return self._decide(
            request,
            object_id,
            title="Reject",
            explanation="Nothing is done. Who asked for it can read why.",
            form_class=ReasonForm,
        )

    def _decide(
        self, request: HttpRequest, object_id: str, *, title: str, explanation: str, form_class: type[StaffActionForm]
    ) -> HttpResponse:
        # Not `ask_and_run`: deciding writes its own entries into the staff log, in the transaction that decides.
        found = get_visible(self, request, object_id)
        form = form_class(request.POST if request.method == "POST" else None)
        if form.is_valid():
            who: dict[str, Any] = {"approval_id": found.pk, "actor": request.user, "origin": origin_of(request)}
            try:
                if title == "Approve":
                    done = approvals.approve(**who)
                else:
                    approvals.reject(reason=form.cleaned_data["reason"], **who)
                    done = "Rejected. Nothing was done."
            except DomainError as error:
                form.add_error(None, approvals.explain_refusal(error, found))
            else:
                self.message_user(request, done, messages.SUCCESS)
                return redirect(self.page_after(found))
        return show_form(self, request, form=form, title=title, explanation=explanation, subject=found)
