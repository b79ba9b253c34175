"""A customer's profile and sessions, and what allauth's own pages leave to chance."""

from typing import Any, NamedTuple

from allauth.account.views import EmailView, SignupView
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import notices, profiles, registration, sessions
from accounts.errors import EmailTaken, UsernameTaken
from dashboard.account_forms import NotificationsForm, ProfileForm
from dashboard.customer import CustomerRequest, buyer_of
from dashboard.devices import Device, describe_device
from dashboard.refusals import sentence_for
from panel.errors import violated_constraint


class SessionLine(NamedTuple):
    """One line of the list of sessions."""

    session: UserSession
    device: Device
    is_current: bool


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: CustomerRequest) -> HttpResponse:
    """Show and change the profile; the next page is already in the language chosen."""
    form = ProfileForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            profiles.change_profile(user=request.user, **form.cleaned_data)
        except UsernameTaken as refusal:
            form.add_error("username", sentence_for(refusal))
        else:
            with translation.override(request.user.language or translation.get_language()):
                messages.success(request, _("Your profile is saved."))
            return redirect("dashboard:profile")
    return render(request, "dashboard/profile.html", {"form": form})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def session_list(request: CustomerRequest) -> HttpResponse:
    """Show where the customer is logged in; a POST logs all others out."""
    current = request.session.session_key
    if request.method == "POST":
        sessions.end_other_sessions(user_id=request.user.pk, kept_key=current)
        messages.success(request, _("All other sessions are ended."))
        return redirect("dashboard:sessions")
    lines = [
        SessionLine(session, describe_device(session.user_agent), is_current=session.session_key == current)
        for session in sessions.list_sessions(request.user.pk)
    ]
    lines.sort(key=lambda line: not line.is_current)
    return render(request, "dashboard/sessions.html", {"lines": lines})


@login_required
@require_POST
def end_session(request: CustomerRequest, session_id: int) -> HttpResponse:
    """Log one browser out."""
    try:
        ended = sessions.end_session(user_id=request.user.pk, session_id=session_id)
    except UserSession.DoesNotExist:
        raise Http404 from None
    if ended.session_key == request.session.session_key:
        return redirect("account_login")
    messages.success(request, _("%(device)s is logged out.") % {"device": describe_device(ended.user_agent).name})
    return redirect("dashboard:sessions")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: CustomerRequest) -> HttpResponse:
    """Show and change what the customer is told by mail."""
    buyer = buyer_of(request)
    if buyer is None:
        return render(request, "dashboard/notifications.html", {"form": None})
    choices = notices.get_choices(request.user.pk)
    form = NotificationsForm(request.POST or None, choices=choices, currency=buyer.currency)
    if request.method == "POST" and form.is_valid():
        notices.change_choices(user_id=request.user.pk, **form.cleaned_data)
        messages.success(request, _("Your notifications are saved."))
        return redirect("dashboard:notifications")
    address = notices.address_of(request.user)
    return render(request, "dashboard/notifications.html", {"form": form, "address": address})


@csrf_exempt  # mail programs post here by themselves (RFC 8058); the signed link says all
@require_http_methods(["GET", "HEAD", "POST"])
def stop_notices(request: HttpRequest, token: str) -> HttpResponse:
    """Turn off the mails that a mail's link names, for whoever holds the mail. Asks first: scanners follow links."""
    try:
        stop = notices.read_stop_token(token)
    except signing.BadSignature:
        raise Http404 from None
    if request.method == "POST":
        notices.stop_notices(stop)
    return render(request, "dashboard/stop_notices.html", {"kind": stop.kind, "is_stopped": request.method == "POST"})


class SignUp(SignupView):
    """Sign up; of two at the same moment with one name or address, the second reads that it is taken."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Create the account."""
        try:
            return super().form_valid(form)
        except (EmailTaken, UsernameTaken):
            # The form looked before the other one was there. Asked again it says what it says to everybody.
            form.full_clean()
            return super().form_valid(form) if form.is_valid() else self.form_invalid(form)


class Emails(EmailView):
    """Manage the addresses; one that somebody else signed up with meanwhile does not become primary."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add, confirm, remove, or make primary."""
        try:
            with registration.mails_held_back(), transaction.atomic():
                return super().post(request, *args, **kwargs)
        except IntegrityError as error:
            if violated_constraint(error) != "user_email_unique":
                raise
            messages.error(request, sentence_for(EmailTaken))
            return redirect("account_email")


sign_up = SignUp.as_view()
emails = Emails.as_view()
