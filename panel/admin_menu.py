"""The menu of the admin: grouped by what people come for, not by the app a table lies in."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst


class Entry(NamedTuple):
    """A list of the admin in the menu."""

    model: str
    icon: str  # a name of Material Symbols, which the theme ships
    label: str = ""  # where the table's name is not what people say


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Orders",
        (
            Entry("orders.order", "shopping_cart"),
            Entry("orders.reviewitem", "help", "Review queue"),
            Entry("orders.heldrun", "pan_tool", "Held by the profit guard"),
            Entry("orders.stuckrun", "hourglass_top", "Stuck"),
            Entry("orders.refill", "replay"),
            Entry("orders.cancellation", "cancel"),
        ),
    ),
    (
        "Customers",
        (
            Entry("accounts.user", "group", "Customers and staff"),
            Entry("support.ticket", "support_agent"),
            Entry("support.savedreply", "quickreply"),
            Entry("catalog.customrate", "sell", "Own prices"),
            Entry("catalog.discount", "percent"),
            Entry("accounts.apikey", "key", "API keys"),
        ),
    ),
    (
        "Services",
        (
            Entry("catalog.service", "storefront"),
            Entry("catalog.category", "category"),
            Entry("catalog.serviceupdate", "update"),
            Entry("providers.provider", "dns"),
        ),
    ),
    (
        "Money",
        (
            Entry("payments.payment", "payments"),
            Entry("reports.dayfigure", "monitoring", "Reports"),
            Entry("wallet.deposit", "savings"),
            Entry("wallet.wallet", "account_balance_wallet"),
            Entry("wallet.ledgerentry", "receipt_long", "Ledger"),
            Entry("payments.gatewaysettings", "credit_card", "Ways to pay"),
            Entry("payments.bonusrule", "redeem"),
            Entry("payments.coupon", "confirmation_number"),
            Entry("catalog.currency", "currency_exchange"),
        ),
    ),
    (
        "Staff",
        (
            Entry("staff.approval", "how_to_reg"),
            Entry("staff.bulkjob", "playlist_play"),
            Entry("staff.auditentry", "history", "Staff log"),
            Entry("auth.group", "badge", "Roles"),
            Entry("admin_api.staffkey", "vpn_key", "Admin API keys"),
        ),
    ),
    (
        "Website",
        (
            Entry("content.news", "campaign"),
            Entry("content.page", "article"),
            Entry("content.mailtext", "mail"),
            Entry("status.incident", "report"),
        ),
    ),
)


def build_menu(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with what this member of the staff may see; lists that no group names come last."""
    rest = {model._meta.label_lower: model for model in admin.site._registry}  # noqa: SLF001 - Django's public names
    groups: list[dict[str, Any]] = [
        {"items": [{"title": "Home", "icon": "home", "link": reverse("admin:index"), "active": _is_home(request)}]}
    ]
    for title, entries in GROUPS:
        known = [(rest.pop(entry.model), entry) for entry in entries if entry.model in rest]
        groups.append({"title": title, "separator": True, "items": _items(request, known)})
    others = [(model, Entry(label, "table_rows")) for label, model in sorted(rest.items())]
    # Not folded: the theme's folded groups open by mouse only.
    groups.append({"title": "More", "separator": True, "items": _items(request, others)})
    return [group for group in groups if group["items"]]


def _items(request: HttpRequest, entries: list[tuple[type[Model], Entry]]) -> list[dict[str, Any]]:
    return [
        {
            "title": _label(model, entry),
            "icon": entry.icon,
            "link": _address(model),
            "active": request.path.startswith(_address(model)),
        }
        for model, entry in entries
        if admin.site._registry[model].has_view_or_change_permission(request)  # noqa: SLF001
    ]


def labels_by_address() -> dict[str, str]:
    """Return what the menu calls a list, by where the list is."""
    named = {entry.model: entry for _title, entries in GROUPS for entry in entries}
    return {
        _address(model): _label(model, named[model._meta.label_lower])  # noqa: SLF001 - Django's public name
        for model in admin.site._registry  # noqa: SLF001
        if model._meta.label_lower in named  # noqa: SLF001
    }


def _label(model: type[Model], entry: Entry) -> str:
    return entry.label or capfirst(str(model._meta.verbose_name_plural))  # noqa: SLF001


def _address(model: type[Model]) -> str:
    opts = model._meta  # noqa: SLF001
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")


def _is_home(request: HttpRequest) -> bool:
    return request.path == reverse("admin:index")
