"""How a customer's programs use the API: figures, single calls, and a console to send one."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts import api_keys
from accounts.models import ApiKey, User
from api_v2 import inspection, throttling
from api_v2.actions import ACTIONS
from api_v2.examples import KEY_PLACEHOLDER
from api_v2.middleware import API_PATH
from api_v2.models import Outcome, RecordedCall
from api_v2.pruning import CALLS_PER_KEY, KEEP_CALLS
from api_v2.recording import VALUE_MAX_CHARACTERS
from dashboard import call_reasons, console_calls, usage_figures
from dashboard.customer import CustomerRequest
from dashboard.forms import UNKNOWN_ACTION, CallSearchForm, ConsoleForm, UsageForm
from dashboard.tabs import api_tabs
from dashboard.views.api_keys import KEYS_SHOWN_MAX

HOURS_SHOWN = 24
DAYS_SHOWN = 30


@login_required
@require_safe
def usage(request: CustomerRequest) -> HttpResponse:
    """Show how many calls came, how they ended, how long they took, and what is left to each key."""
    form = UsageForm(request.GET)
    form.is_valid()
    keys = _list_keys(request.user)
    key = _chosen(keys, form.cleaned_data.get("key"))
    by_day = form.cleaned_data.get("period") == UsageForm.DAYS
    by_action = form.cleaned_data.get("split") == UsageForm.BY_ACTION
    periods = _list_periods(by_day=by_day)
    usages = inspection.list_usage(
        customer_id=request.user.pk,
        since=periods[0],
        unit="day" if by_day else "hour",
        zone=timezone.get_current_timezone(),
        key_id=key.pk if key else None,
    )
    figures = usage_figures.add_up_periods(usages, periods=periods)
    actions = usage_figures.add_up_actions(usages)
    labels = [date_format(timezone.localtime(period), "j M" if by_day else "H:i") for period in periods]
    if by_action:
        chart = usage_figures.draw_actions(list(figures.values()), labels=labels, actions=list(actions))
    else:
        chart = usage_figures.draw_outcomes(list(figures.values()), labels=labels)
    return render(
        request,
        "dashboard/api_usage.html",
        {
            "nav": "api",
            "tabs": api_tabs("api_usage"),
            "keys": keys,
            "key": key,
            "by_day": by_day,
            "by_action": by_action,
            "total": usage_figures.add_up(usages),
            "actions": actions,
            "periods": [(period, sums) for period, sums in reversed(figures.items()) if sums.calls],
            "chart": chart,
            **_tell_headroom(request.user, keys),
        },
    )


@require_safe
def headroom(request: HttpRequest) -> HttpResponse:
    """Give the part of the usage page that changes from second to second."""
    if not request.user.is_authenticated:
        # A redirect would put the login page into the middle of the usage page.
        return HttpResponseClientRefresh()
    keys = _list_keys(request.user)
    return render(request, "dashboard/api_headroom.html", _tell_headroom(request.user, keys))


def _tell_headroom(user: User, keys: list[ApiKey]) -> dict[str, object]:
    live = [key for key in keys if key.revoked_at is None]
    left = throttling.read_headroom(key_ids=[key.pk for key in live], requests_per_second=user.requests_per_second)
    return {
        "headroom": [(key, left and left[key.pk]) for key in live],
        "requests_per_second": user.requests_per_second,
        "sustained_seconds": throttling.SUSTAINED_SECONDS,
    }


def _list_periods(*, by_day: bool) -> list[datetime]:
    """Return where the reader's days, or the hours of UTC, begin that are shown; the oldest first."""
    if by_day:
        day = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        return [day - timedelta(days=ago) for ago in reversed(range(DAYS_SHOWN))]
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    return [hour - timedelta(hours=ago) for ago in reversed(range(HOURS_SHOWN))]


@login_required
@require_safe
def call_list(request: CustomerRequest) -> HttpResponse:
    """List the newest calls that were recorded."""
    form = CallSearchForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    keys = _list_keys(request.user)
    key = _chosen(keys, asked.get("key"))
    action, outcome = asked.get("action", ""), asked.get("outcome", "")
    page = inspection.list_calls(
        customer_id=request.user.pk,
        key_id=key.pk if key else None,
        action=("" if action == UNKNOWN_ACTION else action) if action else None,
        outcome=Outcome(outcome) if outcome else None,
        before=asked.get("before"),
    )
    return render(
        request,
        "dashboard/api_requests.html",
        {
            "nav": "api",
            "tabs": api_tabs("api_requests"),
            "keys": keys,
            "key": key,
            "actions": list(ACTIONS),
            "unknown_action": UNKNOWN_ACTION,
            "action": action,
            "outcomes": list(Outcome),
            "outcome": outcome,
            "before": asked.get("before"),
            "is_filtered": bool(key or action or outcome),
            "calls": page.rows,
            "next_before": page.next_key,
            "calls_per_key": CALLS_PER_KEY,
            "days_kept": KEEP_CALLS.days,
        },
    )


@login_required
@require_safe
def call_detail(request: CustomerRequest, call_id: int) -> HttpResponse:
    """Show one call: what was sent, what was answered, and why."""
    call = _get_call(request.user, call_id)
    return render(
        request,
        "dashboard/api_request.html",
        {
            "nav": "api",
            "tabs": api_tabs("api_requests"),
            "call": call,
            "parameters": [(name, text, length, length > VALUE_MAX_CHARACTERS) for name, text, length in call.sent],
            "left_out": call.parameters - len(call.sent),
            "reasons": call_reasons.list_reasons(call.answer, call.facts),
            "answer": inspection.printed_answer(call),
            "endpoint": API_PATH,
        },
    )


@login_required
@cache_control(no_store=True, private=True)
@require_safe
def console(request: CustomerRequest) -> HttpResponse:
    """Offer a form that sends a real call from the browser, with a key that only the browser knows."""
    form = ConsoleForm(request.GET)
    form.is_valid()
    chosen, values = console_calls.BY_DEFAULT, dict[str, str]()
    if call_id := form.cleaned_data.get("call"):
        chosen, values = console_calls.match(_get_call(request.user, call_id))
    return render(
        request,
        "dashboard/api_console.html",
        {
            "nav": "api",
            "tabs": api_tabs("api_console"),
            "calls": console_calls.list_console_calls(),
            "chosen": chosen,
            "values": values,
            "endpoint": (settings.BASE_URL or f"{request.scheme}://{request.get_host()}") + API_PATH,
            "address": API_PATH,
            "key_placeholder": KEY_PLACEHOLDER,
            "has_key": any(key.revoked_at is None for key in _list_keys(request.user)),
            "requests_url": reverse("dashboard:api_requests"),
        },
    )


def _list_keys(user: User) -> list[ApiKey]:
    return list(api_keys.list_api_keys(user)[:KEYS_SHOWN_MAX])


def _chosen(keys: list[ApiKey], key_id: int | None) -> ApiKey | None:
    """Return the key to narrow a page to; a foreign one is none, as if it did not exist."""
    return next((key for key in keys if key.pk == key_id), None)


def _get_call(user: User, call_id: int) -> RecordedCall:
    try:
        return inspection.get_call(customer_id=user.pk, call_id=call_id)
    except RecordedCall.DoesNotExist:
        raise Http404 from None
