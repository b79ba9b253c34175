"""How values look on a page: money, statuses, times, links from users, form fields, icons."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

from django import template
from django.forms import BoundField, CheckboxInput
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from content.rendering import render_markdown
from dashboard.markup import fill
from dashboard.words import refill_word_for, type_word_for, word_for
from orders.transitions import Status
from panel.money import format_amount
from support.models import Ticket

register = template.Library()

CENTS = 2  # decimals everybody reads; the other three are there to add up

TONE_OF_STATUS = {
    Status.PENDING: "neutral",
    Status.PROCESSING: "info",
    Status.IN_PROGRESS: "info",
    Status.COMPLETED: "success",
    Status.PARTIAL: "warning",
    Status.CANCELED: "danger",
}
TONE_OF_REFILL = {"Completed": "success", "Rejected": "danger"}
TONE_OF_TICKET = {Ticket.State.OPEN: "info", Ticket.State.ANSWERED: "success", Ticket.State.CLOSED: "neutral"}
TONE_OF_MESSAGE = {"success": "success", "warning": "warning", "error": "danger"}


@register.filter
def amount(value: Decimal) -> str:
    """Print money for a sentence: two decimals, or all five. Three would read as thousands."""
    text = f"{value:,.5f}"
    return text.removesuffix("000")


@register.filter
def money(value: Decimal, sign: str = "") -> SafeString:
    """Print money for a column: always five decimals so that points align, with idle zeros in grey."""
    whole, _, decimals = f"{value:,.5f}".partition(".")
    said = decimals.rstrip("0").ljust(CENTS, "0")
    filled = decimals[len(said) :]
    return fill('{}{}.{}<span class="money-fill">{}</span>', sign, whole, said, filled)


@register.filter
def plain(value: Decimal) -> str:
    """Print money for a program: five decimals, a point, nothing else."""
    return format_amount(value)


@register.filter
def count(value: int) -> str:
    """Print a whole number with thousands separators."""
    return f"{value:,}"


@register.filter
def minutes(value: int) -> str:
    """Print a duration given in minutes, in the largest units that stay exact enough to plan with."""
    if value < 60:  # noqa: PLR2004
        return _("%(minutes)s min") % {"minutes": value}
    hours, rest = divmod(value, 60)
    if hours < 24:  # noqa: PLR2004
        facts = {"hours": hours, "minutes": rest}
        return (_("%(hours)s h %(minutes)s min") if rest else _("%(hours)s h")) % facts
    days, hours = divmod(hours, 24)
    facts = {"days": days, "hours": hours}
    return (_("%(days)s d %(hours)s h") if hours else _("%(days)s d")) % facts


@register.filter
def duration(value: timedelta) -> str:
    """Print a duration: seconds below a minute, else as `minutes` does."""
    seconds = round(value.total_seconds())
    return _("%(seconds)s s") % {"seconds": seconds} if seconds < 60 else minutes(seconds // 60)  # noqa: PLR2004


@register.filter
def type_word(service_type: str) -> str:
    """Print the type of a service in the reader's language; programs read the protocol's own name."""
    return type_word_for(service_type)


@register.filter
def markdown(text: str, heading: int = 2) -> SafeString:
    """Show a text of the operator's; its headings begin at the given level."""
    return render_markdown(text, heading=heading)


@register.filter
def tone(level: str) -> str:
    """Translate the level of a message into the tone of its notice."""
    return TONE_OF_MESSAGE.get(level, "info")


@register.simple_tag
def at(moment: datetime | None) -> SafeString | str:
    """Print a moment by the reader's clock; the exact one in UTC, the API's clock, is in its title."""
    if moment is None:
        return "–"
    local = timezone.localtime(moment)
    return fill(
        '<time datetime="{}" title="{}" class="whitespace-nowrap">{}</time>',
        moment.isoformat(),
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"{local.day:02} {_name_month(get_language(), local.month)} {local.year}, {local.hour:02}:{local.minute:02}",
    )


@lru_cache(maxsize=256)  # a list has a hundred times on a page
def _name_month(_language: str, month: int) -> str:
    return MONTHS_3[month].title()


@register.simple_tag
def clock() -> str:
    """Name the clock of the times on this page, for the heads of columns: `UTC` or `Madrid`."""
    return timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " ")


@register.simple_tag
def status_badge(status: str) -> SafeString:
    """Show an order's public status."""
    return _draw_status(get_language(), status)


@lru_cache(maxsize=256)  # a list has fifty, and there are six of them in each language
def _draw_status(_language: str, status: str) -> SafeString:
    return badge(word_for(status), TONE_OF_STATUS.get(Status(status), "neutral"), dot=True)


@register.simple_tag
def refill_badge(status: str) -> SafeString:
    """Show a refill's status."""
    return badge(refill_word_for(status), TONE_OF_REFILL.get(status, "info"), dot=True)


@register.simple_tag
def ticket_badge(ticket: Ticket) -> SafeString:
    """Show how a ticket stands."""
    return badge(ticket.get_state_display(), TONE_OF_TICKET[Ticket.State(ticket.state)], dot=True)


