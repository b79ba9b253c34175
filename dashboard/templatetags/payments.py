"""How payments and the wallet's pages look."""

from decimal import Decimal

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dashboard.templatetags.panel import badge, money
from payments.models import Payment

register = template.Library()

State = Payment.State
TONE_OF_STATE = {
    State.PENDING: "neutral",
    State.AWAITING: "info",
    State.CREDITED: "success",
    State.REJECTED: "danger",
    State.EXPIRED: "neutral",
    State.FAILED: "danger",
}


@register.simple_tag
def payment_badge(state: str) -> SafeString:
    """Show the state of a payment."""
    words = {
        State.PENDING: _("To be paid"),
        State.AWAITING: _("Awaiting confirmation"),
        State.CREDITED: _("Credited"),
        State.REJECTED: _("Rejected"),
        State.EXPIRED: _("Expired"),
        State.FAILED: _("Failed"),
    }
    return badge(words[State(state)], TONE_OF_STATE[State(state)], dot=True)


@register.inclusion_tag("components/tabs.html")
def wallet_tabs(current: str) -> dict[str, object]:
    """Render the tabs of the wallet; `current` is the name of this page's address."""
    pages = [("wallet", _("Statement")), ("add_funds", _("Add funds")), ("deposits", _("Deposits"))]
    return {
        "label": _("Wallet"),
        "tabs": [(reverse(f"dashboard:{name}"), label, name == current) for name, label in pages],
    }


@register.filter
def percent(value: Decimal) -> str:
    """Print a percentage without idle zeros."""
    return f"{value.normalize():f} %"


@register.filter
def signed(value: Decimal) -> SafeString:
    """Print money that came in or went out, for a column."""
    return money(abs(value), "+" if value > 0 else "−" if value < 0 else "")
