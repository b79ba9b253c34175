"""A customer's API keys. A new key's text is in the answer that made it and nowhere else."""

import logging

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods
from django_ratelimit.core import is_ratelimited
from redis.exceptions import RedisError

from accounts import api_keys as keys
from accounts.errors import InvalidApiKey, TooManyApiKeys
from accounts.models import ApiKey
from dashboard.customer import CustomerRequest
from dashboard.forms import IssueKeyForm, PasswordForm
from dashboard.refusals import sentence_for
from dashboard.tabs import api_tabs

# Whoever sits at an open session may not guess the password; a person does not mistype it ten times a minute.
PASSWORD_TRIES = "10/m"  # noqa: S105
KEYS_SHOWN_MAX = 100  # revoked ones stay in the list; nobody reads further back

logger = logging.getLogger(__name__)


@sensitive_post_parameters("password")
@login_required
@cache_control(no_store=True, private=True)
@require_http_methods(["GET", "HEAD", "POST"])
def api_keys(request: CustomerRequest) -> HttpResponse:
    """List the keys; make a new one for the password."""
    form = IssueKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _knows_password(request, form):
        try:
            text = keys.issue_api_key(user=request.user, name=form.cleaned_data["name"])
        except TooManyApiKeys as refusal:
            form.add_error(None, sentence_for(refusal))
        else:
            return _show_once(request, text=text, name=form.cleaned_data["name"])
    listed = keys.list_api_keys(request.user)[:KEYS_SHOWN_MAX]
    return render(
        request, "dashboard/api_keys.html", {"nav": "api", "tabs": api_tabs("api_keys"), "keys": listed, "form": form}
    )


@sensitive_post_parameters("password")
@login_required
@cache_control(no_store=True, private=True)
@require_http_methods(["GET", "HEAD", "POST"])
def rotate_key(request: CustomerRequest, key_id: int) -> HttpResponse:
    """Replace a key for the password; the old one is dead before the new one is shown."""
    key = _get_live_key(request, key_id)
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _knows_password(request, form):
        try:
            text = keys.rotate_api_key(user=request.user, key_id=key_id)
        except InvalidApiKey:
            raise Http404 from None
        return _show_once(request, text=text, name=key.name)
    return render(request, "dashboard/rotate_key.html", {"nav": "api", "key": key, "form": form})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_key(request: CustomerRequest, key_id: int) -> HttpResponse:
    """Ask once, then make a key dead. Needs no password: whoever fears a leak must not be held up."""
    key = _get_live_key(request, key_id)
    if request.method != "POST":
        return render(request, "dashboard/revoke_key.html", {"nav": "api", "key": key})
    try:
        keys.revoke_api_key(user=request.user, key_id=key_id)
    except InvalidApiKey:
        raise Http404 from None
    messages.success(request, gettext("The key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("dashboard:api_keys")


def _get_live_key(request: CustomerRequest, key_id: int) -> ApiKey:
    try:
        return keys.list_api_keys(request.user).get(pk=key_id, revoked_at=None)
    except ApiKey.DoesNotExist:
        raise Http404 from None


def _knows_password(request: CustomerRequest, form: PasswordForm) -> bool:
    """Check the password; a wrong one, or too many tries, becomes the form's error."""
    if _tries_too_often(request):
        form.add_error("password", gettext("Too many tries. Wait a minute, then try again."))
        return False
    if not request.user.check_password(form.cleaned_data["password"]):
        form.add_error("password", gettext("This is not your password."))
        return False
    return True


def _tries_too_often(request: CustomerRequest) -> bool:
    try:
        return is_ratelimited(request, group="dashboard.password", key="user", rate=PASSWORD_TRIES, increment=True)
    except RedisError as error:
        # Losing Redis must not keep a customer from replacing a leaked key; guessing stays as slow as hashing.
        logger.warning("password tries are not counted: %s", error)
        return False


@sensitive_variables("text")
def _show_once(request: CustomerRequest, *, text: str, name: str) -> HttpResponse:
    return render(request, "dashboard/key_issued.html", {"nav": "api", "text": text, "name": name})
