"""Jobs on many subjects: how far they are, and what came of each item."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from panel.admin_actions import StaffActionForm, show_form, staff_action
from panel.admin_facts import Fact
from panel.admin_pages import ReadOnlyAdmin, get_visible, link_to, origin_of, state_column
from panel.errors import DomainError
from panel.money import print_amount
from staff import bulk
from staff.models import BulkItem, BulkJob
from staff.operations import registry

REFUSED_SHOWN = 100  # on the job's page; all are in the list of items
REFRESH_SECONDS = 2
STATE_COLOURS = {
    BulkJob.State.ASKED: "warning",
    BulkJob.State.RUNNING: "info",
    BulkJob.State.DONE: "success",
    BulkJob.State.STOPPED: "danger",
}


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyAdmin):
    """What runs and ran in bulk."""

    list_display = ("id", "title", "item_count", "shown_amount", "progress", "shown_state", "created_by", "created_at")
    list_filter = ("state",)
    list_select_related = ("created_by",)
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        "progress", "title", "shown_state", "item_count", "shown_amount", "created_by", "created_at", "finished_at",
        "approval_link", "reason", "arguments",
    )  # fmt: skip
    readonly_fields = ("title", "progress", "approval_link", "shown_amount", "shown_state")
    long_fields = ("progress",)
    shown_state = state_column(STATE_COLOURS)
    actions_detail = ("stop",)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> HttpResponse:
        """Show the page anew while the job runs."""
        response = super().change_view(request, object_id, *args, **options)
        if BulkJob.objects.filter(pk=object_id, state=BulkJob.State.RUNNING).exists():
            response["Refresh"] = str(REFRESH_SECONDS)
        return response

    @admin.display(description="operation")
    def title(self, job: BulkJob) -> str:
        """Name what is done."""
        return registry.get_operation(job.operation).title

    @admin.display(description="moves")
    def shown_amount(self, job: BulkJob) -> str:
        """Say how much of the base currency it moves."""
        return f"{print_amount(job.amount)} {settings.BASE_CURRENCY}"

    @admin.display(description="progress")
    def progress(self, job: BulkJob) -> SafeString:
        """Show how far it is, as a bar and in numbers."""
        progress = bulk.measure_progress(job)
        return format_html(
            '<progress max="100" value="{}" class="align-middle"></progress> {} done, {} refused, {} waiting{}',
            progress.percent,
            progress.done,
            progress.refused,
            progress.waiting,
            f", {progress.skipped} skipped" if progress.skipped else "",
        )

    @admin.display(description="approval")
    def approval_link(self, job: BulkJob) -> SafeString | str:
        """Link to the second person's decision where one is needed."""
        approval = getattr(job, "approval", None)
        return link_to(approval, f"{approval}: {approval.get_state_display()}") if approval else "not needed"

    def list_facts(self, obj: BulkJob) -> Iterable[Fact]:
        """Show what was refused, and why."""
        model = registry.get_operation(obj.operation).model
        has_page = admin.site.is_registered(model)
        refused = obj.items.filter(state=BulkItem.State.REFUSED).order_by("pk")[:REFUSED_SHOWN]
        yield Fact(
            "Refused",
            (str(model._meta.verbose_name), "why"),  # noqa: SLF001 - Django's public name for it
            [
                (link_to(model(pk=item.subject_id), item.subject_id) if has_page else item.subject_id, item.outcome)
                for item in refused
            ],
            more=format_html('<a href="../../../bulkitem/?job={}" class="text-link">All items</a>', obj.pk),
        )

    def offers(self, action: str, obj: Any) -> bool:
        """Offer to stop what has not ended."""
        return obj.finished_at is None

    def has_stop_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may stop jobs."""
        return request.user.has_perm("staff.stop_bulkjob")

    @staff_action(description="Stop", permission="stop")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Leave the rest undone."""
        job = get_visible(self, request, object_id)
        form = StaffActionForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                bulk.stop_job(job_id=job.pk, actor=request.user, origin=origin_of(request))
            except DomainError:
                form.add_error(None, "It has ended meanwhile.")
            else:
                self.message_user(request, "Stopped. What was done stays done.", messages.SUCCESS)
                return redirect(self.page_after(job))
        explanation = "Items that still wait are left as they are. What was done stays done."
        return show_form(self, request, form=form, title="Stop", explanation=explanation, subject=job)


@admin.register(BulkItem)
class BulkItemAdmin(ReadOnlyAdmin):
    """The items of jobs; linked from the job's page."""

    list_display = ("id", "job", "subject_id", "state", "outcome")
    list_filter = ("state", ("job", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("job",)
    ordering = ("id",)
    sortable_by = ()
    fields = ("job", "subject_id", "state", "outcome")
