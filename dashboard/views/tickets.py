"""A customer's support tickets: the list, one conversation, and the files in it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.customer import CustomerRequest
from dashboard.impersonation import is_looking
from dashboard.refusals import sentence_for
from dashboard.ticket_forms import ReplyForm, TicketForm, TicketSearchForm
from panel.downloads import download
from panel.errors import DomainError
from support import queries, tickets
from support.errors import OrdersNotFound, TicketNotFound
from support.models import Ticket


@login_required
@require_safe
def ticket_list(request: CustomerRequest) -> HttpResponse:
    """List the customer's tickets, those where something happened last first."""
    form = TicketSearchForm(request.GET)
    form.is_valid()
    state, before = form.cleaned_data.get("state", ""), form.cleaned_data.get("before")
    if not is_looking(request) and tickets.correct_count(request.user):
        request.user.refresh_from_db(fields=["unread_tickets"])
    return render(
        request,
        "dashboard/tickets.html",
        {
            "nav": "support",
            "page": queries.list_tickets(request.user.pk, before=before, state=state),
            "states": Ticket.State.choices,
            "state": state,
            "before": before,
        },
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_ticket(request: CustomerRequest) -> HttpResponse:
    """Open a ticket; the address may name the subject, and the orders it is about."""
    if request.method == "POST":
        form = TicketForm(request.POST, request.FILES)
        if form.is_valid() and (ticket_id := _open(request, form)) is not None:
            messages.success(request, gettext("Your ticket is open. You get a mail when support has answered."))
            return redirect("dashboard:ticket", ticket_id)
    else:
        asked = request.GET.get("subject", "")
        subject = asked if asked in Ticket.Subject.values else Ticket.Subject.ORDER
        form = TicketForm(initial={"subject": subject, "orders": request.GET.get("orders", "")})
    return render(request, "dashboard/new_ticket.html", {"nav": "support", "form": form})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ticket(request: CustomerRequest, ticket_id: int) -> HttpResponse:
    """Show a conversation, which reads it; a POST adds a message to it."""
    try:
        found = queries.get_ticket(request.user.pk, ticket_id)
    except TicketNotFound:
        raise Http404 from None
    form = ReplyForm(request.POST, request.FILES) if request.method == "POST" else ReplyForm()
    if form.is_valid() and _reply(request, found.pk, form):
        return redirect("dashboard:ticket", found.pk)
    if not is_looking(request) and tickets.mark_read(found):
        request.user.refresh_from_db(fields=["unread_tickets"])
    search = TicketSearchForm(request.GET)
    before = search.cleaned_data.get("before") if search.is_valid() else None
    return render(
        request,
        "dashboard/ticket.html",
        {
            "nav": "support",
            "ticket": found,
            "orders": sorted(found.orders.values_list("pk", flat=True)),
            "conversation": queries.list_messages(found, before=before),
            "before": before,
            "form": form,
        },
    )


@login_required
@require_POST
def close_ticket(request: CustomerRequest, ticket_id: int) -> HttpResponse:
    """Close a ticket."""
    try:
        tickets.close(customer_id=request.user.pk, ticket_id=ticket_id)
    except TicketNotFound:
        raise Http404 from None
    messages.success(request, gettext("The ticket is closed. Write again and it opens again."))
    return redirect("dashboard:ticket", ticket_id)


@login_required
@require_safe
def attachment(request: CustomerRequest, attachment_id: int) -> HttpResponse:
    """Give a file of a ticket to its owner; staff get theirs in the admin."""
    try:
        file = queries.get_attachment(request.user.pk, attachment_id)
    except TicketNotFound:
        raise Http404 from None
    return download(bytes(file.content), name=file.name, content_type=file.content_type)


def _open(request: CustomerRequest, form: TicketForm) -> int | None:
    data = form.cleaned_data
    try:
        return tickets.open_ticket(
            customer_id=request.user.pk,
            subject=Ticket.Subject(data["subject"]),
            title=data["title"],
            text=data["text"],
            order_ids=data["orders"],
            uploads=data["attachments"],
        )
    except OrdersNotFound as refusal:
        form.add_error("orders", sentence_for(refusal))
    except DomainError as refusal:
        form.add_error(None, sentence_for(refusal))
    return None


def _reply(request: CustomerRequest, ticket_id: int, form: ReplyForm) -> bool:
    data = form.cleaned_data
    try:
        tickets.reply(customer_id=request.user.pk, ticket_id=ticket_id, text=data["text"], uploads=data["attachments"])
    except DomainError as refusal:
        form.add_error(None, sentence_for(refusal))
        return False
    return True