@register.simple_tag
def badge(text: str, tone: str = "neutral", dot: bool = False) -> SafeString:
    """Show a word as a small sign."""
    return fill('<span class="badge badge-{}{}">{}</span>', tone, " badge-dot" if dot else "", text)


@register.simple_tag
@lru_cache(maxsize=256)  # a page has thirty of them, and the templates some eighty in all
def icon(name: str, classes: str = "icon") -> SafeString:
    """Draw an icon of the sprite; decoration only, the text beside it carries the meaning."""
    return fill(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', classes, static("dashboard/icons.svg"), name
    )


@register.simple_tag(takes_context=True)
def navigation(context: template.Context) -> SafeString:
    """Show the links to all pages, with the one that `nav` names marked."""
    return _draw_navigation(get_language(), context.get("nav", ""), context["request"].user.unread_tickets)


# Every page shows them twice, and drawing them took a fifth of its time. All who see the same share them.
@lru_cache(maxsize=512)
def _draw_navigation(_language: str, nav: str, unread_tickets: int) -> SafeString:
    return render_to_string("dashboard/nav.html", {"nav": nav, "unread_tickets": unread_tickets})


@register.simple_tag
def user_link(text: str, classes: str = "") -> SafeString:
    """Show an address that a user typed: a link only when it leads to the web, never to `javascript:`."""
    if not leads_to_web(text):
        return fill('<span class="{}" title="{}">{}</span>', classes, text, text)
    return fill(
        '<a class="text-accent hover:underline {}" href="{}" title="{}"'
        ' rel="noopener noreferrer nofollow" target="_blank">{}</a>',
        classes,
        text,
        text,
        text,
    )


def leads_to_web(text: str) -> bool:
    """Say whether a text is an http or https address with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


@register.simple_tag(takes_context=True)
def address_with(context: template.Context, **changes: object) -> str:
    """Return this page's address with some query parameters replaced; empty ones are dropped."""
    parameters = {**context["request"].GET.dict(), **changes}
    kept = {name: value for name, value in parameters.items() if value not in ("", None)}
    return f"?{urlencode(kept)}" if kept else context["request"].path


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, *, placeholder: bool = True, label: str = "") -> dict[str, object]:
    """Render a form field with its label, help and errors.

    :param placeholder: False drops the widget's own, where it only repeats the label.
    :param label: instead of the form's.
    """
    attrs: dict[str, str | bool] = {} if placeholder else {"placeholder": False}
    return {
        "field": bound,
        "label": label or bound.label,
        "widget": bound.as_widget(attrs=attrs),
        "is_checkbox": isinstance(bound.field.widget, CheckboxInput),
    }


@register.inclusion_tag("components/tabs.html", takes_context=True)
def support_tabs(context: template.Context) -> dict[str, object]:
    """Render the tabs of all that helps."""
    pages = (
        (reverse("dashboard:tickets"), _("Tickets")),
        (reverse("dashboard:news"), _("News")),
        (reverse("dashboard:page", args=["help"]), _("Help")),
    )
    path = context["request"].path
    return {"label": _("Support"), "tabs": [(address, label, path == address) for address, label in pages]}


@register.inclusion_tag("components/tabs.html", takes_context=True)
def account_tabs(context: template.Context) -> dict[str, object]:
    """Render the tabs of the account, whose pages are partly ours and partly allauth's."""
    match = context["request"].resolver_match
    path = match.route if match else ""
    pages = [
        ("dashboard:profile", _("Profile"), "account/profile/"),
        ("dashboard:notifications", _("Notifications"), "account/notifications/"),
        ("account_email", _("Email"), "account/email/"),
        ("account_change_password", _("Password"), "account/password/"),
        ("mfa_index", _("Two-factor"), "account/2fa/"),
        ("dashboard:sessions", _("Sessions"), "account/sessions/"),
    ]
    return {
        "label": _("Account"),
        "tabs": [(reverse(name), label, path.startswith(prefix)) for name, label, prefix in pages],
    }


@register.inclusion_tag("components/tabs.html", takes_context=True)
def new_order_tabs(context: template.Context) -> dict[str, object]:
    """Render the tabs of the two ways to order on the website."""
    match = context["request"].resolver_match
    is_mass = match is not None and "mass_order" in match.url_name
    return {
        "label": _("New order"),
        "tabs": [
            (reverse("dashboard:new_order"), _("Single"), not is_mass),
            (reverse("dashboard:mass_order"), _("Mass order"), is_mass),
        ],
    }


@register.inclusion_tag("components/tabs.html", takes_context=True)
def order_tabs(context: template.Context) -> dict[str, object]:
    """Render the tabs of the lists of orders."""
    match = context["request"].resolver_match
    here = match.view_name if match else ""
    pages = [
        ("dashboard:orders", _("Orders")),
        ("dashboard:dripfeeds", _("Drip-feed")),
        ("dashboard:refills", _("Refills")),
    ]
    return {"label": _("Orders"), "tabs": [(reverse(name), label, here == name) for name, label in pages]}
