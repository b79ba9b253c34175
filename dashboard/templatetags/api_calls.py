"""How recorded calls of the API look on a page."""

from collections.abc import Mapping

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from api_v2.models import Outcome, RecordedCall
from dashboard import call_reasons
from dashboard.templatetags.panel import badge

register = template.Library()

TONE_OF_OUTCOME = {Outcome.OK: "success", Outcome.REFUSED: "warning", Outcome.FAILED: "danger"}


@register.filter
def latency(microseconds: int) -> str:
    """Print how long a call took."""
    if microseconds < 10_000:  # noqa: PLR2004
        return f"{microseconds / 1000:.1f} ms"
    if microseconds < 10_000_000:  # noqa: PLR2004
        return f"{microseconds // 1000:,} ms"
    return f"{microseconds // 1_000_000:,} s"


@register.filter
def share_of(part: int, whole: int) -> str:
    """Print a part as a share of the whole."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


@register.filter
def call_summary(call: RecordedCall) -> str:
    """Print what a recorded call was about in one line."""
    return " · ".join(f"{name}={text}" for name, text, _length in call.sent if name not in ("key", "action"))


@register.filter
def first_error(answer: str) -> str:
    """Return the API's error text at the beginning of an answer, if there is one."""
    return next(iter(call_reasons.list_errors(answer)), "")


@register.filter
def value_of(values: Mapping[str, str], name: str) -> str:
    """Look up a name that is itself a variable."""
    return values.get(name, "")


@register.simple_tag
def outcome_badge(outcome: str) -> SafeString:
    """Show how a call ended."""
    labels = {Outcome.OK: gettext("Answered"), Outcome.REFUSED: gettext("Refused"), Outcome.FAILED: gettext("Failed")}
    return badge(labels[Outcome(outcome)], TONE_OF_OUTCOME[Outcome(outcome)], dot=True)
