"""Draw the rows of the staff's list of orders in one piece: the theme renders each cell as a template of its own.

Fifty rows of that took most of the page's time.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from unfold.admin import checkbox
from unfold.widgets import UnfoldBooleanWidget

from orders.models import Order
from orders.transitions import Status
from panel.money import ZERO, format_amount

LINK_SHOWN_CHARACTERS = 60  # the order's page shows all of it

_HEADINGS = ("Order", "Customer", "Service and link", "Status, provider", "Quantity", "Charge")
_FIGURES = ("Quantity", "Charge")
_CELL = "align-top border-base-200 border-t px-3 py-2 dark:border-base-800"
_NUMBER = f"{_CELL} text-right whitespace-nowrap"
_LABEL = "font-semibold inline-block leading-6 px-2 rounded-default text-[11px] uppercase whitespace-nowrap"
_COLOURS = {
    Status.PENDING: "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
    Status.PROCESSING: "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    Status.IN_PROGRESS: "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    Status.COMPLETED: "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    Status.PARTIAL: "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    Status.CANCELED: "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
}

# The theme's words for about the same colours.
STATUS_LABELS = {
    Status.PROCESSING: "info",
    Status.IN_PROGRESS: "info",
    Status.COMPLETED: "success",
    Status.PARTIAL: "warning",
    Status.CANCELED: "danger",
}

_ROW = (
    '<tr>{}<td class="' + _CELL + '"><a class="font-semibold text-link" href="{}">{}</a>'
    ' <span class="text-subtle">{}</span><br><span class="whitespace-nowrap">{}</span></td>'
    '<td class="' + _CELL + '"><a class="text-link" href="{}">{}</a></td>'
    '<td class="' + _CELL + ' order-link"><a class="text-link" href="{}">{} {}</a><br>'
    '<span title="{}">{}</span></td><td class="' + _CELL + '"><span class="' + _LABEL + ' {}">{}</span><br>{}</td>'
    '<td class="' + _NUMBER + '">{}{}{}</td><td class="' + _NUMBER + '">{}{}</td></tr>'
)


def draw_table(orders: Sequence[Any], *, has_boxes: bool) -> SafeString:
    """Draw orders as `staff_listing` gives them.

    :param has_boxes: whether they can be selected for an action.
    """
    heads = [_headline(text) for text in _HEADINGS]
    if has_boxes:
        # The theme's script looks for this class, and for the table's.
        toggle = UnfoldBooleanWidget({"class": "action-toggle", "aria-label": "Select all orders on this page"})
        heads.insert(0, format_html('<th class="px-3 py-2 w-10">{}</th>', toggle.render("action-toggle", False)))
    # The addresses differ by an id, and looking each up takes longer than all the rest.
    addresses = [
        reverse(f"admin:{name}_change", args=[0]) for name in ("orders_order", "accounts_user", "catalog_service")
    ]
    box = checkbox.render(ACTION_CHECKBOX_NAME, "0") if has_boxes else ""
    return format_html(
        '<div class="border border-base-200 overflow-x-auto rounded-default dark:border-base-800">'
        '<table id="result_list" class="result-list w-full"><thead class="bg-base-50 dark:bg-white/[.02]">'
        "<tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        SafeString("".join(heads)),
        format_html_join("", _ROW, (_row(order, addresses, box) for order in orders)),
    )


def _headline(text: str) -> SafeString:
    side = "text-right" if text in _FIGURES else "text-left"
    return format_html('<th scope="col" class="font-semibold px-3 py-2 {} whitespace-nowrap">{}</th>', side, text)


def _row(order: Any, addresses: Sequence[str], box: str) -> tuple[Any, ...]:
    of_order, of_customer, of_service = addresses
    return (
        _box(box, order.pk),
        of_order.replace("/0/", f"/{order.pk}/"),
        order.pk,
        "website" if order.api_key_id is None else "API",
        date_format(localtime(order.created_at), "SHORT_DATETIME_FORMAT"),
        of_customer.replace("/0/", f"/{order.customer_id}/"),
        order.customer.username,
        of_service.replace("/0/", f"/{order.service_id}/"),
        order.service_id,
        order.service.name,
        order.link,
        cut_link(order),
        _COLOURS[Status(order.status)],
        order.status,
        order.provider_name or "",
        f"{order.quantity:,}",
        format_html("<br>{} remain", f"{order.remains:,}") if order.remains else "",
        "" if order.start_count is None else format_html("<br>from {}", f"{order.start_count:,}"),
        format_amount(order.net_charge),
        format_html("<br>{} refunded", format_amount(order.refunded)) if order.refunded > ZERO else "",
    )


def _box(box: str, order_id: int) -> SafeString | str:
    if not box:
        return ""
    drawn = box.replace('value="0"', f'value="{int(order_id)}" aria-label="Select order {int(order_id)}"')
    return mark_safe(f'<td class="{_CELL}">{drawn}</td>')  # noqa: S308 - the widget's own, with a number in it


def cut_link(order: Order) -> str:
    """Show a link as text, cut: it is what a customer typed, and nothing to click on."""
    return order.link if len(order.link) <= LINK_SHOWN_CHARACTERS else order.link[:LINK_SHOWN_CHARACTERS] + "…"
