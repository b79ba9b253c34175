"""The queue of tickets, and the page on which staff read and answer one."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from accounts.models import User
from panel.admin_actions import StaffActionForm, actor_of, staff_operation
from panel.admin_pages import PanelAdmin, ReadOnlyAdmin, link_to, parse_id, state_column
from panel.downloads import download
from panel.errors import DomainError
from support import queries, replies, tickets
from support.attachments import ATTACHMENTS_MAX, SUFFIXES, Upload
from support.errors import AttachmentTooLarge, AttachmentTypeRefused, TooManyAttachments
from support.files import FilesInput, read_uploads
from support.models import ATTACHMENT_MAX_BYTES, TEXT_MAX_CHARACTERS, Attachment, SavedReply, Ticket

FILE_REFUSALS: dict[type[DomainError], str] = {
    TooManyAttachments: f"Attach {ATTACHMENTS_MAX} files at most. Nothing was sent.",
    AttachmentTooLarge: "A file is too large. Nothing was sent.",
    AttachmentTypeRefused: "A file is of a kind that cannot be attached. Nothing was sent.",
}


class FilesField(forms.Field):
    """Files that go with an answer; of the same kinds as customers may send."""

    def __init__(self) -> None:
        suffixes = [suffix for group in SUFFIXES.values() for suffix in group]
        super().__init__(
            label="files",
            required=False,
            help_text=f"Up to {ATTACHMENTS_MAX} pictures, PDF or text files of {ATTACHMENT_MAX_BYTES >> 20} MB each.",
            widget=FilesInput(attrs={"accept": ",".join(suffixes)}),
        )

    def clean(self, value: Any) -> list[Upload]:
        """Return the files."""
        try:
            return read_uploads(value or [])
        except DomainError as refusal:
            raise forms.ValidationError(FILE_REFUSALS[type(refusal)]) from None


class AnswerForm(StaffActionForm):
    """What the customer gets to read."""

    confirmed = None  # type: ignore[assignment]  # sending an answer says that it is meant
    text = forms.CharField(
        label="answer",
        max_length=TEXT_MAX_CHARACTERS,
        help_text="The customer sees this text, from the panel's support and not from you by name.",
        widget=UnfoldAdminTextareaWidget({"rows": 8}),
    )
    attachments = FilesField()
    closes = forms.BooleanField(label="close the ticket", required=False, widget=UnfoldBooleanWidget)


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    """What customers ask: first what waits for an answer, whoever waits longest on top."""

    list_display = ("id", "title", "customer_link", "subject", "shown_state", "news", "last_message_at")
    list_filter = ("state", "subject", "is_unread_by_staff")
    list_select_related = ("customer", "last_message")
    sortable_by = ()
    search_fields = ("pk",)  # shows the search box; what is found is below
    search_help_text = "The ticket's id, the id of an order it is about, or the whole user name"
    fields = ("customer", "subject", "shown_state", "created_at", "order_links")
    readonly_fields = ("order_links", "shown_state")
    shown_state = state_column({Ticket.State.OPEN: "warning", Ticket.State.ANSWERED: "success"})
    change_form_outer_after_template = "admin/conversation.html"
    actions_detail = ("answer", "close")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Show first who waits longest; of what waits for nobody, what happened last."""
        state = request.GET.get("state__exact", Ticket.State.OPEN)
        return ("-state", "last_message") if state == Ticket.State.OPEN else ("-last_message",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        """Find by whole values only."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(customer__in=list(User.objects.filter(username=term).values_list("pk", flat=True)))
        if (number := parse_id(term)) is not None:
            about = Ticket.orders.through.objects.filter(order_id=number).values_list("ticket_id", flat=True)
            wanted |= Q(pk=number) | Q(pk__in=list(about))
        return queryset.filter(wanted), False

    @admin.display(description="customer")
    def customer_link(self, ticket: Ticket) -> SafeString:
        """Link to who asks."""
        return link_to(ticket.customer)

    @admin.display(description="new")
    def news(self, ticket: Ticket) -> str:
        """Mark what nobody has read; a cross beside all others would look like an alarm."""
        return "New" if ticket.is_unread_by_staff else ""

    @admin.display(description="last message")
    def last_message_at(self, ticket: Ticket) -> Any:
        """Say when something was written last."""
        return ticket.last_message and ticket.last_message.at

    @admin.display(description="orders")
    def order_links(self, ticket: Ticket) -> SafeString | str:
        """Link to the orders it is about."""
        links = [(link_to(order, order.pk),) for order in ticket.orders.only("pk").order_by("pk")]
        return format_html_join(", ", "{}", links) if links else "none"

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> HttpResponse:
        """Show a ticket; whoever may answer it has read it then."""
        response: HttpResponse = super().change_view(request, object_id, *args, **options)
        ticket = self.get_object(request, object_id) if request.method == "GET" else None
        if ticket is not None and ticket.is_unread_by_staff and self.has_answer_permission(request):
            tickets.mark_read_by_staff(ticket)
        return response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """Add the conversation, newest part of it, and the form to go on with it."""
        ticket = context.get("original")
        if ticket is not None:
            before = parse_id(request.GET.get("before", ""))
            context["conversation"] = queries.list_messages(ticket, before=before)
            may_answer = self.has_answer_permission(request)
            context["answer_form"] = AnswerForm() if may_answer else None
            context["saved_replies"] = replies.list_replies(ticket) if may_answer else []
        return super().render_change_form(request, context, *args, **options)

    def get_urls(self) -> list[URLPattern]:
        """Serve attachments behind the admin's own door, which asks for the second factor."""
        view = self.admin_site.admin_view(self.download_attachment)
        return [
            path("attachments/<int:attachment_id>/", view, name="support_ticket_attachment"),
            *super().get_urls(),
        ]

    def download_attachment(self, request: HttpRequest, attachment_id: int) -> HttpResponse:
        """Give a file to staff who may see tickets."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        file = Attachment.objects.filter(pk=attachment_id).first()
        if file is None:
            raise Http404
        return download(bytes(file.content), name=file.name, content_type=file.content_type)

    def describe(self, obj: Ticket) -> str:
        """Say which ticket it is and whose."""
        return f"{obj} of {obj.customer}"

    def offers(self, action: str, obj: Any) -> bool:
        """Offer to close what is not closed."""
        return action != "close" or obj.state != Ticket.State.CLOSED

    def has_answer_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change tickets."""
        return request.user.has_perm("support.change_ticket")

    @staff_operation(
        description="Answer",
        permission="answer",
        explanation="The customer finds the answer on the ticket's page and is told of it by mail.",
        form_class=AnswerForm,
    )
    def answer(self, request: HttpRequest, ticket: Ticket, data: dict[str, Any]) -> str:
        """Write to the customer."""
        tickets.reply_as_staff(
            staff_id=actor_of(request),
            ticket_id=ticket.pk,
            text=data["text"],
            closes=data["closes"],
            uploads=data["attachments"],
        )
        return "Answered and closed." if data["closes"] else "Answered."

    @staff_operation(
        description="Close ticket",
        permission="answer",
        explanation="The customer is not told. What the customer writes later opens the ticket again.",
    )
    def close(self, request: HttpRequest, ticket: Ticket, data: dict[str, Any]) -> str:
        """Close a ticket without a word."""
        tickets.close_as_staff(ticket_id=ticket.pk)
        return "Closed."


@admin.register(SavedReply)
class SavedReplyAdmin(PanelAdmin):
    """Answers that staff give often; chosen on a ticket's page, and changed there before they are sent."""

    list_display = ("title", "position")
    list_editable = ("position",)
    ordering_field = "position"
    ordering = ("position", "title")
    search_fields = ("title__icontains", "text__icontains")
    search_help_text = "A part of the title or of the text"
    fields = ("title", "text", "position")
